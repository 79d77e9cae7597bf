"""Exports networks of Keras: by its own export to ONNX, and by tf2onnx from a traced function.

    python3 keras_models.py     (keras 3.15, tensorflow-cpu 2.21, tf2onnx 1.17; the models are committed, tests do not run this)
"""

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras import layers

FOLDER = Path(__file__).parent


def classifier():
    """Convolutions on images with channels last, batch normalisation, ReLU and maximum pooling, softmax at the end."""
    return keras.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("swish"),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(3, activation="softmax"),
        ]
    )


def separable():
    """Two branches: separable and dilated convolutions, concatenated; average pooling; ELU and hard sigmoid."""
    x = keras.Input((8, 8, 2), name="image")
    a = layers.SeparableConv2D(4, 3, padding="same", activation="elu")(x)
    b = layers.Conv2D(2, 3, padding="same", dilation_rate=2, activation="tanh")(x)
    y = layers.Concatenate()([a, b])
    y = layers.AveragePooling2D(3, strides=2, padding="same")(y)
    y = layers.DepthwiseConv2D(2, strides=2, activation="leaky_relu")(y)
    y = layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, layers.Dense(2, activation="hard_sigmoid")(y))


def tanh_gelu(x):
    return keras.activations.gelu(x, approximate=True)


def sequence():
    """A 1-D convolution with causal padding, layer normalisation, GELU in its tanh form, and a dense layer on every step."""
    x = keras.Input((6, 3), name="steps")
    y = layers.Conv1D(4, 3, padding="causal", activation=tanh_gelu)(x)
    y = layers.LayerNormalization()(y)
    y = layers.Dense(2)(layers.Add()([y, layers.Dense(4)(x)]))
    return keras.Model(x, layers.UpSampling1D(2)(y))


def regressor():
    """Tabular data: scaled by constants, dense layers with SELU and softplus."""
    return keras.Sequential(
        [
            layers.Input((5,)),
            layers.Rescaling(0.5, 0.25),
            layers.Dense(8, activation="selu"),
            layers.Dense(1, activation="softplus"),
        ]
    )


def randomized(model):
    """Statistics as training leaves them."""
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            random = np.random.default_rng(4)
            layer.set_weights([gamma, beta, random.normal(0, 0.2, mean.shape), random.uniform(0.5, 1.5, variance.shape)])
    return model


def by_keras(model, name, opset):
    model(np.zeros((1, *model.input_shape[1:]), np.float32))
    model.export(str(FOLDER / f"{name}.onnx"), format="onnx", verbose=False, opset_version=opset)


def by_tf2onnx(model, name, opset, batch=None):
    signature = [tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name="x")]
    function = tf.function(lambda x: model(x, training=False), input_signature=signature)
    tf2onnx.convert.from_function(function, signature, opset=opset, output_path=str(FOLDER / f"{name}.onnx"))


if __name__ == "__main__":
    keras.utils.set_random_seed(3)
    by_keras(randomized(classifier()), "keras-classifier", 17)
    by_keras(regressor(), "keras-regressor", 13)
    by_tf2onnx(separable(), "tf2onnx-separable", 15, 1)
    by_tf2onnx(sequence(), "tf2onnx-sequence", 18)
