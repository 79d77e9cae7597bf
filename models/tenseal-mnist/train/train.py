"""Train the network of TenSEAL's tutorial on MNIST and export it to ONNX; see ../../train/mnist.py for arguments."""
import os
import sys

import torch.nn as nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from mnist import SquareNet, main


def build():
    return SquareNet(
        nn.Conv2d(1, 4, 7, stride=3),                           # 4 x 8 x 8
        nn.Sequential(nn.Flatten(), nn.Linear(256, 64)),
        nn.Linear(64, 10))


if __name__ == "__main__":
    main(build, epochs=20)
