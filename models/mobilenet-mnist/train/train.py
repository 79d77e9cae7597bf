"""Train a small depthwise-separable network on MNIST and export it to ONNX (by torch 2.15); see ../../train/networks.py for arguments."""
import os
import sys

import torch.nn as nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from dynamo import dynamo
from networks import main


def conv(inputs, outputs, size, stride=1, groups=1):
    """Convolution without bias, batch normalisation, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6())


def separable(inputs, outputs, stride):
    """A 3x3 convolution of each map by itself, then a 1x1 convolution of all: nothing in between, as in Xception."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
        conv(inputs, outputs, 1))


def build():
    return nn.Sequential(
        conv(1, 16, 3, stride=2),   # 16 x 14 x 14
        separable(16, 32, 1),       # 32 x 14 x 14
        separable(32, 64, 2),       # 64 x 7 x 7
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(64, 10))


if __name__ == "__main__":
    main(build, epochs=8, calibrated=1000, export=dynamo)
