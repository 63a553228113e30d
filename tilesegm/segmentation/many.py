"""Segments many images with one network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tilesegm.batch.find import find_entries
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.segmentation.batch import Batch
from tilesegm.segmentation.batch_item import BatchItem
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.work import Request

__all__ = ["BatchItem", "segment_many"]


def segment_many(
    images: Iterable[Any] | Mapping[str, Any],
    model: Any,
    folder: str | Path | None = None,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    assets: Sequence[str] = (),
    on_event: OnEvent = ignore,
) -> list[BatchItem]:
    """Segment many images into a folder or arrays; the model is opened once.

    An image that fails is reported and does not stop the others. The same call again computes what
    is missing, failed, or changed since: images, model or options. ``manifest.jsonl`` in the folder
    has a line of JSON for each image.

    Args:
        images: paths, URLs or arrays, as in `segment`, where a folder stands for all images in
            it, a pattern such as ``scenes/**`` for those that fit, a ``.txt`` for the paths in its
            lines, a ``.csv`` for the images of its rows with their options, and a STAC item or
            collection of items for their assets; or a mapping of names to images. Arrays without a
            name are called ``image_0``, ``image_1`` and so on, by their place.
        model: a model as in `segment`.
        folder: folder that gets ``NAME_classes.tif`` for each image, or a name such as
            ``maps/{name}.zarr``; created when absent. One of a store is ``s3://BUCKET/FOLDER``.
            None for arrays, which all stay in memory; an image that no longer fits is an error of
            its item.
        tiling: size, overlap and blending of tiles.
        options: everything else, the same for all images but for what a table says.
        overwrite: compute all images again and replace finished outputs.
        assets: names of the assets of STAC items that are the image; several are its bands.
        on_event: called with the events of each image.

    Raises:
        SettingsError: an image is given twice, images are one array, or a folder, list, table or
            STAC file gives no image.
        OutputError: the folder cannot be made, the disk is full, or the store is out of reach.
        ModelError: the model's file cannot be opened.
        BudgetError: the machine is out of memory.

    Example:
        >>> import numpy as np
        >>> import tilesegm as ts
        >>> ts.segment(np.zeros((60, 80, 3), np.uint8), lambda pixels: pixels, "image.tif")
        Segmentation(image.tif, 60 x 80 px, 3 classes, 1 tile, ... MP/s)
        >>> def two_classes(pixels):
        ...     return np.concatenate([pixels, 1 - pixels], axis=-1)
        >>> ts.segment_many(["image.tif", "absent.tif"], two_classes, "maps")
        [BatchItem(image.tif -> image_classes.tif), BatchItem(absent.tif: SourceError: ...)]
    """
    single = hasattr(images, "__array__") and getattr(images, "ndim", 0) < 4
    if single or isinstance(images, str | os.PathLike):
        raise SettingsError(
            "segment_many takes several images; pass a list such as [image], or call segment"
        )
    entries = find_entries(images, on_event, assets)
    request = Request.of(model, tiling, options, overwrite)
    return list(Batch.of(entries, model, folder, request).run(on_event))
