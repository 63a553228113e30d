"""Features of a layer as they are in the file, read by its index where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.source.annotations.annotated import Annotated
from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.reach import Reach
from tilesegm.source.vector.feature_array import collected
from tilesegm.source.vector.listing import ListedLayer, file_state
from tilesegm.source.vector.shapes import decoded_shapes

__all__ = [
    "ANNOTATED",
    "Features",
    "annotated_attribute",
    "annotated_features",
    "load_all",
    "load_near",
]

ANNOTATED = ("label", "object")
"""Attributes of the shapes of annotation files."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Features:
    """Numbers, shapes and attributes of ``n`` features."""

    numbers: NDArray[np.int64]
    encoded: NDArray[Any]
    """WKB, shapes, or None."""
    columns: Mapping[str, NDArray[Any]]

    @cached_property
    def shapes(self) -> tuple[NDArray[Any], tuple[tuple[str, NDArray[np.bool_]], ...]]:
        """``(n,)`` shapes or None, and what was done to which features."""
        import shapely

        if shapely.is_geometry(self.encoded).any():
            return self.encoded, ()
        done: list[tuple[str, NDArray[np.bool_]]] = []
        shapes = decoded_shapes(self.encoded, lambda text, which: done.append((text, which)))
        return shapes, tuple(done)

    def take(self, which: NDArray[Any]) -> Self:
        """Return some, by a mask or by their places."""
        columns = {name: values[which] for name, values in self.columns.items()}
        return type(self)(self.numbers[which], self.encoded[which], columns)


def load_near(
    layer: ListedLayer, columns: tuple[str, ...] | None, reaches: Sequence[Reach]
) -> Features | None:
    """Read features that touch boxes by the index of the file, in the order of their numbers.

    Returns:
        The features; None where the index cannot be used.
    """
    try:
        parts = [_load(layer, columns, reach.bounds) for reach in reaches]
    except RuntimeError:
        # TensorFlow has an SQLite without the index, and libraries loaded after it get that one.
        return None
    filled = [part for part in parts if len(part.numbers)] or parts[:1]
    numbers, first = np.unique(np.concatenate([p.numbers for p in filled]), return_index=True)
    shapes = np.concatenate([part.encoded for part in filled])
    joined = {
        name: np.concatenate([part.columns[name] for part in filled]) for name in parts[0].columns
    }
    return Features(numbers, shapes[first], {name: joined[name][first] for name in joined})


def load_all(layer: ListedLayer, columns: tuple[str, ...] | None) -> Features:
    """Read all features, once for many images until the file changes."""
    return _remembered(layer, columns, file_state(layer.dataset))


@lru_cache(maxsize=4)
def _remembered(layer: ListedLayer, columns: tuple[str, ...] | None, state: Any) -> Features:
    return _load(layer, columns, None)


def _load(layer: ListedLayer, columns: tuple[str, ...] | None, box: Any) -> Features:
    import pyogrio

    opened = collected(layer.dataset, file_state(layer.dataset))
    meta, numbers, encoded, values = pyogrio.raw.read(
        opened, layer=layer.name, columns=columns, bbox=box, return_fids=True
    )
    if encoded is None:
        encoded = np.full(len(numbers), None)
    fields = dict(zip(meta["fields"], values, strict=True))
    return Features(np.asarray(numbers, np.int64), encoded, fields)


def annotated_attribute(path: Path) -> str | None:
    """Return the attribute that holds the class in a file of an annotation tool."""
    return ANNOTATED[0] if open_annotations(path) is not None else None


def annotated_features(images: Sequence[Annotated]) -> Features:
    """Return the shapes of annotated images, those of crowds without an object."""
    shapes = np.concatenate([np.empty(0, object), *(each.shapes for each in images)])
    labels = np.array([label for each in images for label in each.labels] + [None], object)[:-1]
    numbers = np.concatenate([np.empty(0, np.int64), *(each.numbers for each in images)])
    objects = np.concatenate([np.empty(0, np.int64), *(each.objects for each in images)])
    return Features(numbers, shapes, {"label": labels, "object": objects})
