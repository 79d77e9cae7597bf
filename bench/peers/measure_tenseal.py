"""TenSEAL itself on the network of its tutorial: bytes of the keys and the input as it sends them, and times.

    python3 bench/peers/measure_tenseal.py [images]         needs tenseal, onnx and numpy (made with tenseal 0.3.18)

The parameters and the evaluation are those of tutorial 4, the weights those of models/tenseal-mnist. The last
layer reads slots that the bias of the one before does not reach, so answers can be wrong; the work is the same.
"""
import os
import sys
import time

import numpy as np
import onnx
import tenseal as ts
from onnx import numpy_helper

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "tenseal-mnist")
SCALE_BITS = 26


def evaluate(x, windows, conv, conv_bias, fc1, fc1_bias, fc2, fc2_bias):
    x = ts.CKKSVector.pack_vectors([x.conv2d_im2col(k, windows) + b for k, b in zip(conv, conv_bias)])
    x.square_()
    x = x.mm(fc1) + fc1_bias
    x.square_()
    return x.mm(fc2) + fc2_bias


def main(count):
    tensors = [numpy_helper.to_array(t) for t in onnx.load(os.path.join(MODEL, "model.onnx")).graph.initializer]
    conv, conv_bias, fc1, fc1_bias, fc2, fc2_bias = tensors
    weights = [a.tolist() for a in (conv[:, 0], conv_bias, fc1.T, fc1_bias, fc2.T, fc2_bias)]
    images = np.load(os.path.join(MODEL, "samples", "images.npy"))[:count, 0]
    labels = np.load(os.path.join(MODEL, "samples", "labels.npy"))[:count]

    context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, -1, [31] + 6 * [SCALE_BITS] + [31], n_threads=1)
    context.global_scale = 2 ** SCALE_BITS
    context.generate_galois_keys()
    size = lambda **parts: len(context.serialize(**{**dict.fromkeys(
        ("save_public_key", "save_secret_key", "save_galois_keys", "save_relin_keys"), False), **parts}))
    galois, relin, nothing = size(save_galois_keys=True), size(save_relin_keys=True), size()
    print(f"rotation keys {(galois - nothing) / 1e6:.1f} MB, relinearisation key {(relin - nothing) / 1e6:.1f} MB")

    times, hits = [], 0
    for image, label in zip(images, labels):
        x, windows = ts.im2col_encoding(context, image.tolist(), 7, 7, 3)
        upload = len(x.serialize())
        start = time.process_time()
        y = evaluate(x, windows, *weights)
        times.append(time.process_time() - start)
        hits += int(np.argmax(y.decrypt()) == label)
    print(f"upload {upload / 1e6:.2f} MB, evaluation {sorted(times)[len(times) // 2]:.2f} s of one core (native), {hits} of {count} right")


main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
