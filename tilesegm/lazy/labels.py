"""Lazy maps with the coordinates, the coordinate system and the attributes of their image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from tilesegm.engine.plan import Plan
from tilesegm.segmentation.outputs import UNSURE
from tilesegm.source.axes import find_axes

__all__ = ["label"]

_KEPT = ("AREA_OR_POINT", "crs", "epsg", "grid_mapping", "transform")
"""Attributes that say where pixels lie."""


def label(
    image: Any, plan: Plan, arrays: Mapping[str, Any], notes: Sequence[str], single: bool
) -> Any:
    """Return a DataArray, or a Dataset of several.

    Args:
        image: DataArray.
        plan: how it is segmented.
        arrays: its layers by name.
        notes: what was assumed and left out.
        single: whether there is one, which is returned by itself.
    """
    from xarray import Dataset

    image = image.isel({step.axis: step.index for step in plan.info.steps})
    labelled = {name: _label(image, plan, name, array) for name, array in arrays.items()}
    for one in labelled.values() if notes else ():
        one.attrs["notes"] = "\n".join(notes)
    return next(iter(labelled.values())) if single else Dataset(labelled)


def _label(image: Any, plan: Plan, layer: str, array: Any) -> Any:
    from xarray import DataArray

    rows, cols, _ = find_axes([str(name) for name in image.dims])
    assert rows is not None
    assert cols is not None
    across = (image.dims[rows], image.dims[cols])
    coords = {name: found for name, found in image.coords.items() if {*found.dims} <= {*across}}
    names = [one.name for one in plan.spec.classes]
    attributes = {key: image.attrs[key] for key in _KEPT if key in image.attrs}
    dims: tuple[Any, ...] = across
    if layer == "classes":
        ids = [*names, UNSURE.name] if plan.decision.least is not None else names
        attributes |= {
            "long_name": "class",
            "flag_values": np.arange(len(ids), dtype=array.dtype),
            "flag_meanings": " ".join("_".join(name.split()) for name in ids),
            "_FillValue": array.dtype.type(np.iinfo(array.dtype).max),
        }
    else:
        attributes |= {"long_name": layer, "_FillValue": array.dtype.type(np.nan)}
    if layer == "scores":
        dims, coords = ("class", *across), coords | {"class": names}
    result = DataArray(array, dims=dims, coords=coords, name=layer, attrs=attributes)
    if "grid_mapping" in image.encoding:
        result.encoding["grid_mapping"] = image.encoding["grid_mapping"]
    return _with_crs(result, plan.info.georeference.crs)


def _with_crs(result: Any, crs: str | None) -> Any:
    """Write the coordinate system where rioxarray is there and finds none."""
    with suppress(ImportError):
        import rioxarray  # noqa: F401

        if crs is not None and result.rio.crs is None:
            return result.rio.write_crs(crs)
    return result
