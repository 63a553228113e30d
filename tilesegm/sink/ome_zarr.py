"""Finished results as OME-Zarr (NGFF 0.5 on Zarr v3) that xarray opens with its georeference.

    OUT.zarr/                     multiscales of the class map, its colours and names
    ├── 0/                        full size: opens as an xarray Dataset
    │   ├── classes               (y, x)
    │   ├── y, x                  pixel centres, where the transform has no rotation
    │   └── spatial_ref           CRS and transform as CF and GDAL write them
    ├── 1/ 2/ ...                 overviews: the array alone
    ├── confidence/0/confidence   the same for every other layer, each an OME-Zarr of its own
    └── scores/0/scores           (c, y, x)

Each level is a group, as a Dataset cannot hold two sizes of one dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tilesegm.files import draft_of, flush_tree, output_errors, remove, replace
from tilesegm.sink.chunk_copies import CODEC, copy_chunks
from tilesegm.sink.georeference import cf_attributes, pixel_centres
from tilesegm.sink.layer import Layer
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.shards import Shards, are_wanted, shard_side, windows
from tilesegm.sink.staged_array import StagedArray
from tilesegm.sink.staging import Staging
from tilesegm.sink.zarr_seal import seal_zarr

__all__ = ["finish_zarr"]


def finish_zarr(
    staging: Staging,
    output: Path,
    facts: MapFacts,
    progress: Callable[[float], None] | None = None,
    before_placing: Callable[[], None] | None = None,
    shards: Shards = "auto",
) -> None:
    """Make one OME-Zarr of all layers, and put it in place when it is complete.

    The first layer describes the root group; the others lie in groups of their name. The staging
    folder is left alone.

    Args:
        staging: Complete results.
        output: Path of the folder to make. What is there is replaced.
        facts: what to say about the pixels.
        progress: Called with the fraction done, from 0 to 1.
        before_placing: Called when the folder is made, before it is put in place; what it raises
            leaves it out.
        shards: whether many chunks share a file: ``auto`` where there would be very many files.

    Raises:
        OutputError: it cannot be written; nothing of it is under its final name.
        StagedDamageError: staged results are not as they were written; no file was made of them.
    """
    output = Path(output)
    draft = staging.folder / "draft.zarr"
    report = progress or (lambda fraction: None)
    total = sum(_pixels(staging, layer) for layer in staging.layers)
    sharded = are_wanted(shards, _all_arrays(staging))
    written = 0
    try:
        with output_errors(output):
            staging.check()
            staging.complete_overviews()
            remove(draft)
            remove(draft_of(output))
            root = zarr.create_group(draft, zarr_format=3)
            for layer in staging.layers:
                group = root if layer is staging.layers[0] else root.create_group(layer.name)
                group.attrs.update(_attributes(staging, layer, facts))
                for level, arrays in enumerate(_levels(staging, layer)):
                    side = shard_side(arrays[0]) if sharded else None
                    at = group.create_group(str(level))
                    target = _create(at, layer, arrays[0], facts, side)
                    for plane, array in enumerate(arrays):
                        leading = () if layer.planes == 1 else (plane,)
                        copy = _copy_shards if sharded else copy_chunks
                        for pixels in copy(array, target, draft, leading):
                            written += pixels
                            report(0.99 * written / total)
                _add_coordinates(group["0"], staging.size, facts)
            seal_zarr(draft)
            flush_tree(draft)
            staging.check()  # what changed while it was copied
            if before_placing is not None:
                before_placing()
            replace(draft, output)
            report(1.0)
    finally:
        remove(draft)


def _copy_shards(
    array: StagedArray, target: Any, store: Path, leading: tuple[int, ...]
) -> Iterator[int]:
    """Write an array in shards, and yield how many pixels of it are written at a time."""
    for part in windows(array, True):
        target[(*leading, *part.slices)] = array.read(part)
        yield part.pixels


def _levels(staging: Staging, layer: Layer) -> list[tuple[StagedArray, ...]]:
    planes = (staging.levels(layer.name, plane) for plane in range(layer.planes))
    return list(zip(*planes, strict=True))


def _all_arrays(staging: Staging) -> Iterator[StagedArray]:
    for layer in staging.layers:
        for plane in range(layer.planes):
            yield from staging.levels(layer.name, plane)


def _pixels(staging: Staging, layer: Layer) -> int:
    return layer.planes * sum(
        array.shape[0] * array.shape[1] for array in staging.levels(layer.name)
    )


def _create(
    group: zarr.Group, layer: Layer, array: StagedArray, facts: MapFacts, shard: int | None
) -> Any:
    stacked = layer.planes > 1
    leading = (1,) if stacked else ()
    target = group.create_array(
        layer.name,
        shape=(layer.planes, *array.shape) if stacked else array.shape,
        chunks=(*leading, array.chunk, array.chunk),
        shards=None if shard is None else (*leading, shard, shard),
        dtype=array.dtype,
        compressors=CODEC,
        fill_value=layer.fill,
        dimension_names=("c", "y", "x") if stacked else ("y", "x"),
    )
    target.attrs.update(_variable(layer, facts))
    return target


def _variable(layer: Layer, facts: MapFacts) -> dict[str, Any]:
    """Attributes of an array by the CF conventions."""
    attributes: dict[str, Any] = {}
    if layer.nodata is not None and layer.dtype.kind == "u":
        attributes["_FillValue"] = int(layer.nodata)
    if (layer.scale, layer.offset) != (1.0, 0.0):
        attributes |= {"scale_factor": layer.scale, "add_offset": layer.offset}
    if layer.overview == "mode" and facts.classes:
        attributes["flag_values"] = list(range(len(facts.classes)))
        attributes["flag_meanings"] = " ".join(
            "_".join(info.name.split()) for info in facts.classes
        )
    if cf_attributes(facts.georeference):
        attributes["grid_mapping"] = "spatial_ref"
    return attributes


def _attributes(staging: Staging, layer: Layer, facts: MapFacts) -> dict[str, Any]:
    ome: dict[str, Any] = {"version": "0.5", "multiscales": [_multiscale(staging, layer, facts)]}
    if layer.overview == "mode":
        labels = [
            (i, [*info.colour, 255], info.name)
            for i, info in enumerate(facts.classes)
            if i != layer.nodata
        ]
        if layer.nodata is not None:
            labels.append((int(layer.nodata), [0, 0, 0, 0], "no result"))
        # NGFF wants the same values in both.
        ome["image-label"] = {
            "colors": [{"label-value": i, "rgba": rgba} for i, rgba, _ in labels],
            "properties": [{"label-value": i, "name": name} for i, _, name in labels],
        }
    return {"ome": ome, "tilesegm": facts.zarr_attributes()}


def _multiscale(staging: Staging, layer: Layer, facts: MapFacts) -> dict[str, Any]:
    size = facts.georeference.pixel_size
    axes: list[dict[str, str]] = [{"name": name, "type": "space"} for name in ("y", "x")]
    if size is not None:
        axes = [axis | {"unit": "micrometer"} for axis in axes]
    leading = [1.0] if layer.planes > 1 else []
    if leading:
        axes.insert(0, {"name": "c", "type": "channel"})
    unit = size or (1.0, 1.0)
    datasets = []
    for level in range(len(staging.levels(layer.name))):
        step = 2.0**level
        scale = [*leading, *(step * side for side in unit)]
        # An overview's first pixel covers several of the image: its centre lies further in.
        shift = [*(0.0 for _ in leading), *((step - 1) / 2 * side for side in unit)]
        datasets.append(
            {
                "path": f"{level}/{layer.name}",
                "coordinateTransformations": [
                    {"type": "scale", "scale": scale},
                    {"type": "translation", "translation": shift},
                ],
            }
        )
    return {"name": layer.name, "axes": axes, "datasets": datasets, "type": layer.overview}


def _add_coordinates(group: Any, size: tuple[int, int], facts: MapFacts) -> None:
    reference = cf_attributes(facts.georeference)
    if not reference:
        return
    array = group.create_array("spatial_ref", shape=(), dtype="int64", fill_value=0)
    array.attrs.update(reference)
    centres = pixel_centres(facts.georeference, size)
    for name, values in centres.items():
        axis = group.create_array(
            name, shape=values.shape, chunks=values.shape, dtype="float64", dimension_names=(name,)
        )
        axis[:] = np.asarray(values)
        axis.attrs["axis"] = name.upper()
