"""Train a convolutional network with GELU on MNIST and export it to ONNX (by torch 1.13); see ../../train/networks.py for arguments."""
import os
import sys

import torch.nn as nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from networks import legacy, main


def build():
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.GELU(),             # 8 x 14 x 14
        nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.GELU(),            # 16 x 7 x 7
        nn.Flatten(),
        nn.Linear(784, 64), nn.GELU(),
        nn.Linear(64, 10))


if __name__ == "__main__":
    main(build, epochs=8, calibrated=1000, export=legacy)
