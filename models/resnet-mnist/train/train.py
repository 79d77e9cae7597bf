"""Train a small residual network on MNIST and export it to ONNX (by torch 1.13); see ../../train/networks.py for arguments."""
import os
import sys

import torch
import torch.nn as nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from networks import main, preserved


class Block(nn.Module):
    """relu(x' + bn(conv(relu(bn(conv(x)))))), where x' is x, or a 1x1 convolution of it where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.shortcut(x) + self.bn2(self.conv2(y)))


def build():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),  # 8 x 14 x 14
        Block(8, 8, 1),                                                                     # 8 x 14 x 14
        Block(8, 16, 2),                                                                    # 16 x 7 x 7
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, 10))


if __name__ == "__main__":
    main(build, epochs=8, calibrated=1000, export=preserved)
