"""Segments many images with one network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.errors import ModelError, OutputError, SettingsError, TilesegmError
from tilesegm.events import OnEvent, ignore
from tilesegm.files import flush
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import Predictor
from tilesegm.ownership import check_apart, check_local
from tilesegm.segmentation.folders import expand_folders
from tilesegm.segmentation.in_memory import check_without_output, segment_in_memory
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.outputs import check_inputs, output_paths, reads_of
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.segment import run_request
from tilesegm.segmentation.segmented_image import SegmentedImage
from tilesegm.segmentation.setup import open_predictor
from tilesegm.segmentation.work import Request
from tilesegm.shown import without_secrets
from tilesegm.source.base import ImageInfo
from tilesegm.source.names import stem_of

__all__ = ["BatchItem", "segment_many"]


@dataclass(frozen=True, kw_only=True)
class BatchItem:
    """One image of many: its result, or the error that stopped it."""

    image: str
    """As it was passed; secrets of a URL are hidden in `summary` and in the text of this value."""
    result: Segmentation | SegmentedImage | None = None
    error: TilesegmError | None = None

    def __repr__(self) -> str:
        name = without_secrets(Path(self.image).name)
        if self.result is None:
            return f"BatchItem({name}: {type(self.error).__name__}: {self.error})"
        if isinstance(self.result, SegmentedImage):
            return f"BatchItem({name} -> {self.result})"
        return f"BatchItem({name} -> {self.result.name})"

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        if self.result is None:
            return {"image": without_secrets(self.image), "error": str(self.error)}
        return self.result.summary()


def segment_many(
    images: Iterable[Any] | Mapping[str, Any],
    model: Any,
    folder: str | Path | None = None,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> list[BatchItem]:
    """Segment many images into a folder or arrays, one after the other; the model is opened once.

    An image that fails is reported and does not stop the others. After an interruption the same
    call skips finished images and resumes the unfinished one.

    Args:
        images: paths, URLs or arrays, as in `segment`, where a folder stands for all images in
            it; or a mapping of names to them. Arrays without a name are called ``image_0``,
            ``image_1`` and so on, by their place.
        model: a model as in `segment`.
        folder: folder that gets ``NAME_classes.tif`` for each image; created when absent. None
            for arrays, which all stay in memory; an image that no longer fits is an error of its
            item.
        tiling: size, overlap and blending of tiles.
        options: everything else, the same for all images.
        overwrite: replace finished outputs.
        on_event: called with the events of each image.

    Raises:
        SettingsError: two images would get the same output, images are one array, or a folder
            holds no image.
        OutputError: the folder cannot be made.
        ModelError: the model's file cannot be opened.

    Example:
        >>> import numpy as np
        >>> import tilesegm as ts
        >>> ts.segment(np.zeros((60, 80, 3), np.uint8), lambda pixels: pixels, "image.tif")
        Segmentation(image.tif, 60 x 80 px, 3 classes, 1 tiles, ... MP/s)
        >>> def two_classes(pixels):
        ...     return np.concatenate([pixels, 1 - pixels], axis=-1)
        >>> ts.segment_many(["image.tif", "absent.tif"], two_classes, "maps")
        [BatchItem(image.tif -> image_classes.tif), BatchItem(absent.tif: SourceError: ...)]
    """
    request = Request.of(model, tiling, options, overwrite)
    if folder is not None:
        check_local(folder)
    named = _name_images(images, on_event)
    if folder is None:
        check_without_output(request)
        outputs: list[Path | None] = [None] * len(named)
    else:
        outputs = [*_make_folder(Path(folder), named, model, request)]
    opened: list[Predictor] = []

    def opener(info: ImageInfo) -> Predictor:
        if not opened:
            opened.append(open_predictor(model, info, request.options))
        return opened[0]

    items = []
    for (name, image), output in zip(named, outputs, strict=True):
        try:
            result = (
                segment_in_memory(image, opener, request, on_event)
                if output is None
                else run_request(image, opener, output, request, on_event)
            )
        except TilesegmError as error:
            if isinstance(error, ModelError) and isinstance(model, str | Path) and not opened:
                raise  # a file that is no model suits no other image either
            items.append(BatchItem(image=name, error=error))
        else:
            items.append(BatchItem(image=name, result=result))
    return items


def _make_folder(
    folder: Path, named: list[tuple[str, Any]], model: Any, request: Request
) -> list[Path]:
    """Make the folder of the outputs, once nothing is against them, and name them."""
    outputs = _name_outputs([name for name, _ in named], folder)
    paths = [path for one in outputs for path in output_paths(one, request.options).values()]
    check_inputs(paths, reads_of([image for _, image in named], model, request.options))
    try:
        if not folder.is_dir():
            folder.mkdir()
            flush(folder.parent)  # or finished maps could go with their folder
    except OSError as error:
        raise OutputError(f"folder {folder} cannot be made: {error.strerror}") from error
    return outputs


def _name_images(images: Any, on_event: OnEvent) -> list[tuple[str, Any]]:
    """Return each image with its name: its key, its path, or its place."""
    if isinstance(images, Mapping):
        return [(str(name), image) for name, image in images.items()]
    single = hasattr(images, "__array__") and images.ndim < 4
    if single or isinstance(images, str | os.PathLike):
        raise SettingsError(
            "segment_many takes several images; pass a list such as [image], or call segment"
        )
    named: list[tuple[str, Any]] = []
    for number, image in enumerate(images):
        if isinstance(image, str | os.PathLike):
            named += [(path, path) for path in expand_folders([os.fspath(image)], on_event)]
        else:
            named.append((f"image_{number}", image))
    return named


def _name_outputs(images: list[str], folder: Path) -> list[Path]:
    stems = [stem_of(image) for image in images]
    outputs = [folder / f"{stem}_classes.tif" for stem in stems]
    check_apart(zip(images, outputs, strict=True))
    return outputs
