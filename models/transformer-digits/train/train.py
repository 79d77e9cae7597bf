"""Train a small transformer on scikit-learn's 8x8 digits, each row of pixels a token; see ../../train/digits.py for arguments."""
import os
import sys

import torch
import torch.nn as nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from digits import main

TOKENS, WIDTH, HIDDEN = 8, 16, 32
SCORE_DECAY = 3.0       # of what queries and keys are made by: it keeps scores moderate


class Attention(nn.Module):
    """softmax(q k^T / sqrt(WIDTH)) v, with one head."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x):
        scores = self.query(x) @ self.key(x).transpose(1, 2) / WIDTH ** 0.5
        return self.out(torch.softmax(scores, -1) @ self.value(x))


class Transformer(nn.Module):
    """Takes pixels from 0 to 16; one block with attention and perceptron side by side, then the mean of the tokens."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, WIDTH)
        self.position = nn.Parameter(torch.randn(TOKENS, WIDTH))
        self.norm, self.attention = nn.LayerNorm(WIDTH), Attention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH))
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, image):
        x = self.embed(image / 16) + self.position
        y = self.norm(x)
        return self.head((x + self.attention(y) + self.mlp(y)).mean(1))


def groups(model):
    """Weight decay as usual for matrices, more for those of queries and keys, none for biases, positions and the norm."""
    scores = [model.attention.query.weight, model.attention.key.weight]
    matrices = [layer.weight for layer in model.modules() if isinstance(layer, nn.Linear)]
    within = lambda p, group: any(p is q for q in group)
    return [
        {"params": scores, "weight_decay": SCORE_DECAY},
        {"params": [p for p in matrices if not within(p, scores)]},
        {"params": [p for p in model.parameters() if not within(p, matrices)], "weight_decay": 0}]


if __name__ == "__main__":
    main(Transformer, epochs=80, groups=groups)
