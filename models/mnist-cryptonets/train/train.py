"""Train the CryptoNets network on MNIST and export it to ONNX.

    python3 train.py DATA_DIR OUT_DIR [--epochs N] [--holdout]

DATA_DIR holds the four unpacked IDX files (train-images-idx3-ubyte, ...).
OUT_DIR receives model.onnx, model.calibration.npy, samples/images.npy and
samples/labels.npy.

--holdout trains on the first 55,000 training images, reports accuracy on the
other 5,000 and writes nothing: settings were compared that way. The test images
are read only after the last epoch, to report the accuracy and save samples.

Needs torch and numpy (made with torch 1.13 and numpy 1.24).
"""
import argparse
import math
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from mnist import augment, load

SEED = 1
BATCH = 128
PEAK_LR = 2e-3
WEIGHT_DECAY = 1e-4
LABEL_SMOOTHING = 0.05
ACTIVATION_PENALTY = 1e-3   # on the mean square of the activations
TAIL_PENALTY = 1e-2         # on the kurtosis of each convolution map: keeps its peaks low
AVERAGE_FROM = 0.7          # fraction of training after which weights are averaged
AVERAGE_DECAY = 0.999


class CryptoNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 5, stride=2, padding=1)
        self.fc1 = nn.Linear(845, 100)
        self.fc2 = nn.Linear(100, 10)

    def parts(self, x):
        """Every intermediate value: pre- and post-activations, then the logits."""
        p1 = self.conv(x)
        a1 = p1 * p1
        p2 = self.fc1(torch.flatten(a1, 1))
        a2 = p2 * p2
        return p1, a1, p2, a2, self.fc2(a2)

    def forward(self, x):
        return self.parts(x)[-1]


def accuracy(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def train(x, y, epochs, report):
    model = CryptoNet()
    with torch.no_grad():           # start with small squares
        model.fc1.weight.mul_(0.5)
    average = {k: v.clone() for k, v in model.state_dict().items()}
    opt = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=WEIGHT_DECAY)
    steps = epochs * (len(x) // BATCH)
    warmup = 500
    schedule = lambda s: min(1, (s + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * s / steps))
    sched = torch.optim.lr_scheduler.LambdaLR(opt, schedule)
    step = 0
    for epoch in range(epochs):
        order = torch.randperm(len(x))
        total = 0.0
        for i in range(0, len(x) - BATCH + 1, BATCH):
            pick = order[i:i + BATCH]
            _, a1, _, a2, logits = model.parts(augment(x[pick]))
            loss = F.cross_entropy(logits, y[pick], label_smoothing=LABEL_SMOOTHING)
            size = a1.square().mean() + a2.square().mean()
            tail = (a1.square().mean((0, 2, 3)) / a1.mean((0, 2, 3)).square()).mean()
            opt.zero_grad()
            (loss + ACTIVATION_PENALTY * size + TAIL_PENALTY * tail).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            sched.step()
            step += 1
            total += loss.item() * BATCH / len(x)
            decay = AVERAGE_DECAY if step > AVERAGE_FROM * steps else 0
            if decay or step == int(AVERAGE_FROM * steps):
                for k, v in model.state_dict().items():
                    average[k].mul_(decay).add_(v, alpha=1 - decay)
        report(epoch, total, model)
    model.load_state_dict(average)
    return model


def rescale(model, x):
    """Make the pre-activations' RMS on x 1 (per map, then per layer); the logits stay.

    Scaling an output of a layer by s scales its square by s^2, which the next
    layer's weights take back.
    """
    with torch.no_grad():
        s = 1 / model.parts(x)[0].square().mean((0, 2, 3)).sqrt()
        model.conv.weight.mul_(s[:, None, None, None])
        model.conv.bias.mul_(s)
        model.fc1.weight.div_((s * s).repeat_interleave(169))
        s = 1 / model.parts(x)[2].square().mean().sqrt()
        model.fc1.weight.mul_(s)
        model.fc1.bias.mul_(s)
        model.fc2.weight.div_(s * s)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("data_dir")
    ap.add_argument("out_dir")
    ap.add_argument("--epochs", type=int, default=30)
    ap.add_argument("--holdout", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    x, y = load(args.data_dir, "train")
    held = None
    if args.holdout:
        x, held_x, y, held_y = x[:55000], x[55000:], y[:55000], y[55000:]
        held = lambda m: accuracy(m, held_x, held_y)

    def report(epoch, loss, model):
        extra = f"  held-out {held(model):.4f}" if held else ""
        print(f"epoch {epoch + 1}  loss {loss:.4f}{extra}", flush=True)

    model = train(x, y, args.epochs, report).eval()
    pick = np.sort(np.random.default_rng(SEED).choice(len(x), 256, replace=False))
    calibration = x[torch.from_numpy(pick)]
    rescale(model, calibration)

    with torch.no_grad():
        for name, v in zip(("conv", "conv^2", "fc1", "fc1^2", "logits"), model.parts(calibration)):
            print(f"{name:8s} max {v.abs().max():8.3f}  rms {v.square().mean().sqrt():7.3f}")
    for name, p in model.named_parameters():
        print(f"{name:12s} max {p.abs().max():.4f}  rms {p.square().mean().sqrt():.4f}")
    if held:
        print(f"held-out accuracy {held(model):.4f}")
        return

    test_x, test_y = load(args.data_dir, "t10k")
    print(f"test accuracy {accuracy(model, test_x, test_y):.4f}")
    os.makedirs(os.path.join(args.out_dir, "samples"), exist_ok=True)
    out = lambda name: os.path.join(args.out_dir, name)
    torch.onnx.export(model, test_x[:1], out("model.onnx"), opset_version=13,
                      input_names=["image"], output_names=["logits"])
    np.save(out("model.calibration.npy"), calibration.numpy())
    np.save(out("samples/images.npy"), test_x[:300].numpy())
    np.save(out("samples/labels.npy"), test_y[:300].numpy())


if __name__ == "__main__":
    main()
