"""Exports flatten.onnx, expand.onnx and mask.onnx: shapes computed by the model, left unfolded as dynamic axes leave them.

    python3 export.py     (PyTorch 1.13; the models are committed, tests do not run this)
"""

from pathlib import Path

import torch
from torch import nn


class Flatten(nn.Module):
    """x.view(n, c * h * w) of measured dimensions."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 3)
        self.linear = nn.Linear(2 * 4 * 4, 3)

    def forward(self, x):
        y = self.convolution(x)
        return self.linear(y.view(y.size(0), y.size(1) * y.size(2) * y.size(3)))


class Expand(nn.Module):
    """A class token expanded to the batch, positions cut to the length, as a vision transformer begins."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 4))
        self.positions = nn.Parameter(torch.randn(1, 6, 4))
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        patches = self.linear(x.flatten(2).transpose(1, 2))
        t = torch.cat([self.token.expand(x.shape[0], -1, -1), patches], dim=1)
        t = t + self.positions[:, : t.shape[1]]
        return t[:, 0] + t[:, -1] * t.size(1) ** -0.5


class Mask(nn.Module):
    """A causal mean by a mask from ranges, masked_fill, new_zeros and an assignment to a slice."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        n, t, d = x.shape
        i = torch.arange(t)
        mask = i.unsqueeze(0) <= i.unsqueeze(1)
        weights = torch.where(mask, torch.ones(t, t), torch.zeros(t, t)) / (i + 1).unsqueeze(1).float()
        y = torch.matmul(weights, self.linear(x))
        y = y.masked_fill(~mask[:, :1].expand(t, d), 0.0)
        y = torch.cat([y, y.new_zeros(n, t, 1)], -1)
        y[:, :, 1] = 0.5
        return y.reshape(n, -1)


torch.manual_seed(0)
for model, shape, axes in [
    (Flatten(), (1, 1, 6, 6), {0: "n", 2: "h", 3: "w"}),
    (Expand(), (1, 4, 5), {0: "n", 2: "t"}),
    (Mask(), (1, 4, 3), {0: "n", 1: "t"}),
]:
    torch.onnx.export(
        model,
        torch.randn(shape),
        str(Path(__file__).parent / f"{type(model).__name__.lower()}.onnx"),
        opset_version=14,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": axes},
        do_constant_folding=False,
    )
