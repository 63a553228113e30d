"""A Keras network as a predictor: bytes in, class planes out, everything between compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.counted import counted
from tilesegm.errors import ModelError, SettingsError
from tilesegm.model.base import ModelSpec
from tilesegm.model.compile import ArrayFunction, compile_function
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.planes import check_integers, check_planes, check_tiles
from tilesegm.model.reason import reason_of

__all__ = ["KerasPredictor", "with_settings"]

# The dtypes that every backend can cast on every device; others become float32 beforehand.
_CAST_IN_GRAPH = frozenset({"uint8", "int8", "uint16", "int16", "int32", "float16", "float32"})


class KerasPredictor:
    """Scores tiles with a Keras network.

    Casting, normalising, the network, a second plane for networks of one channel, and the
    transpose to class planes are one compiled program for each shape and dtype of tiles. A network
    of fixed batch gets the tiles in batches of that size, the last one filled up.

    Args:
        network: turns a float32 tensor ``(N, H, W, bands)`` of the running Keras backend into
            scores ``(N, H, W, channels)``.
        spec: what is known about it.
        normalisation: what pixel values go through first.
        precision: of its computation, ``"float32"`` or ``"bfloat16"``.
        xla: whether TensorFlow compiles it with XLA.
    """

    def __init__(
        self,
        network: Callable[[Any], Any],
        spec: ModelSpec,
        normalisation: Normalisation,
        precision: str = "float32",
        xla: bool = False,
    ) -> None:
        self.precision = precision
        """Precision of its computation."""
        self._network = network
        self._spec = spec
        self._normalisation = normalisation
        self._run: ArrayFunction = compile_function(self._score, xla)

    @property
    def spec(self) -> ModelSpec:
        """What is known about the network."""
        return self._spec

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`. The scores may be a read-only array."""
        check_tiles(self._spec, tiles)
        check_integers(self._spec, tiles, self._normalisation)
        if tiles.dtype.name not in _CAST_IN_GRAPH or not tiles.dtype.isnative:
            tiles = tiles.astype(np.float32)
        try:
            scores = self._run_in_batches(np.ascontiguousarray(tiles))
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # sys.exit of a layer is no end of the run
            raise ModelError(
                f"{self._spec.name} fails on tiles of shape {tiles.shape}: {reason_of(error)}"
            ) from error
        return check_planes(self._spec, tiles.shape, scores)

    def _run_in_batches(self, tiles: NDArray[Any]) -> NDArray[Any]:
        batch, count = self._spec.batch, len(tiles)
        if batch in (None, count):
            return self._run(tiles)
        filled = np.concatenate([tiles, np.repeat(tiles[-1:], -count % batch, axis=0)])
        parts = [self._run(filled[at : at + batch]) for at in range(0, len(filled), batch)]
        return np.concatenate(parts)[:count]

    def _score(self, pixels: Any) -> Any:
        """Turn a tensor of pixels into a tensor of class planes; runs while tracing."""
        from keras import ops

        integers = self._spec.integers
        if self._normalisation.is_identity:
            values = ops.cast(pixels, integers or "float32")
        else:
            offset = np.asarray(self._normalisation.offset, np.float32)
            scale = np.asarray(self._normalisation.scale, np.float32)
            values = (ops.cast(pixels, "float32") - offset) * scale
            values = ops.cast(ops.round(values), integers) if integers else values
        scores = ops.cast(self._network(values), "float32")
        if scores.shape[-1] == 1:
            other = 1.0 - scores if self._spec.probabilities else ops.zeros_like(scores)
            scores = ops.concatenate([other, scores], axis=-1)
        return ops.transpose(scores, (0, 3, 1, 2))


def with_settings(spec: ModelSpec, normalisation: Normalisation, precision: str) -> ModelSpec:
    """Return the spec of a network that is used with these settings.

    Raises:
        SettingsError: the normalisation is for another number of bands.
    """
    if normalisation.bands not in (None, spec.bands):
        raise SettingsError(
            "the normalisation is for "
            f"{counted(normalisation.bands, 'band')} and {spec.name} takes "
            f"{spec.bands or 'any number'}; give one offset and one scale per band, or one for all"
        )
    settings = (("normalisation", repr(normalisation)), ("precision", precision))
    return replace(
        spec,
        fill=normalisation.offset,
        raw=spec.raw and normalisation.is_identity,
        identity=(*spec.identity, *settings),
    )
