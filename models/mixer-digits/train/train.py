"""Train a small MLP-Mixer on scikit-learn's 8x8 digits, each row of pixels a token; see ../../train/digits.py for arguments."""
import os
import sys

import torch
import torch.nn as nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from digits import main

TOKENS, WIDTH, HIDDEN = 8, 16, 32


def perceptron(width):
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, width))


class Mixer(nn.Module):
    """Takes pixels from 0 to 16; mixes tokens, then channels, each behind a norm, then the mean of the tokens."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, WIDTH)
        self.position = nn.Parameter(torch.randn(TOKENS, WIDTH))
        self.norm1, self.tokens = nn.LayerNorm(WIDTH), perceptron(TOKENS)
        self.norm2, self.channels = nn.LayerNorm(WIDTH), perceptron(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, image):
        x = self.embed(image / 16) + self.position
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norm2(x))
        return self.head(x.mean(1))


if __name__ == "__main__":
    main(Mixer, epochs=60)
