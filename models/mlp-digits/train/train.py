"""Train a perceptron on scikit-learn's 8x8 digits and export it by skl2onnx; see ../../train/tables.py for its argument."""
import os
import sys

from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from tables import SEED, main

if __name__ == "__main__":
    network = MLPClassifier(hidden_layer_sizes=(64, 32), alpha=0.1, max_iter=500, random_state=SEED)
    main(load_digits(return_X_y=True), make_pipeline(MinMaxScaler(), network), extension="npz")
