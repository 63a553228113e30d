"""Segments an image when its map is looked at, and as much of it as is looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from dask.base import tokenize

from tilesegm.errors import SettingsError
from tilesegm.events import Listener, Noted, OnEvent, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.lazy.bands import as_image
from tilesegm.lazy.chunking import Chunking
from tilesegm.lazy.dask_image import DaskImage, is_dask_image
from tilesegm.lazy.graph import lazy_layers
from tilesegm.lazy.labels import label
from tilesegm.lazy.network import Network
from tilesegm.lazy.order import Order
from tilesegm.model.open import read_spec
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.setup import notes_of
from tilesegm.segmentation.work import Request, tell_notes

__all__ = ["LayerName", "segment_lazy"]

LayerName = Literal["classes", "confidence", "scores"]


def segment_lazy(
    image: Any,
    model: Any,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    layer: LayerName | Sequence[LayerName] = "classes",
    chunk: int | tuple[int, int] | None = None,
    on_event: OnEvent = ignore,
) -> Any:
    """Segment an image as a dask array, which computes what is asked of it when it is asked.

    Its values are those that `segment` gives, to the last bit. Image, model and settings are
    checked now; pixels are read and tiles computed by ``compute``, ``to_zarr``, ``persist`` and
    whatever else starts dask, with any scheduler.

    Args:
        image: path, URL, list of paths, or array; see `open_source`. The chunks of a dask array
            are computed as far as they are needed, by the scheduler that computes the map. Of an
            xarray Dataset, variables are bands: those that a bundle names, else all in their order.
        model: as in `segment`. A network in memory is sent to other processes as a copy.
        tiling: size, overlap and blending of tiles.
        options: everything else, without what is for files.
        layer: ``"classes"``, or ``"confidence"`` or ``"scores"`` that the options ask for; several
            names give as many arrays, of one pass of the network.
        chunk: side of a chunk in pixels, or its height and width; about 4096 when not given. Each
            chunk computes all tiles that touch it.
        on_event: called with what is assumed and left out.

    Returns:
        Dask array ``(height, width)`` of class ids, or of confidence as float32 from 0 to 1;
        ``(classes, height, width)`` of scores. Without a class ids are 255, or 65535 above 255
        classes, and others NaN. For an xarray image a DataArray with its coordinates, or a Dataset
        for several layers; for several layers of other images a tuple.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        BudgetError: a chunk needs more memory than allowed.

    Example:
        >>> import numpy as np
        >>> import tilesegm as ts
        >>> image = np.zeros((3000, 4000, 3), np.uint8)
        >>> image[:, :, 0], image[:, 2500:, 2] = 50, 90
        >>> tiling = ts.Tiling(tile=256, overlap=64)
        >>> classes = ts.segment_lazy(image, lambda pixels: pixels, tiling=tiling)
        >>> classes.shape, classes.dtype
        ((3000, 4000), dtype('uint8'))
        >>> classes[1000, 2498:2502].compute()
        array([0, 0, 2, 2], dtype=uint8)
    """
    on_event = listener = Listener(on_event)
    single = isinstance(layer, str)
    names = (layer,) if isinstance(layer, str) else tuple(layer)
    if hasattr(image, "data_vars"):
        spec = read_spec(os.fspath(model)) if isinstance(model, str | os.PathLike) else None
        image = as_image(image, spec.band_names if spec else (), on_event)
    asked = _for_layers(options or Options(), names, on_event)
    _check(asked, is_dask_image(image), hasattr(image, "dims"))
    if hasattr(image, "dims") or is_dask_image(image):
        asked = replace(asked, resolution="native")  # whose pixels the map has
    # The network travels on its own, and once.
    request = replace(Request.of(model, tiling, asked, overwrite=False), given=None)
    dask_image = DaskImage.of(image, asked) if is_dask_image(image) else None
    order = Order(
        image=image if dask_image is None else dask_image.info,
        attributes={} if dask_image is None else dask_image.attributes,
        network=Network(model, request.options),
        request=request,
    )
    session = order.begin(on_event)
    if dask_image is None:
        tell_notes(session.work, on_event)
    else:
        for note in notes_of(session.work.plan):
            on_event(Noted(note))
    chunking = Chunking.of(session.work.plan, chunk)
    if len(chunking.rows) * len(chunking.cols) > 1:
        size = f"{chunking.rows[0]} x {chunking.cols[0]}"
        on_event(
            Noted(
                f"all chunks of {size} pixels compute {chunking.redundancy:.2f} times the tiles of "
                "segment; larger ones less (chunk)"
            )
        )
    fingerprint = session.work.fingerprint
    order.network.know(fingerprint["model"])
    order = replace(
        order,
        batch=chunking.batch,
        key=tokenize(fingerprint, order.network.key, _token(image), request.options),
        expected=fingerprint,
    )
    order.keep(session)
    arrays = lazy_layers(order, chunking, names, None if dask_image is None else dask_image.pixels)
    if hasattr(image, "dims"):
        layers = dict(zip(names, arrays, strict=True))
        return label(image, session.work.plan, layers, listener.notes, single)
    return arrays[0] if single else arrays


def _for_layers(options: Options, names: Sequence[str], on_event: OnEvent) -> Options:
    """Leave out of options the results that nobody asks for.

    Raises:
        SettingsError: a name is no layer, or one that the options do not ask for.
    """
    known = get_args(LayerName)
    wrong = [name for name in names if name not in known]
    if wrong or not names or len(set(names)) < len(names):
        raise SettingsError(
            f"layer is {', '.join(map(repr, names)) or 'empty'}; expected {', '.join(known)}, or "
            "several of them"
        )
    lacking = [name for name in names if name != "classes" and not getattr(options, name)]
    if lacking:
        example = {"confidence": "margin", "scores": "uint8"}[lacking[0]]
        raise SettingsError(
            f"layer {lacking[0]} needs options that say which; pass "
            f"options=Options({lacking[0]}={example!r})"
        )
    unused = [name for name in known[1:] if name not in names and getattr(options, name)]
    for name in unused:
        on_event(Noted(f"{name} is left out, which is no layer that was asked for (layer)"))
    return replace(
        options,
        confidence=options.confidence if "confidence" in names else None,
        scores=options.scores if "scores" in names else None,
    )


def _check(options: Options, of_dask: bool, labelled: bool) -> None:
    """Refuse options without a meaning here.

    Args:
        options: that were asked for.
        of_dask: whether dask computes the image.
        labelled: whether the map gets the coordinates of the image.

    Raises:
        SettingsError: there are some.
    """
    if options.compress != Options().compress:
        raise SettingsError(
            "compress is for files, and a lazy map writes none; leave it out, and tell to_zarr or "
            "to_raster how to compress"
        )
    if options.hash_input:
        raise SettingsError(
            "hash_input would read all of the image for each chunk; leave it out: a change of size "
            "or time of a file is noticed anyhow"
        )
    for name, given, instead in (
        ("update", options.update, "a lazy map computes what is asked of it each time"),
        ("cluster", options.cluster is not None, "open a Client, whose workers compute it"),
        ("grid", options.grid == "image", "call segment, which writes files on either grid"),
        ("skip", options.skip is not None and of_dask, "pass the path of a file, or an area"),
    ):
        if given:
            raise SettingsError(f"{name} is not for lazy maps of this kind; {instead}")
    if options.resolution not in (None, "native") and (of_dask or labelled):
        raise SettingsError(
            f"resolution {options.resolution!r} is for files, and the map of an array has the "
            "pixels of the array; pass the path of the file, or resample the array first"
        )
    if options.precision == "auto" and of_dask:
        raise SettingsError(
            "precision 'auto' looks at pixels first, and those of a dask array are not there yet; "
            "choose 'float32' or 'bfloat16'"
        )


def _token(image: Any) -> str:
    """Return what tells an array from others to the last pixel; nothing where a file or dask does.

    Of an image that xarray has not read yet, what would read it is told apart.
    """
    if isinstance(image, str | os.PathLike | list | tuple) or is_dask_image(image):
        return ""
    if hasattr(image, "dims"):
        return str(tokenize(image.variable._data, image.dims, sorted(map(str, image.attrs))))
    return str(tokenize(image))
