"""What the MNIST networks with square activations share: data, training, scaling and export.

A network is a list of stages with squares between them; each stage ends with its only
convolution or linear layer. See ../tenseal-mnist/train/train.py for how it is used (of
../mnist-cryptonets/train/train.py, only `load` and `augment` are here):

    python3 train.py DATA_DIR OUT_DIR [--epochs N] [--holdout]

DATA_DIR holds the four unpacked IDX files (train-images-idx3-ubyte, ...).
OUT_DIR receives model.onnx, model.calibration.npy, samples/images.npy and
samples/labels.npy.

--holdout trains on the first 55,000 training images, reports accuracy on the
other 5,000 and writes nothing. The test images are read only after the last
epoch, to report the accuracy and save samples.

Needs torch and numpy (made with torch 1.13 and numpy 1.24).
"""
import argparse
import math
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 1
BATCH = 128
PEAK_LR = 2e-3
WARMUP = 500
WEIGHT_DECAY = 1e-4
LABEL_SMOOTHING = 0.05
ACTIVATION_PENALTY = 1e-3   # on the mean square of the squares
AVERAGE_FROM = 0.7          # fraction of training after which weights are averaged
AVERAGE_DECAY = 0.999


class SquareNet(nn.Module):
    """stage, square, stage, square, ..., stage.

    While training, each value that is squared is batch-normalised: squares of squares
    explode without. `fold` puts the normalisations into the layers before them.
    """

    def __init__(self, *stages):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.norms = nn.ModuleList(norm_after(last(stage)) for stage in stages[:-1])

    def parts(self, x):
        """Every value that is squared, its square, ..., then the logits."""
        values = []
        for stage, norm in zip(self.stages, self.norms):
            x = norm(stage(x))
            values += [x, x * x]
            x = values[-1]
        return values + [self.stages[-1](x)]

    def forward(self, x):
        return self.parts(x)[-1]


def last(stage):
    return list(stage)[-1] if isinstance(stage, nn.Sequential) else stage


def norm_after(layer):
    conv = isinstance(layer, nn.Conv2d)
    return nn.BatchNorm2d(layer.out_channels) if conv else nn.BatchNorm1d(layer.out_features)


def scale_rows(layer, factor):
    """Multiply each output of the layer by its factor."""
    layer.weight.mul_(factor.view(-1, *[1] * (layer.weight.dim() - 1)))
    layer.bias.mul_(factor)


@torch.no_grad()
def fold(model):
    """Put each normalisation, with the statistics it has seen, into the layer before it."""
    for k, norm in enumerate(model.norms):
        layer = last(model.stages[k])
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        scale_rows(layer, factor)
        layer.bias.add_(norm.bias - norm.running_mean * factor)
        model.norms[k] = nn.Identity()


@torch.no_grad()
def rescale(model, x):
    """Make the RMS of what is squared 1 on x (per map of a convolution, else per layer); the logits stay.

    Scaling an output of a layer by s scales its square by s^2, which the next layer's weights take back.
    """
    for k in range(len(model.stages) - 1):
        layer, following = last(model.stages[k]), last(model.stages[k + 1])
        value = model.parts(x)[2 * k]
        size = value.square().mean((0, 2, 3)) if value.dim() == 4 else value.square().mean()
        factor = (1 / size.sqrt()).expand(len(layer.bias))
        scale_rows(layer, factor)
        by_input = following.weight.view(len(following.bias), len(layer.bias), -1)
        by_input.div_((factor * factor)[None, :, None])


def read_idx(path):
    with open(path, "rb") as f:
        data = f.read()
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, 4)
    return np.frombuffer(data, np.uint8, -1, 4 + 4 * rank).reshape(shape)


def load(directory, name):
    x = read_idx(os.path.join(directory, name + "-images-idx3-ubyte"))
    y = read_idx(os.path.join(directory, name + "-labels-idx1-ubyte"))
    x = (x.astype(np.float32) / np.float32(255)).reshape(-1, 1, 28, 28)
    return torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))


