"""Train a perceptron on scikit-learn's diabetes data and export it by skl2onnx; see ../../train/tables.py for its argument."""
import os
import sys

from sklearn.datasets import load_diabetes
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from tables import SEED, main

if __name__ == "__main__":
    network = MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", alpha=300, max_iter=2000, random_state=SEED)
    main(load_diabetes(return_X_y=True, scaled=False), make_pipeline(StandardScaler(), network))
