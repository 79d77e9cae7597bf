"""Train a small classifier on scikit-learn's breast cancer set and export it to ONNX.

    python3 train.py OUT_DIR

OUT_DIR receives model.onnx, model.calibration.npy (the training rows), train/labels.npy
(their labels), samples/features.npy and samples/labels.npy. Needs torch, numpy and scikit-learn (made with torch 1.13,
numpy 1.24 and scikit-learn 1.2).
"""
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

SEED = 0
STEPS = 300
LR = 1e-2
WEIGHT_DECAY = 1e-2     # L2; chosen by cross-validation on the training split


class Classifier(nn.Module):
    """Takes the 30 raw features and gives the probability of label 1 (benign)."""

    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.fc1 = nn.Linear(30, 16)
        self.fc2 = nn.Linear(16, 1)

    def parts(self, x):
        z = (x - self.mean) / self.std
        p1 = self.fc1(z)
        a1 = F.relu(p1)
        p2 = self.fc2(a1)
        return z, p1, a1, p2, torch.sigmoid(p2)

    def forward(self, x):
        return self.parts(x)[-1]


def main(out_dir):
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    x, y = load_breast_cancer(return_X_y=True)
    x, test_x, y, test_y = (torch.from_numpy(a) for a in train_test_split(
        x.astype(np.float32), y.astype(np.int64), test_size=0.25, stratify=y, random_state=SEED))

    model = Classifier(x.mean(0, keepdim=True), x.std(0, keepdim=True))
    opt = torch.optim.Adam(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, STEPS)
    for _ in range(STEPS):          # full batch
        logit = model.parts(x)[3][:, 0]
        loss = F.binary_cross_entropy_with_logits(logit, y.float())
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()

    model.eval()
    with torch.no_grad():
        for name, a, b in (("training", x, y), ("test", test_x, test_y)):
            hits = ((model(a)[:, 0] > 0.5).long() == b).sum().item()
            print(f"{name} accuracy {hits}/{len(b)} = {hits / len(b):.4f}")
        names = ("standardised", "fc1", "relu", "fc2", "probability")
        for name, v in zip(names, model.parts(x)):
            print(f"{name:12s} max {v.abs().max():7.3f}  rms {v.square().mean().sqrt():6.3f}")

    for name in ("samples", "train"):
        os.makedirs(os.path.join(out_dir, name), exist_ok=True)
    out = lambda name: os.path.join(out_dir, name)
    torch.onnx.export(model, test_x[:1], out("model.onnx"), opset_version=13,
                      input_names=["features"], output_names=["probability"])
    save = lambda name, t: np.save(out(name), np.ascontiguousarray(t.numpy()))
    save("model.calibration.npy", x)
    save("train/labels.npy", y)
    save("samples/features.npy", test_x)
    save("samples/labels.npy", test_y)


if __name__ == "__main__":
    main(sys.argv[1])
