"""TenSEAL itself on one network: a process that evaluates it whenever it is asked to. Needs tenseal (made with 0.3.18).

Reads a line of JSON: the parameters, the input and the layers, with a square after each but the last. Writes a line of
JSON: versions, and bytes of keys and input as TenSEAL sends them. Then, for each line that it reads, it evaluates once and
writes a line with the milliseconds and the outputs. The evaluation is that of TenSEAL's tutorial 4.

A bias is as long as its vector, and the next `mm` reads slots beyond: answers can be wrong, the work is the same.
"""
import json
import sys
import time

import tenseal as ts


def layer(x, windows, spec):
    if "kernels" in spec:
        return ts.CKKSVector.pack_vectors(
            [x.conv2d_im2col(k, windows) + b for k, b in zip(spec["kernels"], spec["bias"])])
    if "dot" in spec:
        return x.dot(spec["dot"]) + spec["bias"]
    return x.mm(spec["matrix"]) + spec["bias"]


def evaluate(x, windows, layers):
    for k, spec in enumerate(layers):
        if k > 0:
            x.square_()
        x = layer(x, windows, spec)
    return x


def answer(value):
    print(json.dumps(value), flush=True)


def main():
    job = json.loads(sys.stdin.readline())
    context = ts.context(ts.SCHEME_TYPE.CKKS, job["ringDegree"], -1, job["primes"], n_threads=1)
    context.global_scale = 2 ** job["scaleBits"]
    context.generate_galois_keys()
    nothing = dict.fromkeys(("save_public_key", "save_secret_key", "save_galois_keys", "save_relin_keys"), False)
    size = lambda **parts: len(context.serialize(**{**nothing, **parts}))
    keys = size(save_galois_keys=True) + size(save_relin_keys=True) - 2 * size()
    if "windows" in job:
        x, windows = ts.im2col_encoding(context, job["input"], *job["windows"])
    else:
        x, windows = ts.ckks_vector(context, job["input"]), None
    sent = x.serialize()
    answer({"version": ts.__version__, "python": sys.version.split()[0], "keyBytes": keys, "uploadBytes": len(sent)})
    for _ in sys.stdin:
        x = ts.ckks_vector_from(context, sent)
        wall, cpu = time.perf_counter(), time.process_time()
        y = evaluate(x, windows, job["layers"])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        answer({"wall": 1000 * wall, "cpu": 1000 * cpu, "outputs": y.decrypt()})


main()
