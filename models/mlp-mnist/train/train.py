"""Train a perceptron with one hidden layer on MNIST and export it to ONNX; see ../../train/mnist.py for arguments."""
import os
import sys

import torch.nn as nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from mnist import SquareNet, main


def build():
    return SquareNet(
        nn.Sequential(nn.Flatten(), nn.Linear(784, 128)),
        nn.Linear(128, 10))


if __name__ == "__main__":
    main(build, epochs=15)
