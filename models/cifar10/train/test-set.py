"""Write the 10,000 test images of CIFAR-10 (JPEG) for `onnx-seal evaluate`:

    python3 train/test-set.py cifar10-jpeg.tar.xz [FOLDER]

images.npy: uint8 [10000, 3, 32, 32]; labels.npy: int64 [10000]; the first are those of samples/. FOLDER is build/cifar10 of the repository unless given.
"""
import os
import sys

import numpy as np

from archive import load

here = os.path.dirname(os.path.abspath(__file__))
folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(here, "..", "..", "..", "build", "cifar10")
os.makedirs(folder, exist_ok=True)
images, labels = load(sys.argv[1])["test"]
np.save(os.path.join(folder, "images.npy"), images)
np.save(os.path.join(folder, "labels.npy"), labels)
print(f"{len(images)} images and labels in {os.path.relpath(folder)}")
