"""Any function of pixels as a predictor."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import default_classes
from tilesegm.errors import ModelError
from tilesegm.model.base import ModelSpec
from tilesegm.model.keras_predictor import with_settings
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.outputs import Outputs, choose_head, probe_outputs, state, with_probe
from tilesegm.model.planes import check_planes, check_tiles, planes_of_scores, two_planes
from tilesegm.model.reason import reason_of
from tilesegm.model.trial import try_sizes

__all__ = ["CallablePredictor"]


class CallablePredictor:
    """Scores tiles with a function ``float32 (N, H, W, bands) -> scores (N, H, W, classes)``.

    Scores are an array or a tensor of TensorFlow, JAX or Torch, or a dict or list of them.

    Args:
        function: the function; it is called on zeros to learn its sizes and classes, and on noise
            where results depend on what its scores mean.
        bands: bands of the image.
        outputs: what is said of its outputs.
        normalisation: what pixel values go through first.

    Raises:
        ModelError: the function fails on zeros or its scores are no segmentation.
    """

    precision = "float32"

    def __init__(
        self,
        function: Callable[[Any], Any],
        bands: int,
        outputs: Outputs,
        normalisation: Normalisation,
    ) -> None:
        self._function = function
        self._normalisation = normalisation
        self._head = outputs.head
        self._name = _name(function)
        trial = try_sizes(self._scores, bands)
        classes = max(trial.channels, 2)
        spec = ModelSpec(
            name=self._name,
            bands=bands,
            classes=default_classes(classes),
            inexact=("a function has no layers to look at",),
            tile=trial.tile,
            multiple=trial.multiple,
            bytes_per_pixel=4 * (bands + 2 * classes),
            identity=(("model", self._name), ("code", _code(function)), *outputs.identity),
        )
        if outputs.probes(trial.channels):
            spec = with_probe(spec, probe_outputs(self._scores, trial.shape), trial.channels)
        spec = state(spec, outputs.meaning)
        self._spec = with_settings(spec, normalisation, self.precision)

    @property
    def spec(self) -> ModelSpec:
        """What is known about the function."""
        return self._spec

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`."""
        check_tiles(self._spec, tiles)
        planes = self._planes(tiles)
        if planes.shape[1] == 1:
            planes = two_planes(planes, self._spec.probabilities)
        planes = check_planes(self._spec, tiles.shape, planes)
        if planes.base is not None:
            # It may be memory that the function keeps, and blending works in place.
            planes.flags.writeable = False
        return planes

    def _scores(self, tile: NDArray[Any]) -> NDArray[Any]:
        return np.moveaxis(self._planes(tile), 1, -1)

    def _planes(self, tiles: NDArray[Any]) -> NDArray[Any]:
        values = tiles.astype(np.float32)
        if not self._normalisation.is_identity:
            values -= np.asarray(self._normalisation.offset, np.float32)
            values *= np.asarray(self._normalisation.scale, np.float32)
        try:
            given = self._function(_as_taken(self._function, values))
            if given is None:
                raise ModelError(f"{self._name} returns nothing; end it with return scores")
            scores = _to_array(choose_head(self._name, given, self._head))
        except (KeyboardInterrupt, MemoryError, ModelError):
            raise
        except BaseException as error:  # sys.exit of a function is no end of the run
            raise ModelError(
                f"{self._name} fails on float32 values of shape {tiles.shape}: "
                f"{type(error).__name__}: {reason_of(error)}"
            ) from error
        return planes_of_scores(self._name, tiles.shape, scores)


def _as_taken(function: Any, values: NDArray[np.float32]) -> Any:
    """Return values as the function takes them: graphs of TensorFlow refuse arrays."""
    if not type(function).__module__.startswith("tensorflow."):
        return values
    import tensorflow as tf

    return tf.constant(values)


def _to_array(scores: Any) -> NDArray[Any]:
    # A Torch tensor that needs gradients or lies on a GPU refuses np.asarray.
    if hasattr(scores, "detach"):
        scores = scores.detach().cpu()
    return np.asarray(scores)


def _name(function: Any) -> str:
    qualified = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', type(function).__module__)}.{qualified}"


def _code(function: Any) -> str:
    """Digest of what a Python function does; what it reads from outside it remains unseen."""
    code = getattr(function, "__code__", getattr(type(function).__call__, "__code__", None))
    digest = hashlib.sha256(marshal.dumps(code) if code else b"")
    # Layers of Keras and graphs of TensorFlow have the code of their class; their weights differ.
    for weight in getattr(function, "variables", ()):
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest() if code else ""
