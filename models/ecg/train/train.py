"""Make series like single heart beats, train a 1-D convolutional network on them and export it to ONNX.

    python3 train.py OUT_DIR

OUT_DIR receives model.onnx, model.calibration.npz, samples/series.npz and samples/labels.npy.
Needs torch 2.15 with onnxscript, and numpy.
"""
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from dynamo import dynamo

SEED = 3
RATE = 100              # samples per second
LENGTH = 128
COUNTS = 200            # of the converter per millivolt
TRAINING, CALIBRATED, TESTED = 12000, 1000, 2000
EPOCHS = 16
BATCH = 100
PEAK_LR = 4e-3

# Waves of each class: millivolts, seconds after the R wave, width in seconds (one standard deviation of a Gaussian).
P, Q, R, S, T = (0.15, -0.17, 0.025), (-0.10, -0.035, 0.010), (1.0, 0, 0.014), (-0.25, 0.035, 0.012), (0.3, 0.25, 0.045)
CLASSES = {
    "normal": (P, Q, R, S, T),
    "left bundle branch block": (P, (0.75, -0.02, 0.025), (0.7, 0.045, 0.028), (-0.25, 0.30, 0.05)),
    "right bundle branch block": (
        P, Q, (0.75, 0, 0.014), (-0.35, 0.04, 0.018), (0.35, 0.085, 0.022), (0.2, 0.28, 0.045)),
    "premature, of the ventricle": ((1.2, 0, 0.04), (-0.45, 0.10, 0.045), (-0.35, 0.30, 0.06)),
    "premature, of the atrium": ((-0.12, -0.13, 0.025), Q, R, S, T),
}


def beats(rng, count):
    """Series [count, 1, LENGTH] in counts and their classes: waves that vary, on a wandering baseline, with noise."""
    labels = rng.integers(len(CLASSES), size=count)
    waves = list(CLASSES.values())
    time = np.arange(LENGTH) / RATE
    series = np.empty((count, 1, LENGTH))
    for k, label in enumerate(labels):
        beat = time - rng.normal(0.5, 0.04)
        x = np.zeros(LENGTH)
        for height, at, width in waves[label]:
            at, width = at * rng.normal(1, 0.1) + rng.normal(0, 0.006), width * rng.uniform(0.75, 1.3)
            x += height * rng.normal(1, 0.25) * np.exp(-0.5 * ((beat - at) / width) ** 2)
        x *= rng.uniform(0.7, 1.3)
        x += rng.uniform(0, 0.3) * np.sin(2 * np.pi * (rng.uniform(0.1, 0.6) * time + rng.random()))
        series[k, 0] = x + rng.uniform(0.01, 0.07) * rng.standard_normal(LENGTH)
    return np.round(series * COUNTS).astype(np.int16), labels


class Network(nn.Module):
    """Takes counts of the converter and gives a logit for each class."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 8, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),              # 8 x 64
            nn.Conv1d(8, 16, 5, stride=2, padding=2), nn.ReLU(), nn.AvgPool1d(2),   # 16 x 16
            nn.Flatten(),
            nn.Linear(256, len(CLASSES)))

    def forward(self, counts):
        return self.layers(counts / COUNTS)


def main(out_dir):
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    (x, y), (test_x, test_y) = beats(rng, TRAINING), beats(rng, TESTED)
    inputs, labels = torch.from_numpy(x).float(), torch.from_numpy(y)

    model = Network()
    opt = torch.optim.Adam(model.parameters())
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, PEAK_LR, EPOCHS * (TRAINING // BATCH))
    for _ in range(EPOCHS):
        for pick in torch.randperm(TRAINING).split(BATCH):
            loss = F.cross_entropy(model(inputs[pick]), labels[pick])
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()

    model.eval()
    with torch.no_grad():
        for name, a, b in (("training", x, y), ("test", test_x, test_y)):
            hits = model(torch.from_numpy(a).float()).argmax(1).numpy() == b
            by_class = " ".join(f"{hits[b == c].mean():.3f}" for c in range(len(CLASSES)))
            print(f"{name} accuracy {hits.mean():.4f}; by class {by_class}")

    os.makedirs(os.path.join(out_dir, "samples"), exist_ok=True)
    out = lambda name: os.path.join(out_dir, name)
    dynamo(model, inputs[:1], out("model.onnx"), "series", "logits")
    np.savez_compressed(out("model.calibration.npz"), series=x[:CALIBRATED])
    np.savez_compressed(out("samples/series.npz"), series=test_x)
    np.save(out("samples/labels.npy"), test_y.astype(np.int64))


if __name__ == "__main__":
    main(sys.argv[1])
