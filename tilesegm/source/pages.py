"""Pages of a TIFF file: one image, the bands of one, or images of which one must be chosen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from tilesegm.errors import SourceError
from tilesegm.source.gdal import Gdal, forget_if_changed, open_quietly
from tilesegm.source.image import ImageSource
from tilesegm.source.names import file_of, name_of_page
from tilesegm.source.object_store import probe_remote
from tilesegm.source.options import SourceOptions
from tilesegm.source.raster import RasterSource
from tilesegm.source.remote import FetchError, is_remote, patiently, renewed
from tilesegm.source.stack import StackSource
from tilesegm.source.steps import at_text, axis_word, choose_steps

__all__ = ["open_raster"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF = (".tif", ".tiff", ".btf", ".tf8")
_SIZE = re.compile(r"\((\d+)P x (\d+)L x (\d+)B\)")
_CHANNELS = "c"
_SHOWN = 6
"""Pages that a refusal lists at most."""


Axes = Sequence[tuple[str, int]]
"""Names and numbers of steps."""


@dataclass(frozen=True)
class _Page:
    """A page that is an image of its own: no overview and no mask."""

    number: int
    """Counted from 1."""
    height: int
    width: int
    bands: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.bands

    def __str__(self) -> str:
        plural = "s" if self.bands > 1 else ""
        return f"{self.height} x {self.width} pixels, {self.bands} band{plural}"


def open_raster(
    uri: str, options: SourceOptions, opener: Callable[[str, SourceOptions], ImageSource]
) -> ImageSource:
    """Open an image that GDAL reads, whose file may hold several.

    Pages of one size are the bands of one image if metadata say that they are channels, or if
    ``options.bands`` names them. Pages that are much smaller than the first one (thumbnails,
    labels of slides, resolutions) are left out with a note.

    Args:
        uri: path, URL or any other name that GDAL understands.
        options: choices that hold for every kind of image.
        opener: opens one page by its name.

    Raises:
        SourceError: there is no such image, or one of several must be chosen.
        SettingsError: the image's dtype cannot hold the nodata value asked for.
    """
    if is_remote(file_of(uri)):
        # GDAL would ask again and again for what is not there.
        forget_if_changed(file_of(uri), probe_remote(file_of(uri)))
    pages, description = _look(uri) if _is_tiff(uri) else ((), "")
    if "<OME" in description[:2000] and not is_remote(uri):
        from tilesegm.source.tiff import TiffSource

        return TiffSource(uri, options)
    axes, planes = _declared(description)
    if planes > max(len(pages), 1):
        raise SourceError(
            f"{uri}: holds {planes} planes behind one page, which only ImageJ and tifffile read; "
            "save them as OME-TIFF, or as one file for each"
        )
    peers = [page for page in pages if 2 * page.height * page.width > _pixels(pages[0])]
    if len(peers) < 2:
        source = RasterSource(uri, options)
        return source if len(pages) < 2 else _with_note(source, pages[1:])
    if len({page.shape for page in peers}) > 1 or peers[0].number != 1:
        raise SourceError(
            f"{uri}: the file holds {len(peers)} images of different sizes; pass one of them: "
            + _list([f"{name_of_page(uri, page.number)} ({page})" for page in peers])
        )
    numbers = [page.number for page in peers]
    if prod(n for _, n in axes) != len(peers):
        axes = ()
    further = [(name, n) for name, n in axes if name != _CHANNELS]
    if options.at:
        return _open_steps(uri, np.array(numbers), axes, options, opener, peers[0].bands)
    if (axes and not further) or (options.bands and peers[0].bands == 1):
        return _open_bands(uri, numbers, options, opener, peers[0].bands)
    raise SourceError(_choice(uri, peers, further))


def _pixels(page: _Page) -> int:
    return page.height * page.width


def _is_tiff(uri: str) -> bool:
    """Tell whether a file is a TIFF, and not the name of one of its pages."""
    if file_of(uri) != uri:
        return False
    if is_remote(uri) or uri.startswith("/vsi"):
        return uri.partition("?")[0].lower().endswith(_TIFF)
    try:
        with Path(uri).open("rb") as file:
            return file.read(4) in _MAGIC
    except (OSError, ValueError):
        return False


def _look(uri: str) -> tuple[tuple[_Page, ...], str]:
    """Return the pages of a TIFF if it has several, and its description."""
    name = uri

    def ask() -> tuple[dict[str, str], str, int]:
        nonlocal name
        try:
            with Gdal(uri, 1 << 26).calls("cannot be opened"), open_quietly(name) as dataset:
                text = dataset.tags().get("TIFFTAG_IMAGEDESCRIPTION", "")
                return dataset.tags(ns="SUBDATASETS"), text, len(dataset.subdatasets)
        except FetchError:
            name = renewed(uri)
            raise

    try:
        described, text, count = patiently(ask)
    except FetchError:
        raise  # without an answer nobody knows that there is one page
    except (SourceError, RasterioError):
        # What cannot be opened is reported by the reader, with the right words.
        return (), ""
    pages = []
    for number in range(1, count + 1):
        size = _SIZE.search(described.get(f"SUBDATASET_{number}_DESC", ""))
        name = described.get(f"SUBDATASET_{number}_NAME", "")
        directory = re.match(r"GTIFF_DIR:(\d+):", name)
        if size and directory:
            width, height, bands = map(int, size.groups())
            pages.append(_Page(int(directory[1]), height, width, bands))
    return tuple(pages), text


def _declared(description: str) -> tuple[Axes, int]:
    """Return the axes of pages, and all planes, that ImageJ or tifffile declare.

    Axes have more than one step, and the last one changes from page to page; there are none where
    nothing says what pages are.
    """
    if description.startswith("ImageJ="):
        pairs = dict(line.split("=", 1) for line in description.splitlines() if "=" in line)
        counts = {
            name: int(pairs[name]) if pairs.get(name, "").isdigit() else 1
            for name in ("images", "channels", "slices", "frames")
        }
        named = (("frames", "time"), ("slices", "depth"), ("channels", _CHANNELS))
        axes = tuple((axis, counts[key]) for key, axis in named if counts[key] > 1)
        return axes, counts["images"]
    try:
        told = json.loads(description)
        shape, letters = told["shape"], str(told.get("axes", ""))
        truncated = bool(told.get("truncated"))
    except (ValueError, TypeError, KeyError, AttributeError):
        return (), 1
    outer = tuple(
        (axis_word(letter), n)
        for letter, n in zip(letters, shape, strict=False)
        if letter not in "YXS" and n != 1
    )
    return outer, prod(n for _, n in outer) if truncated else 1


def _open_steps(
    uri: str,
    numbers: NDArray[np.int64],
    axes: Axes,
    options: SourceOptions,
    opener: Callable[[str, SourceOptions], ImageSource],
    bands: int,
) -> ImageSource:
    """Open the pages of one depth and time as the bands of an image."""
    further = [(name, n) for name, n in axes if name != _CHANNELS]
    steps, notes = choose_steps(uri, further, options.at)
    chosen = iter(step.index for step in steps)
    index = tuple(slice(None) if name == _CHANNELS else next(chosen) for name, _ in axes)
    pages = np.atleast_1d(numbers.reshape([n for _, n in axes])[index]).tolist()
    source = _open_bands(uri, pages, replace(options, at=()), opener, bands)
    source.stand_at(steps, notes)
    return source


def _open_bands(
    uri: str,
    numbers: Sequence[int],
    options: SourceOptions,
    opener: Callable[[str, SourceOptions], ImageSource],
    bands: int,
) -> ImageSource:
    """Open pages as the bands of one image, and of pages of one band only those that are read."""
    names = [name_of_page(uri, number) for number in numbers]
    if bands == 1:
        chosen = options.select(uri, len(names))
        names = [names[band - 1] for band in chosen]
        options = replace(options, bands=None)
    if len(names) == 1:
        return opener(names[0], options)
    return StackSource(names, options, opener, uri)


def _with_note(source: RasterSource, others: Sequence[_Page]) -> RasterSource:
    names = _list([name_of_page(source.info.uri, page.number) for page in others])
    source.note(f"smaller pages of the file are left out: {names}")
    return source


def _choice(uri: str, pages: Sequence[_Page], further: Axes) -> str:
    names = [name_of_page(uri, page.number) for page in pages]
    as_bands = (
        "take pages as bands (bands=[1, 2, ...], --bands 1,2)"
        if pages[0].bands == 1
        else (f"stack them as bands (--stack {names[0]} {names[1]})")
    )
    what = "nothing says that they are channels"
    if further:
        what = "they are " + " and ".join(f"{n} steps along {axis}" for axis, n in further)
        first = at_text(tuple((axis, 0) for axis, _ in further))
        as_bands = f"read one step (--at {first}), {as_bands}"
    return (
        f"{uri}: the file holds {len(pages)} pages of {pages[0]}, and {what}; {as_bands}, or pass "
        f"one of them: {_list(names)}"
    )


def _list(names: Sequence[str]) -> str:
    shown = list(names[:_SHOWN])
    return ", ".join(shown) + (f" ... {names[-1]}" if len(names) > _SHOWN else "")
