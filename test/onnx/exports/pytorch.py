"""Exports networks by PyTorch's TorchScript exporter (dynamo=False), as people write and export them.

    python3 pytorch.py     (PyTorch 1.13; the models are committed, tests do not run this)
"""

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class LeNet(nn.Module):
    """Convolutions with ReLU and maximum pooling, dense layers, log-softmax: PyTorch's MNIST example, smaller."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.fc1 = nn.Linear(24, 12)
        self.fc2 = nn.Linear(12, 5)
        self.dropout = nn.Dropout(0.25)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.dropout(torch.flatten(x, 1))
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


class Block(nn.Module):
    """A pre-activation residual block: its normalisations cannot be folded into convolutions."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x):
        y = F.silu(self.bn1(x))
        return self.conv2(F.silu(self.bn2(self.conv1(y)))) + self.shortcut(y)


class Residual(nn.Module):
    """Convolution, batch normalisation and SiLU; a residual block; adaptive average pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.SiLU())
        self.block = Block(4, 6, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.flatten(self.pool(self.block(self.stem(x))), 1))


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.reduce = nn.Conv2d(channels, 2, 1)
        self.expand = nn.Conv2d(2, channels, 1)

    def forward(self, x):
        gate = F.hardsigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True)))))
        return x * gate


class Mobile(nn.Module):
    """Depthwise separable convolutions with ReLU6 and hard swish, and a squeeze-and-excite gate."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, 2, 1),
            nn.Hardswish(),
            nn.Conv2d(4, 4, 3, 1, 1, groups=4),
            nn.BatchNorm2d(4),
            nn.ReLU6(),
            SqueezeExcite(4),
            nn.Conv2d(4, 6, 1),
        )
        self.classifier = nn.Linear(6, 4)

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


class GeluMlp(nn.Module):
    """Dense layers with GELU, a residual connection and a layer normalisation."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.norm(x + self.inner(x)))


class Attention(nn.Module):
    """Causal self-attention with two heads, written as in minGPT: views, transposes, a mask by masked_fill, softmax."""

    def __init__(self, width=4, heads=2, length=6):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.register_buffer("bias", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

    def forward(self, x):
        n, t, d = x.size()
        q, k, v = self.qkv(x).split(d, dim=2)
        q, k, v = (y.view(n, t, self.heads, d // self.heads).transpose(1, 2) for y in (q, k, v))
        weights = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        weights = weights.masked_fill(self.bias[:, :, :t, :t] == 0, float("-inf"))
        y = F.softmax(weights, dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(n, t, d))


class Encoder(nn.Module):
    """Three embedded tokens and their positions through nn.TransformerEncoderLayer; their mean is classified."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(3, 4)
        self.positions = nn.Parameter(torch.randn(1, 3, 4) * 0.1)
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, activation="gelu", batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.layer(self.embed(x) + self.positions).mean(dim=1))


class Transformer(nn.Module):
    """Attention before which the tokens are normalised, dense layers with GELU, both with residual connections."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.attention = Attention(length=4)
        self.dense = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = x + self.attention(self.norm(x))
        x = x + self.dense(x)
        return self.head(x.mean(dim=1))


class Wave(nn.Module):
    """A 1-D network with dilation, LeakyReLU, ELU and average pooling."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(2, 4, 5, stride=2, padding=2),
            nn.LeakyReLU(0.1),
            nn.Conv1d(4, 4, 3, dilation=2, padding=2),
            nn.ELU(),
            nn.AvgPool1d(2, ceil_mode=True),
            nn.Flatten(),
            nn.Linear(16, 3),
            nn.Tanh(),
        )

    def forward(self, x):
        return self.net(x)


class Groups(nn.Module):
    """Group normalisation, Mish, and a bilinear pooling by einsum."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.GroupNorm(2, 4)
        self.weight = nn.Parameter(torch.randn(4, 3) * 0.5)

    def forward(self, x):
        y = F.mish(self.norm(self.conv(x))).flatten(2)
        gram = torch.einsum("nci,ndi->ncd", y, y) / y.size(2)
        return torch.einsum("ncd,co->no", gram, self.weight)


class Decoder(nn.Module):
    """Upsampling in the ways there are: transposed convolution, bilinear interpolation, pixel shuffle."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1)
        self.conv = nn.Conv2d(4, 8, 3, padding=1)
        self.out = nn.Conv2d(2, 1, 3, padding=1, padding_mode="reflect")

    def forward(self, x):
        y = F.softplus(self.up(x))
        y = F.interpolate(y, scale_factor=1.5, mode="bilinear", align_corners=False)
        y = F.pixel_shuffle(self.conv(y), 2)
        return torch.sigmoid(self.out(y))


class Masked(nn.Module):
    """Constant masks by torch.where, buffers, slices, a learned standardisation and a skip to the end."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.tensor([True, False, True, True, False, True]))
        self.register_buffer("mean", torch.randn(6))
        self.register_buffer("std", torch.rand(6) + 0.5)
        self.dense = nn.Linear(6, 6)

    def forward(self, x):
        z = (x - self.mean) / self.std
        y = torch.where(self.mask, torch.sigmoid(self.dense(z)), torch.zeros(()))
        y = torch.cat([y[:, ::2], z[:, 1:4] ** 2, y.roll(1, 1)], dim=1)
        return y.clamp(min=-1.0).sum(dim=1, keepdim=True) + torch.stack([x[:, 0], x[:, -1].abs()], dim=1)


def trained(model):
    """For inference, with statistics as training leaves them."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def export(model, shape, opset, axes=None, name=None, **options):
    torch.onnx.export(
        trained(model),
        torch.randn(shape),
        str(Path(__file__).parent / f"pytorch-{name or type(model).__name__.lower()}.onnx"),
        opset_version=opset,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes=axes and {"x": axes},
        **options,
    )


if __name__ == "__main__":
    torch.manual_seed(1)
    export(LeNet(), (1, 1, 14, 14), 11)
    export(Residual(), (1, 2, 8, 8), 9, {0: "n"})
    export(Mobile(), (1, 3, 8, 8), 13, {0: "n"})
    export(GeluMlp(), (2, 8), 13, {0: "n"})
    export(Attention(), (1, 3, 4), 14, {0: "n", 1: "t"})
    export(Encoder(), (1, 3, 3), 14)
    export(Transformer(), (1, 3, 4), 13, {0: "n"})
    export(Wave(), (1, 2, 16), 12)
    export(Groups(), (1, 1, 6, 6), 15)
    export(Decoder(), (1, 3, 4, 4), 16)
    export(Masked(), (1, 6), 13)
    # Every module a function of the model.
    export(Residual(), (1, 2, 8, 8), 15, name="functions", export_modules_as_functions=True)
