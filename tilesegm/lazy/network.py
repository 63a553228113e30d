"""A network on its way to the processes that compute chunks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dask.base import tokenize

from tilesegm.lazy.kept import Kept
from tilesegm.lazy.locked import LockedPredictor
from tilesegm.model.open import is_keras
from tilesegm.model.packed import pack, unpack
from tilesegm.segmentation.models import models_of, path_of
from tilesegm.segmentation.opening import Opening
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.setup import open_predictor
from tilesegm.source.base import ImageInfo

__all__ = ["Network"]

_HELD = 4
_PREDICTORS: Kept[LockedPredictor] = Kept(_HELD)
"""Networks that are open in this process. Tasks come and go, and between two of them nobody uses a
network, so the last few stay."""


class Network:
    """A network that is opened once in each process, whatever it is opened from.

    A path is shipped as it is. Of a network in memory a copy is shipped, made when the first graph
    leaves the process.

    Args:
        model: what `open_predictor` opens.
        options: how it is opened.
    """

    def __init__(self, model: Any, options: Options) -> None:
        self._model = model
        self._packed: bytes | None = None
        self._options = options
        self.is_path = path_of(model) is not None
        # The weights of a Keras model are told by the fingerprint of a run.
        self.token = tokenize(
            "keras"
            if any(map(is_keras, models_of(model)))
            else _states(model)
            if self.is_path
            else model,
            Opening.of(options),
        )
        """What tells it from others, apart from the weights of a Keras model."""
        self.key = self.token
        """The same, weights included, once `know` was told of them."""

    def know(self, identity: Any) -> None:
        """Take what tells its weights."""
        self.key = tokenize(self.token, identity)

    def open(self, info: ImageInfo) -> LockedPredictor:
        """Return the predictor of this process for the bands of an image.

        Raises:
            InputError: the network cannot be opened, or does not take these bands.
        """
        return _PREDICTORS.get(
            f"{self.key} {info.bands}",
            lambda: LockedPredictor(open_predictor(self._unpacked(), info, self._options)),
            hold=self.is_path or self._packed is not None,
        )

    def open_first(self, info: ImageInfo) -> LockedPredictor:
        """Return the predictor where its weights are not known yet."""
        if self.is_path:
            return self.open(info)
        return LockedPredictor(open_predictor(self._model, info, self._options))

    def _unpacked(self) -> Any:
        if self._model is None and self._packed is not None:
            return unpack(self._packed)
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        if self.is_path:
            return self.__dict__
        if self._packed is None:
            self._packed = pack(self._model)
        return self.__dict__ | {"_model": None}


def _states(model: Any) -> list[tuple[str, int, int]]:
    """Return names, sizes and times of the files of a model, or of several."""
    told = []
    for path in map(Path, models_of(model)):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        told.append((str(path.absolute()), 0, 0))
        for file in files:
            if file.is_file():
                state = file.stat()
                told.append((str(file), state.st_size, state.st_mtime_ns))
    return told
