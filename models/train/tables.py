"""What the scikit-learn networks on tables share: splitting, export by skl2onnx, samples.

See ../mlp-wine/train/train.py for how it is used:

    python3 train.py OUT_DIR

OUT_DIR receives model.onnx, model.calibration.npy (the training rows), samples/features.npy
and samples/labels.npy (samples/targets.npy of a regression); in .npz where that is smaller.

Made with scikit-learn 1.9.1, skl2onnx 1.20.0, onnx 1.23.2 and numpy 2:

    python3 -m venv venv && venv/bin/pip install skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2
"""
import os
import sys

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split

SEED = 0


def save(path, x, name):
    """A table as float32: .npy, or .npz for a path that ends so."""
    x = np.ascontiguousarray(x, dtype=np.float32)
    if path.endswith(".npz"):
        np.savez_compressed(path, **{name: x})
    else:
        np.save(path, x)


def main(table, pipeline, extension="npy"):
    """Fit the pipeline on three quarters of the rows of table = (features, labels or targets); save it, them and the others."""
    out_dir = sys.argv[1]
    x, y = table
    classes = is_classifier(pipeline)
    x, test_x, y, test_y = train_test_split(
        x.astype(np.float32), y, test_size=0.25, stratify=y if classes else None, random_state=SEED)
    pipeline.fit(x, y)
    word = "accuracy" if classes else "R^2"
    print(f"training {word} {pipeline.score(x, y):.4f}, test {word} {pipeline.score(test_x, test_y):.4f}")

    os.makedirs(os.path.join(out_dir, "samples"), exist_ok=True)
    out = lambda name: os.path.join(out_dir, name)
    options = {"zipmap": False} if classes else {}
    exported = to_onnx(pipeline, initial_types=[("features", FloatTensorType([None, x.shape[1]]))], options=options)
    with open(out("model.onnx"), "wb") as file:
        file.write(exported.SerializeToString())
    save(out(f"model.calibration.{extension}"), x, "features")
    save(out(f"samples/features.{extension}"), test_x, "features")
    if classes:
        np.save(out("samples/labels.npy"), test_y.astype(np.int64))
    else:
        np.save(out("samples/targets.npy"), test_y.astype(np.float32))
