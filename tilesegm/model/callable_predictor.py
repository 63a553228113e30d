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
from tilesegm.model.outputs import SIDES, Outputs, choose_head, probe_outputs, with_probe
from tilesegm.model.planes import check_planes, check_tiles, planes_of_scores, two_planes
from tilesegm.model.reason import reason_of

__all__ = ["CallablePredictor"]


class CallablePredictor:
    """Scores tiles with a function ``float32 (N, H, W, bands) -> scores (N, H, W, classes)``.

    Scores are an array or a tensor of TensorFlow, JAX or Torch, or a dict or list of them.

    Args:
        function: the function; it is called on noise to learn what it gives.
        bands: bands of the image.
        outputs: what is said of its outputs.
        normalisation: what pixel values go through first.

    Raises:
        ModelError: the function fails on noise or its scores are no segmentation.
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
        size, tile = self._sizes(bands)
        probe = probe_outputs(lambda values: np.moveaxis(self._planes(values), 1, -1), size)
        classes = max(probe.channels, 2)
        spec = ModelSpec(
            name=self._name,
            bands=bands,
            classes=default_classes(classes),
            inexact=("a function has no layers to look at",),
            tile=tile,
            bytes_per_pixel=4 * (bands + 2 * classes),
            identity=(("model", self._name), ("code", _code(function)), *outputs.identity),
        )
        spec = with_probe(spec, probe, outputs)
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

    def _sizes(self, bands: int) -> tuple[tuple[int, int, int], tuple[int, int] | None]:
        """Return a shape of tiles that it takes, and its size if it takes no larger one."""
        failed = None
        for side in SIDES:
            try:
                self._planes(np.zeros((1, side, side, bands), np.float32))
            except ModelError as error:
                failed = failed or error
                continue
            if failed is None or self._takes(2 * side, bands):
                return (side, side, bands), None
            return (side, side, bands), (side, side)
        assert failed is not None
        raise failed

    def _takes(self, side: int, bands: int) -> bool:
        try:
            self._planes(np.zeros((1, side, side, bands), np.float32))
        except ModelError:
            return False
        return True

    def _planes(self, tiles: NDArray[Any]) -> NDArray[Any]:
        values = tiles.astype(np.float32)
        if not self._normalisation.is_identity:
            values -= np.asarray(self._normalisation.offset, np.float32)
            values *= np.asarray(self._normalisation.scale, np.float32)
        try:
            given = self._function(values)
            scores = _to_array(choose_head(self._name, given, self._head))
        except (MemoryError, ModelError):
            raise
        except Exception as error:
            raise ModelError(
                f"{self._name} fails on float32 values of shape {tiles.shape}: "
                f"{type(error).__name__}: {reason_of(error)}"
            ) from error
        return planes_of_scores(self._name, tiles.shape, scores)


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
    for weight in function.get_weights() if hasattr(function, "get_weights") else ():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest() if code else ""
