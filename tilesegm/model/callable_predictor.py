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
from tilesegm.model.planes import check_planes, check_tiles, planes_of_scores

__all__ = ["CallablePredictor"]


class CallablePredictor:
    """Scores tiles with a function ``float32 (N, H, W, bands) -> scores (N, H, W, classes)``.

    Scores are an array or a tensor of TensorFlow, JAX or Torch, taken as logits.

    Args:
        function: the function; it is called once on zeros to learn the number of classes.
        bands: bands of the image.
        tile: height and width of the tiles.
        normalisation: what pixel values go through first.

    Raises:
        ModelError: the function fails on zeros or its scores are no segmentation.
    """

    precision = "float32"

    def __init__(
        self,
        function: Callable[[Any], Any],
        bands: int,
        tile: tuple[int, int],
        normalisation: Normalisation,
    ) -> None:
        self._function = function
        self._normalisation = normalisation
        self._name = _name(function)
        zeros = np.zeros((1, *tile, bands), np.float32)
        classes = self._planes(zeros).shape[1]
        spec = ModelSpec(
            name=self._name,
            bands=bands,
            classes=default_classes(classes),
            inexact=("a function has no layers to look at",),
            bytes_per_pixel=4 * (bands + 2 * classes),
            identity=(("model", self._name), ("code", _code(function))),
        )
        self._spec = with_settings(spec, normalisation, self.precision)

    @property
    def spec(self) -> ModelSpec:
        """What is known about the function."""
        return self._spec

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`."""
        check_tiles(self._spec, tiles)
        planes = check_planes(self._spec, tiles.shape, self._planes(tiles))
        if planes.base is not None:
            # It may be memory that the function keeps, and blending works in place.
            planes.flags.writeable = False
        return planes

    def _planes(self, tiles: NDArray[Any]) -> NDArray[Any]:
        values = tiles.astype(np.float32)
        if not self._normalisation.is_identity:
            values -= np.asarray(self._normalisation.offset, np.float32)
            values *= np.asarray(self._normalisation.scale, np.float32)
        try:
            scores = _to_array(self._function(values))
        except MemoryError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise ModelError(
                f"{self._name} fails on float32 values of shape {tiles.shape}: {reason}"
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
    return hashlib.sha256(marshal.dumps(code)).hexdigest() if code else ""