def augment(x):
    """A random rotation, scale, shear and shift for half of the images.

    The other half stays as it is: resampling blurs, and a network that only
    sees blurred strokes does worse on sharp ones.
    """
    n = len(x) // 2
    u = lambda a: (torch.rand(n) * 2 - 1) * a
    angle, scale, shear = u(math.radians(12)), 1 + u(0.1), u(0.15)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack([
        torch.stack([cos, -sin + shear, u(1.5 / 14)], 1),
        torch.stack([sin, cos, u(1.5 / 14)], 1)], 1)
    grid = F.affine_grid(theta, x[:n].shape, align_corners=False)
    return torch.cat([F.grid_sample(x[:n], grid, align_corners=False), x[n:]])


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        hits = sum((model(x[i:i + 1000]).argmax(1) == y[i:i + 1000]).sum().item() for i in range(0, len(x), 1000))
    model.train()
    return hits / len(x)


def train(model, x, y, epochs, report):
    average = {k: v.clone() for k, v in model.state_dict().items()}
    opt = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=WEIGHT_DECAY)
    steps = epochs * (len(x) // BATCH)
    schedule = lambda s: min(1, (s + 1) / WARMUP) * 0.5 * (1 + math.cos(math.pi * s / steps))
    sched = torch.optim.lr_scheduler.LambdaLR(opt, schedule)
    step = 0
    for epoch in range(epochs):
        order = torch.randperm(len(x))
        total = 0.0
        for i in range(0, len(x) - BATCH + 1, BATCH):
            pick = order[i:i + BATCH]
            parts = model.parts(augment(x[pick]))
            loss = F.cross_entropy(parts[-1], y[pick], label_smoothing=LABEL_SMOOTHING)
            size = sum(square.square().mean() for square in parts[1:-1:2])
            opt.zero_grad()
            (loss + ACTIVATION_PENALTY * size).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            step += 1
            total += loss.item() * BATCH / len(x)
            decay = AVERAGE_DECAY if step > AVERAGE_FROM * steps else 0
            if decay or step == int(AVERAGE_FROM * steps):
                for k, v in model.state_dict().items():
                    if v.is_floating_point():
                        average[k].mul_(decay).add_(v, alpha=1 - decay)
        report(epoch, total, model)
    model.load_state_dict(average)


@torch.no_grad()
def settle_norms(model, x):
    """Statistics of the averaged weights, from the images themselves."""
    for norm in model.norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.train()
    for i in range(0, len(x), 1000):
        model(x[i:i + 1000])


def main(build, epochs):
    """Train build() for `epochs` epochs unless --epochs says otherwise; save it and its samples."""
    ap = argparse.ArgumentParser()
    ap.add_argument("data_dir")
    ap.add_argument("out_dir")
    ap.add_argument("--epochs", type=int, default=epochs)
    ap.add_argument("--holdout", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    x, y = load(args.data_dir, "train")
    pick = np.sort(np.random.default_rng(SEED).choice(len(x), 256, replace=False))
    calibration = x[torch.from_numpy(pick)]
    held = None
    if args.holdout:
        x, held_x, y, held_y = x[:55000], x[55000:], y[:55000], y[55000:]
        held = lambda m: accuracy(m, held_x, held_y)

    def report(epoch, loss, model):
        extra = f"  held-out {held(model):.4f}" if held else ""
        print(f"epoch {epoch + 1}  loss {loss:.4f}{extra}", flush=True)

    model = build()
    train(model, x, y, args.epochs, report)
    settle_norms(model, x)
    model.eval()
    fold(model)
    rescale(model, calibration)

    with torch.no_grad():
        for k, v in enumerate(model.parts(calibration)):
            print(f"value {k}  max {v.abs().max():8.3f}  rms {v.square().mean().sqrt():7.3f}")
    if held:
        print(f"held-out accuracy {held(model):.4f}")
        return

    test_x, test_y = load(args.data_dir, "t10k")
    print(f"test accuracy {accuracy(model, test_x, test_y):.4f}")
    model.eval()
    os.makedirs(os.path.join(args.out_dir, "samples"), exist_ok=True)
    out = lambda name: os.path.join(args.out_dir, name)
    torch.onnx.export(model, test_x[:1], out("model.onnx"), opset_version=13,
                      input_names=["image"], output_names=["logits"])
    np.save(out("model.calibration.npy"), calibration.numpy())
    np.save(out("samples/images.npy"), test_x[:300].numpy())
    np.save(out("samples/labels.npy"), test_y[:300].numpy())
