"""Train a perceptron on scikit-learn's wines and export it by skl2onnx; see ../../train/tables.py for its argument."""
import os
import sys

from sklearn.datasets import load_wine
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "train"))
from tables import SEED, main

if __name__ == "__main__":
    network = MLPClassifier(hidden_layer_sizes=(16,), activation="tanh", max_iter=1000, random_state=SEED)
    main(load_wine(return_X_y=True), make_pipeline(StandardScaler(), network))
