"""Segments an image of any size into a class map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from tilesegm.cluster.pool import open_pool
from tilesegm.events import OnEvent, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.segmentation.image_run import run_request
from tilesegm.segmentation.in_memory import check_without_output, segment_in_memory
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.outputs import check_inputs, named_inputs, output_paths, reads_of
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.segmented_image import SegmentedImage
from tilesegm.segmentation.setup import open_predictor
from tilesegm.segmentation.store_target import StoreTarget
from tilesegm.segmentation.work import Request

__all__ = ["segment"]


@overload
def segment(
    image: Any,
    model: Any,
    output: str | Path,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Segmentation: ...


@overload
def segment(
    image: Any,
    model: Any,
    output: None = None,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> SegmentedImage: ...


def segment(
    image: Any,
    model: Any,
    output: str | Path | None = None,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    on_event: OnEvent = ignore,
) -> Segmentation | SegmentedImage:
    """Segment an image of any size into a class map, in bounded memory.

    An interrupted run keeps its finished regions beside the output; the same call resumes it.

    Args:
        image: path, URL, list of paths, or array; see `open_source`.
        model: bundle folder, ``.keras`` file, SavedModel folder, Keras model, or any callable
            ``float32 (N, H, W, bands) -> scores (N, H, W, classes)``; or a list of several, whose
            probabilities are averaged.
        output: ``.tif`` for a Cloud Optimized GeoTIFF, ``.zarr`` for OME-Zarr, ``.png`` for
            photos; ``s3://BUCKET/NAME.tif`` or ``.zarr`` for an object store; None for arrays in
            memory, which are refused where they do not fit.
        tiling: size, overlap and blending of tiles.
        options: everything else.
        overwrite: replace a finished output of tilesegm, and discard unfinished work, unless an
            equal call with it began that.
        on_event: called with the events of `tilesegm.events` as work proceeds.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        OutputError: the output cannot be written.
        BudgetError: the run needs more memory than allowed, or arrays do not fit.
        ResumeError: unfinished work beside the output differs, or another run writes it.

    Example:
        The brightest of three bands, as a class map:

        >>> import numpy as np
        >>> import tilesegm as ts
        >>> image = np.zeros((300, 400, 3), np.uint8)
        >>> image[:, :, 0], image[:, 250:, 2] = 50, 90
        >>> tiling = ts.Tiling(tile=128, overlap=32)
        >>> result = ts.segment(image, lambda pixels: pixels, "classes.tif", tiling=tiling)
        >>> result
        Segmentation(classes.tif, 300 x 400 px, 3 classes, 12 tiles, ... MP/s)
        >>> with ts.open_source(result.output) as classes:
        ...     classes.read(ts.Window(0, 248, 1, 4)).values[0, :, 0]
        array([0, 0, 2, 2], dtype=uint8)

        Without an output the class map is an array:

        >>> result = ts.segment(image, lambda pixels: pixels, tiling=tiling)
        >>> result
        SegmentedImage(300 x 400 px: class 0 62 %, class 2 38 %, class 1 0 %; 1 note)
        >>> result.classes[0, 248:252]
        array([0, 0, 2, 2], dtype=uint8)
    """
    request = Request.of(model, tiling, options, overwrite)
    if output is None:
        check_without_output(request)
        return segment_in_memory(
            image, lambda info: open_predictor(model, info, request.options), request, on_event
        )
    target = StoreTarget.of(output, request.options.staging)
    read = reads_of(image, model, request.options)
    if target is not None:
        target.check_unread(named_inputs(read))
    local = Path(output) if target is None else target.local
    check_inputs(output_paths(local, request.options).values(), read)
    with open_pool(request.options.cluster, on_event) as pool:
        return run_request(
            image,
            lambda info: open_predictor(model, info, request.options),
            output,
            replace(request, pool=pool),
            on_event,
        )
