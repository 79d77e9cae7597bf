"""Fit a logistic regression on scikit-learn's breast cancer set and export it to ONNX.

    python3 train.py OUT_DIR

OUT_DIR receives model.onnx, model.calibration.npy, samples/features.npy and
samples/labels.npy. Needs onnx, numpy and scikit-learn (made with onnx 1.12,
numpy 1.24 and scikit-learn 1.2).
"""
import os
import sys

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 0
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)     # inverse of the L2 term, compared on the training rows


def fit(x, y):
    """The pipeline with the best mean log-likelihood in five-fold cross-validation."""
    build = lambda c: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000))
    scores = {c: cross_val_score(build(c), x, y, cv=5, scoring="neg_log_loss").mean() for c in STRENGTHS}
    for c, score in scores.items():
        print(f"C = {c:5}  mean log-likelihood {score:.4f}")
    return build(max(scores, key=scores.get)).fit(x, y)


def export(pipeline, path):
    """probability = sigmoid((features - mean) / std * weights + bias), batch size 1."""
    scaler, regression = pipeline[0], pipeline[1]
    constants = {
        "mean": scaler.mean_[None], "std": scaler.scale_[None],
        "weights": regression.coef_, "bias": regression.intercept_}
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"], name="Sub"),
        helper.make_node("Div", ["centred", "std"], ["standardised"], name="Div"),
        helper.make_node("Gemm", ["standardised", "weights", "bias"], ["score"], name="Gemm", transB=1),
        helper.make_node("Sigmoid", ["score"], ["probability"], name="Sigmoid")]
    value = lambda name, size: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
    graph = helper.make_graph(
        nodes, "logistic regression", [value("features", 30)], [value("probability", 1)],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, path)


def main(out_dir):
    x, y = load_breast_cancer(return_X_y=True)
    x, test_x, y, test_y = train_test_split(
        x.astype(np.float32), y.astype(np.int64), test_size=0.25, stratify=y, random_state=SEED)
    pipeline = fit(x, y)
    for name, a, b in (("training", x, y), ("test", test_x, test_y)):
        hits = (pipeline.predict(a) == b).sum()
        print(f"{name} accuracy {hits}/{len(b)} = {hits / len(b):.4f}")
    score = pipeline.decision_function(x)
    print(f"scores of the training rows from {score.min():.1f} to {score.max():.1f}")
    print(f"weights up to {abs(pipeline[1].coef_).max():.3f}")

    os.makedirs(os.path.join(out_dir, "samples"), exist_ok=True)
    out = lambda name: os.path.join(out_dir, name)
    export(pipeline, out("model.onnx"))
    np.save(out("model.calibration.npy"), x)
    np.save(out("samples/features.npy"), test_x)
    np.save(out("samples/labels.npy"), test_y)


if __name__ == "__main__":
    main(sys.argv[1])
