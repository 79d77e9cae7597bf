"""What the MNIST networks with ordinary activations share: plain training and export.

See ../lenet5-relu-mnist/train/train.py for how it is used:

    python3 train.py DATA_DIR OUT_DIR [--epochs N] [--holdout]

DATA_DIR holds the four unpacked IDX files (train-images-idx3-ubyte, ...).
OUT_DIR receives model.onnx, model.calibration.npz, samples/images.npz and
samples/labels.npy.

--holdout trains on the first 55,000 training images, reports accuracy on the
other 5,000 and writes nothing. The test images are read only after the last
epoch, to report the accuracy and save samples.

Nothing here knows of encryption: Adam on the cross entropy of the unchanged images.
Needs torch, onnx and numpy; each train.py says which torch it was exported by.
"""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F

from mnist import accuracy, load

SEED = 1
BATCH = 100
PEAK_LR = 4e-3
SAMPLES = 300


def train(model, x, y, epochs, report):
    """Adam with one cycle of the learning rate."""
    opt = torch.optim.Adam(model.parameters())
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, PEAK_LR, epochs * (len(x) // BATCH))
    for epoch in range(epochs):
        total = 0.0
        for pick in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(model(x[pick]), y[pick])
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            total += loss.item() * len(pick) / len(x)
        report(epoch, total, model)


def legacy(model, example, path, input, output):
    """Export by tracing, as torch 1 does."""
    torch.onnx.export(model, example, path, opset_version=13, input_names=[input], output_names=[output])


def preserved(model, example, path, input, output):
    """The same with everything left as it is: batch normalisations are not folded into convolutions."""
    torch.onnx.export(model, example, path, opset_version=13, input_names=[input], output_names=[output],
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)


def main(build, epochs, calibrated, export):
    """Train build() for `epochs` epochs unless --epochs says otherwise; save it, `calibrated` training images and its samples."""
    ap = argparse.ArgumentParser()
    ap.add_argument("data_dir")
    ap.add_argument("out_dir")
    ap.add_argument("--epochs", type=int, default=epochs)
    ap.add_argument("--holdout", action="store_true")
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    x, y = load(args.data_dir, "train")
    pick = np.sort(np.random.default_rng(SEED).choice(len(x), calibrated, replace=False))
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
    if held:
        return

    test_x, test_y = load(args.data_dir, "t10k")
    print(f"test accuracy {accuracy(model, test_x, test_y):.4f}")
    model.eval()
    os.makedirs(os.path.join(args.out_dir, "samples"), exist_ok=True)
    out = lambda name: os.path.join(args.out_dir, name)
    export(model, test_x[:1], out("model.onnx"), "image", "logits")
    np.savez_compressed(out("model.calibration.npz"), image=calibration.numpy())
    np.savez_compressed(out("samples/images.npz"), image=test_x[:SAMPLES].numpy())
    np.save(out("samples/labels.npy"), test_y[:SAMPLES].numpy())
