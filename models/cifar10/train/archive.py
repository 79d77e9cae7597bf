"""The images of cifar10-jpeg.tar.xz; needs numpy and Pillow."""
import io
import tarfile

import numpy as np
from PIL import Image


def load(archive):
    """Pixels uint8 [k, 3, 32, 32] and labels int64 [k] of "train", in the order of names, and of "test", shuffled.

    Names are <part>/<class>/<number>.jpg; labels number the classes in alphabetical order. The shuffle is always the same.
    """
    parts = {"train": [], "test": []}
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile():
                part, kind, name = member.name.split("/")
                pixels = np.asarray(Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB"))
                parts[part].append((kind, name, pixels.transpose(2, 0, 1)))
    kinds = sorted({kind for kind, _, _ in parts["test"]})
    result = {}
    for part, files in parts.items():
        files.sort(key=lambda file: file[:2])
        labels = np.array([kinds.index(kind) for kind, _, _ in files], np.int64)
        result[part] = np.stack([pixels for _, _, pixels in files]), labels
    images, labels = result["test"]
    order = np.random.default_rng(1).permutation(len(images))
    result["test"] = images[order], labels[order]
    return result
