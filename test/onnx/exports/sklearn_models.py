"""Models of scikit-learn as skl2onnx writes them, with onnxruntime's answers where onnxruntime-web cannot give them.

    python -m venv venv && venv/bin/pip install skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 onnxruntime==1.32.0
    venv/bin/python sklearn_models.py
"""

import json
import pathlib

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, PolynomialFeatures, StandardScaler
from sklearn.svm import SVR

here = pathlib.Path(__file__).parent
features, species = load_iris(return_X_y=True)
features = features.astype(np.float32)
names = np.array(["setosa", "versicolor", "virginica"])[species]
large = np.where(species > 0, 30, -5)
length = features[:, 0]


def export(name, model, target, zipmap=None):
    model.fit(features, target)
    options = {} if zipmap is None else {id(model): {"zipmap": zipmap}}
    exported = to_onnx(model, features[:1], options=options)
    (here / f"{name}.onnx").write_bytes(exported.SerializeToString())
    return exported


# Labels as strings, probabilities as maps: what to_onnx gives by default.
exported = export("sklearn-logistic-zipmap", make_pipeline(StandardScaler(), LogisticRegression()), names)
session = onnxruntime.InferenceSession(exported.SerializeToString())
cases = []
for row in features[::15]:
    label, maps = session.run(None, {"X": row[None]})
    cases.append({"x": row.tolist(), "label": str(label[0]), "probabilities": {k: float(v) for k, v in maps[0].items()}})
(here / "sklearn-logistic-zipmap.json").write_text(json.dumps(cases, indent="\t") + "\n")

# The same without maps; labels that are no indices; columns as outputs of their own.
export("sklearn-logistic", make_pipeline(StandardScaler(), LogisticRegression()), species * 7 - 3, zipmap=False)
export("sklearn-logistic-columns", make_pipeline(MinMaxScaler(), PCA(2), LogisticRegression()), species, zipmap="columns")
network = MLPClassifier((6,), activation="tanh", max_iter=400, random_state=1)
export("sklearn-mlp-binary", make_pipeline(StandardScaler(), network), large, zipmap=False)
network = MLPClassifier((6,), activation="logistic", max_iter=400, random_state=1)
export("sklearn-mlp", make_pipeline(StandardScaler(), network), species, zipmap=False)
export("sklearn-polynomial-ridge", make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge()), length)
export("sklearn-svr-polynomial", make_pipeline(StandardScaler(), SVR(kernel="poly", degree=2, C=0.1)), length)
export("sklearn-normalizer-ridge", make_pipeline(Normalizer(), Ridge(0.01)), length)
