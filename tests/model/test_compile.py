"""The door to the backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tilesegm.classes import default_classes
from tilesegm.errors import ModelError
from tilesegm.model.base import ModelSpec
from tilesegm.model.compile import compile_function
from tilesegm.model.keras_predictor import KerasPredictor
from tilesegm.model.normalisation import Normalisation


def _exhaust(kind: type[Exception], text: str) -> Any:
    def fail(tensor: Any) -> Any:
        raise kind(None, None, text)  # type: ignore[call-arg]

    return fail


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (tf.errors.ResourceExhaustedError, "OOM when allocating tensor"),
        (tf.errors.InternalError, "RESOURCE_EXHAUSTED: Out of memory while trying to allocate"),
    ],
)
def test_missing_memory_is_a_memory_error(kind: type[Exception], text: str) -> None:
    predictor = KerasPredictor(
        _exhaust(kind, text), ModelSpec("net", 3, default_classes(2)), Normalisation()
    )
    with pytest.raises(MemoryError):
        predictor(np.zeros((1, 8, 8, 3), np.uint8))


def test_other_failures_name_the_model() -> None:
    network = _exhaust(tf.errors.InternalError, "broken")
    predictor = KerasPredictor(network, ModelSpec("net", 3, default_classes(2)), Normalisation())
    with pytest.raises(ModelError, match=r"net fails on tiles of shape .* broken"):
        predictor(np.zeros((1, 8, 8, 3), np.uint8))


@pytest.mark.parametrize("xla", [False, True])
def test_one_trace_for_each_shape_and_dtype(xla: bool) -> None:
    traces = []

    def double(tensor: Any) -> Any:
        traces.append(tensor.shape)
        return tensor + tensor

    run = compile_function(double, xla)
    for array in (np.ones(3, np.uint8), np.ones(3, np.uint8), np.ones(4, np.float32)):
        np.testing.assert_array_equal(run(array), array * 2)
    assert len(traces) == 2
