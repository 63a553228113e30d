"""Counts maps by the Keras metrics on the backend of ``KERAS_BACKEND``; run by ``test_keras``.

Prints as JSON what compiled steps of ``evaluate`` log, what ``fit`` logs, and counts beyond 2^31.
With TensorFlow two devices share the batches whose pixels have weights.
"""

from __future__ import annotations

import json
import sys

import keras
import numpy as np

from tests.metrics.maps import random_maps
from tilesegm.metrics.keras import BoundaryIoU, Dice, IoU

CLASSES = ("water", "wood", "town", "absent")
FORCED = 5 * 2**31 + 12_345
"""Pixels that a cell has counted before."""


def batches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores ``(6, 40, 48, 4)``, labels with pixels to ignore, and weights of 0, 1, 2."""
    random = np.random.default_rng(8)
    maps = [random_maps(seed, 40, 48, 3) for seed in range(6)]
    labels = np.stack([truth for truth, _ in maps]).astype(np.int32)
    labels[random.random(labels.shape) < 0.1] = -1
    scores = np.eye(4, dtype=np.float32)[np.stack([predicted for _, predicted in maps])]
    return scores, labels, random.integers(0, 3, labels.shape).astype(np.float32)


def metrics() -> list[keras.metrics.Metric]:
    scores = [kind(CLASSES, each=each) for kind in (IoU, Dice) for each in (False, True)]
    return [*scores, BoundaryIoU(CLASSES), BoundaryIoU(CLASSES, each=True, band=2)]


def network() -> keras.Model:
    """Return a model that gives back its inputs, in bfloat16."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((40, 48, 4))
    layer = keras.layers.Conv2D(4, 1, use_bias=False)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.eye(4, dtype=np.float32)[None, None]])
    keras.config.set_dtype_policy("float32")
    return model


def no_loss(y_true: object, y_pred: object) -> object:
    return 0.0 * keras.ops.mean(y_pred)


def logs(weighted: bool) -> dict[str, float]:
    scores, labels, weights = batches()
    model = network()
    jit = keras.backend.backend() != "torch"
    kind = "weighted_metrics" if weighted else "metrics"
    model.compile("sgd", no_loss, jit_compile=jit, **{kind: metrics()})
    found = model.evaluate(
        scores, labels, sample_weight=weights, batch_size=2, return_dict=True, verbose=0
    )
    return {name: float(value) for name, value in found.items()}


def shared() -> dict[str, float]:
    """Log the weighted scores of two devices."""
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = network()
        model.compile("sgd", no_loss, weighted_metrics=metrics())
    data = tf.data.Dataset.from_tensor_slices(batches()).batch(2)
    found = model.evaluate(data, return_dict=True, verbose=0)
    return {name: float(value) for name, value in found.items()}


def split_processor() -> None:
    """Make two devices of the processor, before TensorFlow uses it."""
    import tensorflow as tf

    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)


def epochs() -> list[float]:
    """Return the mean IoU of two epochs that learn nothing: each counts from 0."""
    scores, labels, _ = batches()
    model = network()
    model.compile(keras.optimizers.SGD(0.0), keras.losses.MeanSquaredError(), metrics=[IoU(4)])
    one_hot = np.eye(4, dtype=np.float32)[np.maximum(labels, 0)]
    history = model.fit(scores, one_hot, batch_size=3, epochs=2, verbose=0)
    return [float(value) for value in history.history["mean_iou"]]


def beyond() -> dict[str, object]:
    """Count on from a cell with `FORCED` pixels, alone and merged."""
    scores, labels, _ = batches()
    results = []
    for metric in (IoU(CLASSES), BoundaryIoU(CLASSES)):
        size = metric.cells.size + 1
        metric.low.assign(np.full(size, FORCED % 2**16, np.int32))
        metric.high.assign(np.full(size, FORCED // 2**16, np.int32))
        for _ in range(3):
            metric.update_state(labels, scores)
        twice = type(metric)(CLASSES)
        twice.merge_state([metric, metric])
        results.append(
            {
                "cells": metric.cells.tolist(),
                "twice": twice.cells.tolist(),
                "left_out": metric.left_out,
                "result": float(metric.result()),
            }
        )
    return dict(zip(("regions", "borders"), results, strict=True))


if __name__ == "__main__":
    several = keras.backend.backend() == "tensorflow"
    if several:
        split_processor()
    weighted = shared() if several else logs(True)
    found = {"plain": logs(False), "weighted": weighted, "epochs": epochs(), "beyond": beyond()}
    json.dump(found, sys.stdout)
