"""Train LeNet-5 with squares and average pooling on MNIST and export it to ONNX; see ../../train/mnist.py for arguments."""
import os
import sys

import torch.nn as nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from mnist import SquareNet, main


def build():
    return SquareNet(
        nn.Conv2d(1, 6, 5, padding=2),                          # 6 x 28 x 28
        nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(6, 16, 5)),    # 16 x 10 x 10
        nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120)),
        nn.Linear(120, 84),
        nn.Linear(84, 10))


if __name__ == "__main__":
    main(build, epochs=15)
