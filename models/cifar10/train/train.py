"""Train a network for encrypted evaluation on CIFAR-10 (JPEG) and export it to ONNX.

    python3 train.py cifar10-jpeg.tar.xz OUT_DIR [--epochs 17] [--holdout] [--threads 1] [--checkpoint FILE]

OUT_DIR receives model.onnx, model.calibration.npy, samples/images.npy and samples/labels.npy.

--holdout trains on 45,000 training images, reports accuracy on the other 5,000 and writes nothing.
The test images are read only after the last epoch, to report the accuracy and to save samples.
--checkpoint writes the state after every epoch and goes on from it where it exists.

Needs torch, a C++ compiler for it, numpy and Pillow (made with torch 2.15, numpy 2 and Pillow 13).
"""
import argparse
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from archive import load

SEED = 1
BATCH = 256
MATRIX_RATE = 0.05          # relative step of the convolutions' weights
OTHER_RATE = 4e-3           # AdamW's, for shifts and the linear layer
WARMUP = 200
MOMENTUM = 0.9
LABEL_SMOOTHING = 0.1
RANGE_PENALTY = 1e-3        # on the mean square of the activations
SHIFT = 2                   # pixels by which images are moved, at most
WIDTHS = (48, 64, 128, 192)
SAMPLES, CALIBRATION = 500, 400
EPSILON = 1e-5
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@torch.compile(dynamic=False)
def normalised_square(x, s):
    """Activation of rows [p, maps] in the training's normalisation, the rows' mean and variance, and the mean of y^2.

    Compiled: a few passes over memory, where it otherwise takes more time than the convolutions.
    """
    variance, mean = torch.var_mean(x, 0, unbiased=False)
    x = (x - mean) * torch.rsqrt(variance + EPSILON)
    y = (x * (x + 2 * s) - 1) * torch.rsqrt(2 + 4 * s * s)
    return y, mean.detach(), variance.detach(), (y * y).mean()


class Activation(nn.Module):
    """y = (x^2 - 1 + 2 s x) / sqrt(2 + 4 s^2), s per map: mean 0 and variance 1 where x is standard normal.

    x is batch-normalised. y = ((x + s)^2 - s^2 - 1) / sqrt(2 + 4 s^2), so that one square computes it.
    `momentum` is what a batch counts in mean and variance; `size` is the mean of y^2 in the last batch.
    """

    def __init__(self, maps):
        super().__init__()
        self.shift = nn.Parameter(torch.linspace(0.5, 1.5, maps))
        self.register_buffer("mean", torch.zeros(maps))
        self.register_buffer("variance", torch.ones(maps))
        self.momentum, self.size = 0.05, 0

    def forward(self, x):
        s = self.shift
        if not self.training:
            x = (x - self.mean[:, None, None]) * torch.rsqrt(self.variance + EPSILON)[:, None, None]
            return (x * (x + 2 * s[:, None, None]) - 1) * torch.rsqrt(2 + 4 * s * s)[:, None, None]
        count, maps, height, width = x.shape
        y, mean, variance, self.size = normalised_square(x.permute(0, 2, 3, 1).reshape(-1, maps), s)
        self.mean.lerp_(mean, self.momentum)
        self.variance.lerp_(variance, self.momentum)
        return y.view(count, height, width, maps).permute(0, 3, 1, 2)


class Net(nn.Module):
    def __init__(self, widths=WIDTHS):
        super().__init__()
        a, b, c, d = widths
        self.convs = nn.ModuleList([
            nn.Conv2d(3, a, 6, stride=2, padding=2, bias=False),    # a x 16 x 16
            nn.Conv2d(a, b, 3, padding=1, bias=False),              # b x 16 x 16, pooled to 8 x 8
            nn.Conv2d(b, c, 3, padding=1, bias=False),              # c x 8 x 8, pooled to 4 x 4
            nn.Conv2d(c, d, 3, padding=1, bias=False)])             # d x 4 x 4, pooled to 2 x 2
        self.pools = (1, 2, 2, 2)
        self.activations = nn.ModuleList(Activation(n) for n in widths)
        self.linear = nn.Linear(d * 4, 10)

    def forward(self, x):
        """Logits of standardised pixels."""
        for conv, activation, pool in zip(self.convs, self.activations, self.pools):
            x = activation(conv(x))
            x = F.avg_pool2d(x, pool) if pool > 1 else x
        return self.linear(x.flatten(1))


