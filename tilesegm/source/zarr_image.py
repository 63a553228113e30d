"""Finds the array that is meant by a Zarr node, and what its metadata say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from tilesegm.errors import SettingsError, SourceError
from tilesegm.inputs import check_tree
from tilesegm.source.axes import Axes, find_axes
from tilesegm.source.base import Georeference
from tilesegm.source.ome import OmeImage, OmeLevel, read_image, read_names
from tilesegm.source.options import SourceOptions
from tilesegm.source.place import Surroundings, Variable, find_place, scale_place, stored_place
from tilesegm.source.steps import At, Step, choose_steps

__all__ = ["ZarrImage", "find_image"]

_MICROMETRES = {
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "meter": 1e6,
}
_SHOWN = 6
"""Names that a refusal lists at most."""


@dataclass(frozen=True, kw_only=True)
class ZarrImage:
    """One array of a store, and what its metadata say."""

    array: Any
    axes: Axes
    kind: str
    place: Georeference = field(default_factory=Georeference)
    channels: tuple[str, ...] = ()
    palette: NDArray[np.uint8] | None = None
    """Red, green and blue of each id, ``(ids, 3)``."""
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


def find_image(uri: str, node: Any, parent: zarr.Group | None, options: SourceOptions) -> ZarrImage:
    """Find the image that a node is, or the only one that it holds.

    Args:
        uri: the node's path, URL or description.
        node: array or group.
        parent: group that holds the node, if it is known.
        options: with the level of an image of several resolutions, and steps of further axes.

    Raises:
        SourceError: there is none, or there are several; or it lacks the level or a step.
        SettingsError: a level is asked of a single array.
    """
    if not isinstance(node, zarr.Group):
        return _single(uri, node, parent, options)
    attributes = dict(node.attrs)
    ome: Any = attributes.get("ome", attributes)
    if not isinstance(ome, Mapping):
        ome = {}
    if isinstance(ome.get("multiscales"), list) and ome["multiscales"]:
        return _multiscale(uri, node, ome, options)
    if "plate" in ome:
        plate = ome["plate"]
        wells = read_names(uri, "plate.wells", plate.get("wells") if _is_map(plate) else plate)
        fields = ", ".join(f"{uri}/{well}/0" for well in wells[:2])
        raise SourceError(
            f"{uri}: a plate of {len(wells)} wells; pass one of its images, such as {fields}"
        )
    names = _images(uri, node, ome)
    if len(names) == 1:
        return find_image(f"{uri}/{names[0]}", node[names[0]], node, options)
    raise SourceError(_choice(uri, node, names))


def _images(uri: str, group: zarr.Group, ome: Any) -> list[str]:
    """Return the names of the images that a group holds: its series, fields or arrays."""
    if "well" in ome:
        well = ome["well"]
        return read_names(uri, "well.images", well.get("images") if _is_map(well) else well)
    if "bioformats2raw.layout" in ome:
        listed = group.get("OME")
        inner: Any = {} if listed is None else listed.attrs.get("ome", listed.attrs)
        series = inner.get("series") if _is_map(inner) else None
        if series:
            return read_names(uri, "series", series)
        return sorted((name for name, _ in group.groups() if name.isdigit()), key=int)
    return sorted(name for name, array in group.arrays() if _is_image(array))


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_image(array: Any) -> bool:
    names = _dimension_names(array)
    if names:
        return None not in find_axes(names)[:2]
    return array.ndim in (2, 3)


def _choice(uri: str, group: zarr.Group, names: list[str]) -> str:
    """Name what a group holds beside what it is not."""
    if not names:
        groups = ", ".join(sorted(name for name, _ in group.groups())[:_SHOWN])
        within = f"; it holds the groups {groups}, pass one with its path" if groups else ""
        return f"{uri}: a Zarr group without OME-Zarr metadata and without arrays of images{within}"
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    found: list[Any] = [group.get(name) for name in names]
    if not all(isinstance(node, zarr.Array) for node in found):
        return (
            f"{uri}: holds {len(names)} images, {shown}; pass one of them, such as {uri}/{names[0]}"
        )
    alike = len({node.shape for node in found}) == 1
    stack = f", or as bands of one image: --stack {uri}/{names[0]} {uri}/{names[1]}"
    return (
        f"{uri}: a Zarr group without OME-Zarr metadata; pass one of its arrays: {shown}; such as "
        f"{uri}/{names[0]}" + (stack if alike else "")
    )


def _single(uri: str, array: Any, parent: zarr.Group | None, options: SourceOptions) -> ZarrImage:
    if options.level:
        raise SettingsError(f"{uri}: level={options.level}, but a single array has level 0 alone")
    names = _dimension_names(array)
    axes = Axes.named(uri, array.shape, names) if names else Axes.guessed(uri, array.shape)
    axes, steps, left_out = _choose(uri, axes, names, options.at)
    place, notes = find_place(_surroundings(array, axes, names, parent))
    return ZarrImage(
        array=array,
        axes=axes,
        kind=f"Zarr v{array.metadata.zarr_format}",
        place=place,
        steps=steps,
        notes=(*left_out, *notes),
    )


def _choose(
    uri: str, axes: Axes, names: Sequence[str], at: At
) -> tuple[Axes, tuple[Step, ...], tuple[str, ...]]:
    """Choose the step of each axis beside rows, columns and bands."""
    further = [(names[axis], axes.shape[axis]) for axis in axes.others]
    steps, notes = choose_steps(uri, further, at)
    return replace(axes, steps=tuple(step.index for step in steps)), steps, notes


def _dimension_names(array: Any) -> tuple[str, ...]:
    """Return the names of all axes by Zarr v3 or xarray; none where one is not named.

    Raises:
        SourceError: they are no names, or not as many as there are axes.
    """
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS")
    if not names:
        return ()
    texts = isinstance(names, list | tuple) and all(isinstance(n, str | None) for n in names)
    if not texts or len(names) != array.ndim:
        raise SourceError(
            f"{array.path or 'the array'}: its names of dimensions are {names!r:.80}; expected one "
            f"text for each of {array.ndim}"
        )
    return tuple(names) if all(names) else ()


def _surroundings(
    array: Any, axes: Axes, names: tuple[str, ...], parent: zarr.Group | None, *more: Any
) -> Surroundings:
    groups = [group.attrs for group in (*more, parent) if group is not None]

    def variable(name: str) -> Variable | None:
        try:
            found: Any = None if parent is None else parent[name]
            if not isinstance(found, zarr.Array) or found.ndim > 1 or found.size > max(axes.size):
                return None
            _check_files(found)
            return Variable(dict(found.attrs), np.asarray(found[...]))
        except Exception:  # absent or unreadable; stores and codecs raise what they like
            return None

    merged = {name: value for attributes in groups for name, value in attributes.items()}
    return Surroundings(
        attributes=merged | dict(array.attrs),
        variable=variable,
        axes=(names[axes.rows], names[axes.cols]) if names else ("y", "x"),
        size=axes.size,
        curvilinear=_curvilinear(array, parent),
    )


def _curvilinear(array: Any, parent: zarr.Group | None) -> tuple[str, ...]:
    """Return the coordinates of CF that have a value for each pixel."""
    names = str(array.attrs.get("coordinates", "")).split()
    found = [None if parent is None else parent.get(name) for name in names]
    pairs = zip(names, found, strict=True)
    return tuple(name for name, each in pairs if isinstance(each, zarr.Array) and each.ndim == 2)


def _check_files(array: Any) -> None:
    """Refuse an array on disk that holds pipes, or links out of it."""
    root = getattr(array.store, "root", None)
    if root is not None:
        check_tree(Path(root, array.path), SourceError)


def _multiscale(
    uri: str, group: zarr.Group, ome: Mapping[str, Any], options: SourceOptions
) -> ZarrImage:
    image, channels = read_image(uri, ome)
    levels, level = image.datasets, options.level
    if level >= len(levels):
        raise SourceError(
            f"{uri}: level={level} was asked for, but the image has {len(levels)} "
            f"level{'s' if len(levels) > 1 else ''}; choose from 0 to {len(levels) - 1}"
        )
    names = image.names
    array, full = _array(uri, group, levels[level].path), _array(uri, group, levels[0].path)
    axes = Axes.named(uri, array.shape, names)
    axes, steps, left_out = _choose(uri, axes, names, options.at)
    place, notes = _place_of_level(uri, group, full, names)
    if level:
        place = scale_place(place, Axes.named(uri, full.shape, names).size, axes.size)
    version = ome.get("version") or image.version or ""
    return ZarrImage(
        array=array,
        axes=axes,
        kind=f"OME-Zarr {version}".strip(),
        place=replace(place, pixel_size=_pixel_size(image, levels[level], axes)),
        channels=channels if len(channels) == axes.count else (),
        palette=_palette(ome, array.dtype.newbyteorder("=")),
        steps=steps,
        notes=(*left_out, *notes),
    )


def _palette(ome: Mapping[str, Any], dtype: np.dtype[Any]) -> NDArray[np.uint8] | None:
    """Return the colours of ids of a label image, black where none is told, as GDAL does."""
    if str(dtype) not in ("uint8", "uint16"):
        return None
    table = np.zeros((np.iinfo(dtype).max + 1, 3), np.uint8)
    try:
        for entry in ome["image-label"]["colors"]:
            table[int(entry["label-value"])] = entry["rgba"][:3]
    except (LookupError, TypeError, ValueError, OverflowError):  # none, or written otherwise
        return None
    return table


def _array(uri: str, group: zarr.Group, path: str) -> zarr.Array[Any]:
    node = group[path]
    if not isinstance(node, zarr.Array):
        raise SourceError(f"{uri}: OME-Zarr metadata name {path!r} as an array, and it is a group")
    return node


def _place_of_level(
    uri: str, group: zarr.Group, array: Any, names: tuple[str, ...]
) -> tuple[Georeference, tuple[str, ...]]:
    """Return the place of the full resolution: as tilesegm stored it, or as others do."""
    stored = stored_place(group.attrs.get("tilesegm"))
    if stored is not None:
        return stored, ()
    # The array may lie in groups of its own.
    below = array.path.removeprefix(group.path).strip("/")
    folder = below.rpartition("/")[0]
    parent: Any = group[folder] if folder else group
    axes = Axes.named(uri, array.shape, names)
    return find_place(_surroundings(array, axes, names, parent, group))


def _pixel_size(image: OmeImage, level: OmeLevel, axes: Axes) -> tuple[float, float] | None:
    """Return height and width of a pixel in micrometres if the axes have units of length."""
    units = [_MICROMETRES.get(image.axes[axis].unit or "") for axis in (axes.rows, axes.cols)]
    if None in units:
        return None
    size = [float(unit) for unit in units if unit]
    for step in (
        *(level.coordinateTransformations or ()),
        *(image.coordinateTransformations or ()),
    ):
        if step.type == "scale" and len(step.scale) == len(image.axes):
            size = [size[0] * step.scale[axes.rows], size[1] * step.scale[axes.cols]]
    return (size[0], size[1]) if min(size) > 0 else None
