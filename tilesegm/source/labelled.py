"""Arrays of xarray: their axes, place and attributes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tilesegm.errors import SourceError
from tilesegm.source.attributes import fill_value, scaling
from tilesegm.source.axes import find_axes
from tilesegm.source.base import Georeference
from tilesegm.source.place import Surroundings, Variable, find_place
from tilesegm.source.steps import At, Step, choose_steps

__all__ = ["Labelled", "images_of", "only_variable", "unlabel", "with_grid_mapping"]


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What the labels of an array tell."""

    place: Georeference = field(default_factory=Georeference)
    nodata: float | None = None
    scaling: tuple[float, float] = (1.0, 0.0)
    steps: tuple[Step, ...] = ()
    band_names: tuple[str, ...] = ()
    """Names of all bands, where labels tell them."""
    notes: tuple[str, ...] = ()


def images_of(dataset: Any) -> list[Any]:
    """Return the names of those variables of an xarray Dataset that have rows and columns."""
    return [
        name
        for name, array in dataset.data_vars.items()
        if None not in find_axes([str(axis) for axis in array.dims])[:2]
    ]


def only_variable(dataset: Any) -> Any:
    """Return the only image of an xarray Dataset.

    Raises:
        SourceError: there is none, or there are several.
    """
    images = images_of(dataset)
    if len(images) != 1:
        names = ", ".join(map(str, images)) or "none"
        told = any(fill_value(dataset[name].attrs) is not None for name in images)
        kept = ".assign_attrs(dataset[NAME].attrs)" if told else ""
        raise SourceError(
            f"a Dataset with {len(images)} images ({names}); pass one of them, dataset[NAME], or "
            f"several as bands, dataset[[NAME, NAME]].to_array('band'){kept}"
        )
    return with_grid_mapping(dataset, dataset[images[0]])


def with_grid_mapping(dataset: Any, image: Any) -> Any:
    """Return an image of a Dataset with the variable that tells its coordinate system.

    Unless it is asked to decode all coordinates, xarray keeps that among the data.
    """
    name = image.encoding.get("grid_mapping", image.attrs.get("grid_mapping"))
    return image.assign_coords({name: dataset[name]}) if name in dataset.data_vars else image


def unlabel(array: Any, uri: str, at: At = ()) -> tuple[Any, Labelled]:
    """Return a DataArray, still lazy, as ``(y, x)`` or ``(y, x, band)``, and what its labels tell.

    Args:
        array: with names of its dimensions.
        uri: what it is called in errors.
        at: steps to read of further dimensions; the first of others, if any is given.

    Raises:
        SourceError: no dimension is called y, or none x; or a step is asked for that is not there.
    """
    names = [str(name) for name in array.dims]
    rows, cols, bands = find_axes(names)
    order = [axis for axis in (rows, cols, bands) if axis is not None]
    further = [axis for axis in range(len(names)) if axis not in order]
    if rows is None or cols is None or (further and not at):
        raise SourceError(
            f"{uri}: dimensions {tuple(names)}; expected y and x, and band if there "
            "are several (rename them, or select one step of the others: at={'time': 0})"
        )
    steps, left_out = choose_steps(uri, [(names[n], array.shape[n]) for n in further], at)
    if steps:
        chosen = {array.dims[n]: step.index for n, step in zip(further, steps, strict=True)}
        array, found = unlabel(array.isel(chosen), uri)
        return array, replace(found, steps=steps, notes=(*left_out, *found.notes))

    def variable(name: str) -> Variable | None:
        if name not in array.coords or array.coords[name].ndim > 1:
            return None
        found = array.coords[name]
        return Variable(dict(found.attrs), np.asarray(found.values))

    # xarray moves what it has understood from the attributes to the encoding.
    mapping = {key: array.encoding[key] for key in ("grid_mapping",) if key in array.encoding}
    attributes = mapping | dict(array.attrs)
    place, notes = find_place(
        Surroundings(
            attributes=attributes,
            variable=variable,
            axes=(names[rows], names[cols]),
            size=(array.shape[rows], array.shape[cols]),
            curvilinear=tuple(str(n) for n, found in array.coords.items() if found.ndim == 2),
        )
    )
    labelled = Labelled(
        place=place,
        nodata=fill_value(attributes),
        scaling=scaling(attributes),
        band_names=() if bands is None else _band_names(array, array.dims[bands]),
        notes=notes,
    )
    return array.transpose(*(array.dims[axis] for axis in order)), labelled


def _band_names(array: Any, axis: Any) -> tuple[str, ...]:
    """Return names that label the axis of bands, or that GDAL describes the bands by.

    Numbers are names where all bands of an image stand in another order than they count.
    """
    count = array.sizes[axis]
    if axis in array.coords and array.coords[axis].dtype.kind in "OUST":
        return tuple(map(str, array.coords[axis].values))
    if axis in array.coords and array.coords[axis].dtype.kind in "iu":
        numbers, counted = array.coords[axis].values.tolist(), list(range(1, count + 1))
        if numbers != counted and sorted(numbers) == counted:
            return tuple(f"band {number}" for number in numbers)
    described = array.attrs.get("long_name")
    if isinstance(described, list | tuple) and len(described) == count:
        return tuple(map(str, described))
    return ()
