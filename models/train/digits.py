"""What the networks on scikit-learn's 8x8 digits share that take images: splitting, training, export.

See ../mixer-digits/train/train.py for how it is used:

    python3 train.py OUT_DIR [--epochs N] [--holdout]

OUT_DIR receives model.onnx, model.calibration.npz (the training images), samples/images.npz and
samples/labels.npy.

--holdout trains on four fifths of the training images, reports accuracy on the others and writes
nothing. Needs scikit-learn and numpy besides what dynamo.py needs.
"""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from dynamo import dynamo

SEED = 0
BATCH = 50
PEAK_LR = 1e-2
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.1


def split(x, y, part):
    return train_test_split(x, y, test_size=part, stratify=y, random_state=SEED)


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def train(model, groups, x, y, epochs):
    """AdamW with one cycle of the learning rate."""
    model.train()
    opt = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, PEAK_LR, epochs * -(-len(x) // BATCH))
    for _ in range(epochs):
        for pick in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(model(x[pick]), y[pick], label_smoothing=LABEL_SMOOTHING)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()


def main(build, epochs, groups=lambda model: model.parameters()):
    """Train build() for `epochs` epochs unless --epochs says otherwise; save it and its samples. `groups` are what AdamW is given."""
    ap = argparse.ArgumentParser()
    ap.add_argument("out_dir")
    ap.add_argument("--epochs", type=int, default=epochs)
    ap.add_argument("--holdout", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    images, labels = load_digits(return_X_y=True)
    parts = split(images.astype(np.float32).reshape(-1, 8, 8), labels.astype(np.int64), 0.25)
    if args.holdout:
        parts = split(parts[0], parts[2], 0.2)
    x, test_x, y, test_y = (torch.from_numpy(part) for part in parts)

    model = build()
    train(model, groups(model), x, y, args.epochs)
    word = "held-out" if args.holdout else "test"
    print(f"training accuracy {accuracy(model, x, y):.4f}, {word} {accuracy(model, test_x, test_y):.4f}")
    if args.holdout:
        return

    os.makedirs(os.path.join(args.out_dir, "samples"), exist_ok=True)
    out = lambda name: os.path.join(args.out_dir, name)
    dynamo(model, x[:1], out("model.onnx"), "image", "logits")
    np.savez_compressed(out("model.calibration.npz"), image=x.numpy())
    np.savez_compressed(out("samples/images.npz"), image=test_x.numpy())
    np.save(out("samples/labels.npy"), test_y.numpy())
