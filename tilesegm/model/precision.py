"""Computing in bfloat16: where it is native, how a network is rebuilt for it, whether it agrees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import ModelError, SettingsError
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.model.layer_graph import trace

__all__ = [
    "GuardedPredictor",
    "check_precision",
    "choose_precision",
    "in_precision",
    "native_bfloat16",
]

_PRECISIONS = ("float32", "bfloat16", "auto")

# Layers that meet raw pixel values, which bfloat16 tells apart up to 256 only.
_RAW = frozenset({"InputLayer", "Rescaling", "Normalization"})


def native_bfloat16() -> bool:
    """Tell whether the device of the running Keras backend multiplies bfloat16 natively.

    True for a TPU, for NVIDIA GPUs of compute capability 8 or more, and for CPUs whose flags name
    ``avx512_bf16`` or ``amx_bf16``.
    """
    import keras

    devices = keras.distribution.list_devices()
    if any(name.startswith("tpu") for name in devices):
        return True
    if any(not name.startswith("cpu") for name in devices):
        return _gpu_capability() >= 8
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return False
    return re.search(r"\b(avx512_bf16|amx_bf16)\b", flags) is not None


def check_precision(asked: str) -> None:
    """Refuse anything but ``"float32"``, ``"bfloat16"`` and ``"auto"``.

    Raises:
        SettingsError: it is something else.
    """
    if asked not in _PRECISIONS:
        raise SettingsError(f"precision is {asked!r}; pass one of {', '.join(_PRECISIONS)}")


def choose_precision(asked: str) -> str:
    """Return ``"float32"`` or ``"bfloat16"``; for ``"auto"`` what is native on the device."""
    if asked == "auto":
        return "bfloat16" if native_bfloat16() else "float32"
    return asked


def in_precision(model: Any, precision: str) -> Any:
    """Return the model computing in ``"float32"`` or ``"bfloat16"``, with its weights.

    In bfloat16 the weights, the head and the layers that meet raw pixels stay float32; the head is
    the last layer with weights and all that follows it. The model itself is returned when it
    computes so already.

    Raises:
        ModelError: the model is no graph of layers that can be built anew.
    """
    import keras

    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    graph = trace(model)
    keep = _head(graph.steps, graph.outputs) if precision == "bfloat16" else frozenset()

    def wanted(layer: Any) -> str:
        raw = type(layer).__name__ in _RAW
        return "float32" if raw or layer.name in keep else policy

    layers = [step.layer for step in graph.steps if hasattr(step.layer, "dtype_policy")]
    if all(layer.dtype_policy.name == wanted(layer) for layer in layers):
        return model

    def rebuild(layer: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), "dtype": wanted(layer)})

    try:
        twin = keras.models.clone_model(model, clone_function=rebuild, recursive=True)
        twin.set_weights(model.get_weights())
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{model.name} cannot be built anew in {precision}: {reason}; use precision='float32'"
        ) from error
    return twin


class GuardedPredictor:
    """Scores in bfloat16 if the first batch agrees with float32, otherwise in float32.

    It agrees when at least 99.5 % of the pixels keep their class and no probability changes by
    more than 0.1. Give `settle` the same tiles to get the same decision in every run.

    Args:
        exact: the network in float32.
        fast: the same in bfloat16; None settles for float32 at once.
        reason: why there is no ``fast``.
    """

    least_agreement = 0.995
    largest_difference = 0.1

    def __init__(
        self, exact: Predictor, fast: Predictor | None, reason: str = "not compared yet"
    ) -> None:
        self._exact: Predictor | None = exact
        self._fast = fast
        self._spec = exact.spec
        self.reason = reason
        """Why it computes as it does."""

    @property
    def spec(self) -> ModelSpec:
        """What is known about the network."""
        return self._spec

    @property
    def precision(self) -> str:
        """``"float32"`` or ``"bfloat16"`` once settled, ``"auto"`` before."""
        if self._fast and self._exact:
            return "auto"
        return "bfloat16" if self._fast else "float32"

    def settle(self, tiles: NDArray[Any]) -> str:
        """Compare both precisions on ``tiles``, keep one for good, and return its name."""
        if self._fast and self._exact:
            agreement, difference = compare(
                self._fast(tiles), self._exact(tiles), self._spec.probabilities
            )
            self.reason = (
                f"bfloat16 keeps the class of {agreement:.2%} of the pixels of the first tiles; "
                f"the largest change of a probability is {difference:.3f}"
            )
            agrees = agreement >= self.least_agreement and difference <= self.largest_difference
            if agrees:
                self._exact = None
            else:
                self._fast = None
        return self.precision

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`. The first one settles the precision."""
        self.settle(tiles)
        chosen = self._fast or self._exact
        assert chosen is not None
        return chosen(tiles)


def compare(
    planes: NDArray[np.float32], reference: NDArray[np.float32], probabilities: bool
) -> tuple[float, float]:
    """Return the share of pixels of equal class and the largest difference of a probability.

    Args:
        planes: scores ``(N, classes, H, W)``.
        reference: scores of the same shape.
        probabilities: whether scores are probabilities; otherwise they are logits.
    """
    agreement = float((planes.argmax(axis=1) == reference.argmax(axis=1)).mean())
    if not probabilities:
        planes, reference = _softmax(planes), _softmax(reference)
    return agreement, float(np.abs(planes - reference).max())


def _softmax(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(planes - planes.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = raised / raised.sum(axis=1, keepdims=True)
    return result


def _head(steps: tuple[Any, ...], outputs: tuple[Any, ...]) -> frozenset[str]:
    """Names of the last layer with weights and of what follows it."""
    producers = {key: step for step in steps for key in step.outputs}
    names = set()
    step = producers.get(outputs[0])
    while step is not None:
        names.add(step.layer.name)
        if getattr(step.layer, "weights", ()):
            break
        step = producers.get(step.inputs[0]) if step.inputs else None
    return frozenset(names)


def _gpu_capability() -> int:
    """Major compute capability of the weakest GPU; 0 when the backend does not say."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        details = [
            tf.config.experimental.get_device_details(device)
            for device in tf.config.list_physical_devices("GPU")
        ]
        return min((detail.get("compute_capability", (0, 0))[0] for detail in details), default=0)
    if backend == "torch":
        import torch

        if not torch.cuda.is_available():
            return 0
        return min(torch.cuda.get_device_capability(n)[0] for n in range(torch.cuda.device_count()))
    import jax

    return min(
        int(str(getattr(device, "compute_capability", "0")).partition(".")[0])
        for device in jax.devices()
    )