class Folded(nn.Module):
    """The same function of pixels from 0 to 255, with squares for activations and nothing else that is no layer.

    The normalisation and its shift are in the convolution before the square, its factor in the layer behind it. The
    constant -(s^2 + 1) stays a sum of its own, since the next convolution pads with what stands for y = 0.
    """

    @torch.no_grad()
    def __init__(self, net):
        super().__init__()
        self.pools = net.pools
        self.convs = nn.ModuleList()
        self.squares = nn.ParameterList()
        factor = 1 / torch.tensor(DEVIATION)
        for conv, activation in zip(net.convs, net.activations):
            scale, s = torch.rsqrt(activation.variance + EPSILON), activation.shift
            folded = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
            folded.weight.copy_(conv.weight * scale[:, None, None, None] * factor[:, None, None])
            folded.bias.copy_(s - activation.mean * scale)
            self.convs.append(folded)
            self.squares.append(nn.Parameter(-(s * s + 1)[:, None, None]))
            factor = torch.rsqrt(2 + 4 * s * s)
        self.linear = nn.Linear(net.linear.in_features, 10)
        self.linear.weight.copy_(net.linear.weight * factor.repeat_interleave(4))
        self.linear.bias.copy_(net.linear.bias)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])

    def values(self, x):
        """Everything that is squared, and the logits."""
        values, x = [], x / 255 - self.mean
        for conv, constant, pool in zip(self.convs, self.squares, self.pools):
            x = conv(x)
            values.append(x)
            x = x * x + constant
            x = F.avg_pool2d(x, pool) if pool > 1 else x
        return values, self.linear(x.flatten(1))

    def forward(self, x):
        return self.values(x)[1]


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal (K. Jordan, 2024); weights keep the norm sqrt(rows).

    Sound for weights before a normalisation only: their scale has no effect.
    """

    def __init__(self, parameters, lr, momentum):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                average = self.state[p].setdefault("average", torch.zeros_like(p))
                average.mul_(group["momentum"]).add_(p.grad)
                step = orthogonal(p.grad.add(average, alpha=group["momentum"]).flatten(1))
                step *= group["lr"] * math.sqrt(len(p)) / step.norm()
                p.sub_(step.view_as(p))
                p.mul_(math.sqrt(len(p)) / p.norm())


def orthogonal(g):
    """About U V^T of g = U S V^T, by five steps of Newton and Schulz."""
    x = g / (g.norm() + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


def standardise(x):
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    return ((x.float() / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)


def batches(x, y, mirrored, epoch):
    """Shuffled and moved; each image is mirrored in every second epoch, half of them first."""
    order = torch.randperm(len(x))
    padded = F.pad(x, (SHIFT,) * 4, mode="reflect")
    span = torch.arange(32)
    for i in range(0, len(x) - BATCH + 1, BATCH):
        pick = order[i:i + BATCH]
        move = torch.randint(0, 2 * SHIFT + 1, (2, BATCH, 1))
        rows, columns = move[0] + span, move[1] + span
        columns = torch.where((mirrored[pick] ^ (epoch % 2 == 1))[:, None], columns.flip(1), columns)
        yield padded[pick[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2), y[pick]


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        hits = sum((model(x[i:i + 500]).argmax(1) == y[i:i + 500]).sum().item() for i in range(0, len(x), 500))
    return hits / len(x)


@torch.no_grad()
def settle_norms(net, x):
    """Statistics of the final weights: the averages over batches of the images themselves."""
    net.train()
    for k, i in enumerate(range(0, len(x) - BATCH + 1, BATCH)):
        for activation in net.activations:
            activation.momentum = 1 / (k + 1)
        net(x[i:i + BATCH])
    net.eval()


def train(net, x, y, epochs, report, checkpoint):
    optimizers = [
        Muon(net.convs.parameters(), MATRIX_RATE, MOMENTUM),
        torch.optim.AdamW([*net.activations.parameters(), *net.linear.parameters()], OTHER_RATE, weight_decay=1e-2)]
    steps = epochs * (len(x) // BATCH)
    rate = lambda step: min((step + 1) / WARMUP, 1 - step / steps)
    schedules = [torch.optim.lr_scheduler.LambdaLR(optimizer, rate) for optimizer in optimizers]
    mirrored = torch.rand(len(x)) < 0.5
    first = 0
    if checkpoint and os.path.exists(checkpoint):
        first, states, mirrored, random = torch.load(checkpoint)
        for part, state in zip([net, *optimizers, *schedules], states):
            part.load_state_dict(state)
        torch.set_rng_state(random)
    for epoch in range(first, epochs):
        start, total = time.time(), 0.0
        net.train()
        for images, labels in batches(x, y, mirrored, epoch):
            loss = F.cross_entropy(net(images), labels, label_smoothing=LABEL_SMOOTHING)
            size = sum(activation.size for activation in net.activations)
            (loss + RANGE_PENALTY * size).backward()
            for optimizer, schedule in zip(optimizers, schedules):
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            total += loss.item() * BATCH / len(x)
        print(f"epoch {epoch + 1}  loss {total:.4f}  {time.time() - start:.0f} s  {report(net)}", flush=True)
        if checkpoint:
            states = [part.state_dict() for part in [net, *optimizers, *schedules]]
            torch.save((epoch + 1, states, mirrored, torch.get_rng_state()), checkpoint)


def save(folded, data, calibration, out_dir):
    """Write the model and its samples, the first of the test images."""
    os.makedirs(os.path.join(out_dir, "samples"), exist_ok=True)
    out = lambda name: os.path.join(out_dir, name)
    images, labels = data["test"]
    np.save(out("model.calibration.npy"), calibration)
    np.save(out("samples/images.npy"), images[:SAMPLES])
    np.save(out("samples/labels.npy"), labels[:SAMPLES])
    torch.onnx.export(folded, torch.from_numpy(images[:1]).float(), out("model.onnx"), opset_version=17,
                      input_names=["image"], output_names=["logits"], dynamo=False)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("archive")
    ap.add_argument("out_dir")
    ap.add_argument("--epochs", type=int, default=17)
    ap.add_argument("--holdout", action="store_true")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--checkpoint")
    args = ap.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)

    data = load(args.archive)
    images, labels = data["train"]
    order = np.random.default_rng(SEED).permutation(len(images))
    calibration = images[order[:CALIBRATION]]
    kept = order[:-5000] if args.holdout else order
    held = order[-5000:]
    x, y = standardise(torch.from_numpy(images[kept])), torch.from_numpy(labels[kept])
    held_x, held_y = standardise(torch.from_numpy(images[held])), torch.from_numpy(labels[held])
    report = lambda net: f"held-out {accuracy(net, held_x, held_y):.4f}" if args.holdout else ""

    net = Net().to(memory_format=torch.channels_last)
    train(net, x, y, args.epochs, report, args.checkpoint)
    settle_norms(net, x)
    print(report(net))
    folded = Folded(net).eval()
    with torch.no_grad():
        pixels = torch.from_numpy(calibration).float()
        values, logits = folded.values(pixels)
        for k, value in enumerate([*values, logits]):
            print(f"value {k}  max {value.abs().max():8.3f}  rms {value.square().mean().sqrt():7.3f}")
        print(f"folded and trained logits differ by {(logits - net(standardise(pixels))).abs().max():.2e}")
    if not args.holdout:
        test_x, test_y = (torch.from_numpy(a) for a in data["test"])
        print(f"test accuracy {accuracy(folded, test_x.float(), test_y):.4f}")
        save(folded, data, calibration, args.out_dir)


if __name__ == "__main__":
    main()
