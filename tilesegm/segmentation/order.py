"""Image, network and settings of a run as they travel to workers, which open them themselves."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

from tilesegm.cluster.pool import Pool
from tilesegm.engine.stream import Job
from tilesegm.errors import ClusterError, SettingsError
from tilesegm.events import ignore
from tilesegm.model.base import Predictor
from tilesegm.segmentation.opening import Opening
from tilesegm.segmentation.setup import open_predictor
from tilesegm.segmentation.work import Request, Work, open_work
from tilesegm.sink.fingerprint import differences, plain
from tilesegm.source.base import ImageInfo
from tilesegm.source.object_store import is_s3
from tilesegm.trust import trust_files, trusted

__all__ = ["RunOrder", "check_travels"]

_predictors: dict[str, Predictor] = {}
"""The network that this process has open, by what it was opened with: one at a time."""


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """What opens the image and the network of a run again, in another process."""

    image: Any
    """Path, address, or a list of them."""
    model: Any
    """Path, or what stands for a model that was sent."""
    request: Request
    fingerprint: Mapping[str, Any]
    """Of what the client opened."""
    shrinks: bool
    """Whether batches shrink beside an area alone."""
    folder: str
    trusted: bool
    key: str

    @classmethod
    def of(cls, pool: Pool, work: Work) -> Self:
        """Make the order of a run.

        Args:
            pool: workers that get it; a model is sent to them that they cannot open.
            work: what the client opened.

        Raises:
            SettingsError: the model cannot be sent, or its precision is left to each worker.
        """
        image, model, asked = work.given, work.request.given, work.request.options
        precision = asked.precision
        if precision == "auto":
            # Decided once, so that no two workers decide otherwise.
            precision = getattr(work.job.predictor, "precision", "auto")
        if precision == "auto":
            raise SettingsError(
                "precision auto is decided for each of several models, and each worker could "
                "decide otherwise; give --precision float32 or bfloat16, or leave the workers out"
            )
        if not _is_path(model) or is_s3(str(asked.staging)):
            model = pool.ship(model)  # who keeps unfinished work in a store shares no disk
        options = replace(asked, cluster=None, hash_input=False, precision=precision)
        fingerprint = _comparable(work.fingerprint, model)
        shrinks = work.job.reading.shrinks_by_area
        given = (image, model, work.request.tiling, options, fingerprint, shrinks, os.getcwd())
        return cls(
            image=image,
            model=model,
            request=replace(work.request, options=options, given=None, pool=None),
            fingerprint=fingerprint,
            shrinks=shrinks,
            folder=os.getcwd(),
            trusted=trusted(),
            key=hashlib.sha256(repr(given).encode()).hexdigest(),
        )

    @contextmanager
    def open(self) -> Iterator[Job]:
        """Open image and network, and check that they are those of the client.

        Raises:
            InputError: one cannot be opened.
            ClusterError: there is another one under the same name.
        """
        if self.trusted:
            trust_files()
        with open_work(self.image, self._predictor, self.request, ignore) as work:
            found = _comparable(work.fingerprint, self.model)
            if changes := differences(self.fingerprint, found):
                raise ClusterError(
                    f"a worker finds something else under the same names: {'; '.join(changes)}; "
                    "image and model must be the same files everywhere, and tilesegm the same "
                    "version"
                )
            yield replace(work.job, reading=work.job.reading.as_agreed(self.shrinks))

    def _predictor(self, info: ImageInfo) -> Predictor:
        """Return the network, which stays open for the next image."""
        opening = Opening.of(self.request.options)
        key = repr((self.model, self.fingerprint.get("model"), opening, info.bands))
        if key not in _predictors:
            _predictors.clear()
            unpack = getattr(self.model, "unpack", partial(_itself, self.model))
            _predictors[key] = open_predictor(unpack(), info, self.request.options)
        return _predictors[key]


def check_travels(image: Any, area: Any = None) -> None:
    """Refuse an image, or an area of interest, that workers cannot open.

    Raises:
        SettingsError: it lies in the memory of this process.
    """
    parts = [("image", one) for one in (image if isinstance(image, list | tuple) else [image])]
    parts += [] if area is None else [("area of interest", area)]
    for what, part in parts:
        if not _is_path(part):
            raise SettingsError(
                f"the {what} is a {type(part).__module__}.{type(part).__name__} in the memory of "
                "this process, which workers cannot read; save it, as Zarr or GeoTIFF, and pass "
                "the path, or leave the cluster out"
            )


def _comparable(fingerprint: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """Return what must be the same on all machines."""
    told = plain(fingerprint)
    told.pop("content", None)  # hashed by the client alone
    if hasattr(model, "unpack"):
        del told["model"]  # it is the same by having been sent
    else:
        told["model"].pop("precision", None)  # "auto" here, and what came of it there
    return told


def _is_path(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_path, value))
    return isinstance(value, str | os.PathLike)


def _itself(model: Any) -> Any:
    return model
