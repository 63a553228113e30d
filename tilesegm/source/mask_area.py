"""Rasters as areas of interest: of any resolution, on any grid, or as arrays."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SourceError
from tilesegm.grid.window import Window
from tilesegm.source.aligned import AlignedSource
from tilesegm.source.base import ImageInfo, Source, same_place
from tilesegm.source.identity import Identity
from tilesegm.source.names import file_of
from tilesegm.source.open import open_source
from tilesegm.source.placement import ByGround, ByProportion, Placement, overlap
from tilesegm.source.remote import is_remote
from tilesegm.source.vector.reading import Reading

__all__ = ["MaskArea", "hash_files", "open_mask"]

_LOOKED_AT = 16
"""Rows and columns of pixels that are looked at to tell how far a mask reaches."""


class MaskArea:
    """A raster on the grid of the image; pixels other than 0 and its nodata count."""

    def __init__(self, source: Source, identity: Identity, notes: tuple[str, ...] = ()) -> None:
        self._source = source
        self.identity = identity
        info = source.info
        more = f"{info.uri}: the first of {info.bands} bands is taken as the mask"
        lossy = f"{info.uri}: JPEG blurs a mask, and all values but 0 count; save it as PNG"
        self.notes = (
            *(f"{info.uri}: {note}" for note in info.notes),
            *notes,
            *((more,) if info.bands > 1 else ()),
            *((lossy,) if info.kind == "JPEG" else ()),
        )
        self.files = info.files
        self.reading: Reading | None = None

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return ``(height, width)``, True where a pixel is of interest."""
        pixels = self._source.read(window)
        inside: NDArray[np.bool_] = pixels.values[..., 0] != 0
        return inside if pixels.valid is None else inside & pixels.valid


def open_mask(mask: Any, info: ImageInfo) -> MaskArea:
    """Open a mask and lay it on the grid of an image.

    Pixel belongs to pixel where the sizes are equal and nothing says otherwise. A mask of another
    grid is laid by its georeference where both have one, else by proportion: then each of its
    sides may be rounded up or down to a whole pixel. Each pixel of the image takes the pixel of the
    mask that its centre lies in, whatever window is asked for.

    Args:
        mask: path or URL of a raster or Zarr store, or an array, booleans too.
        info: of the image.

    Raises:
        SourceError: it cannot be read, or does not fit the image.
    """
    named = isinstance(mask, str | os.PathLike)
    path = os.fspath(mask) if named else ""
    try:
        source = open_source(path or _numbers(mask))
    except SourceError as error:
        what = path or "in memory"
        raise SourceError(f"area of interest {what} cannot be read: {error}") from error
    try:
        identity = _path_identity(path) or source.info.identity if named else _hash_pixels(source)
        placement = _place(source.info, info)
        if placement is None:
            return MaskArea(source, identity)
        notes = _tell(source.info, info, placement)
        laid = repr((source.info.georeference.transform, source.info.georeference.crs))
        return MaskArea(
            AlignedSource(source, info, placement), (*identity, ("area laid", laid)), notes
        )
    except BaseException:
        source.close()
        raise


def hash_files(path: Path) -> str:
    """Hash a file, or all files of a folder such as a geodatabase."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _numbers(mask: Any) -> Any:
    """Return an array whose booleans are numbers."""
    return mask.astype(np.uint8) if getattr(mask, "dtype", None) == np.bool_ else mask


def _path_identity(path: str) -> Identity:
    """Return what tells a file from others: the same mask elsewhere is the same area."""
    local = (("area", hash_files(Path(file_of(path)))),) if not is_remote(path) else ()
    page = (("area as", path),) if file_of(path) != path else ()
    return (*local, *page)


def _hash_pixels(source: Source) -> Identity:
    """Hash all pixels of an array, a few rows at a time."""
    info = source.info
    digest = hashlib.sha256(repr((info.height, info.width, str(info.dtype))).encode())
    rows = max(1, (1 << 22) // info.width // info.block[0]) * info.block[0]
    for window in info.window.tiles(rows, info.width):
        pixels = source.read(window)
        digest.update((pixels.values[..., 0] != 0).tobytes())
        if pixels.valid is not None:
            digest.update(pixels.valid.tobytes())
    return (("area", digest.hexdigest()),)


def _place(mask: ImageInfo, image: ImageInfo) -> Placement | None:
    """Return how a mask is laid on an image; None where pixel belongs to pixel.

    Raises:
        SourceError: it does not fit.
    """
    there, here = mask.georeference, image.georeference
    size, whole = (mask.height, mask.width), (image.height, image.width)
    if None not in (here.transform, there.transform):
        same_system = None in (here.crs, there.crs) or here.crs == there.crs
        if size == whole and same_system and same_place(here, there, *whole):
            return None
        if not overlap(mask, image):
            raise SourceError(
                f"mask {mask.uri} misses the image {image.uri}: they have no pixel in common; "
                "check the coordinate systems"
            )
        return ByGround(image, mask)
    if size == whole:
        return None
    if not _proportional(size, whole):
        ratios = " and ".join(
            f"1/{b / a:.4g} of its {name}" if a <= b else f"{a / b:.4g} times its {name}"
            for a, b, name in zip(size, whole, ("height", "width"), strict=True)
        )
        turned = _proportional(size[::-1], whole)
        raise SourceError(
            f"mask {mask.uri} has {mask.height} x {mask.width} pixels and the image "
            f"{image.height} x {image.width}, {ratios}; without a georeference of both it must "
            "show all of the image, in its size or in another of one ratio, rounded to whole pixels"
            + (" (it seems to be turned: a photo is read upright, as EXIF says)" if turned else "")
        )
    return ByProportion(whole, size)


def _proportional(size: tuple[int, int], whole: tuple[int, int]) -> bool:
    """Tell whether one ratio makes both sides of one of the two, each off by less than a pixel.

    The pixel is one of the coarser of the two. What has about the size of the image without having
    it is cut, not scaled.
    """
    if all(abs(a - b) <= 1 for a, b in zip(size, whole, strict=True)):
        return size == whole
    coarse, fine = sorted((size, whole))
    low = max(b / (a + 1) for a, b in zip(coarse, fine, strict=True))
    high = min(b / (a - 1) if a > 1 else np.inf for a, b in zip(coarse, fine, strict=True))
    return low < high


def _tell(mask: ImageInfo, image: ImageInfo, placement: Placement) -> tuple[str, ...]:
    """Say how a mask is laid on an image."""
    if isinstance(placement, ByProportion):
        lacking = mask if mask.georeference.transform is None else image
        rows, cols = image.height / mask.height, image.width / mask.width
        return (
            f"{mask.uri}: {mask.height} x {mask.width} pixels are laid over the "
            f"{image.height} x {image.width} of the image by proportion, {rows:.4g} x {cols:.4g} "
            f"for one, since {lacking.uri} has no georeference",
        )
    notes = [f"{mask.uri}: laid on the image by its georeference, by nearest neighbour"]
    lacking_crs = [one.uri for one in (mask, image) if one.georeference.crs is None]
    if len(lacking_crs) == 1:
        notes.append(f"{lacking_crs[0]} tells no coordinate system; that of the other is taken")
    reached = _reach(mask, image, placement)
    if reached < 1:
        notes.append(
            f"{mask.uri}: reaches over about {reached:.1%} of the image; pixels beyond it are "
            "outside the area"
        )
    return tuple(notes)


def _reach(mask: ImageInfo, image: ImageInfo, placement: Placement) -> float:
    """Return about which fraction of the pixels of an image lie in a mask."""
    found = []
    for row in np.unique(np.linspace(0, image.height - 1, _LOOKED_AT).astype(int)):
        for col in np.unique(np.linspace(0, image.width - 1, _LOOKED_AT).astype(int)):
            rows, cols = placement.places(Window(int(row), int(col), 1, 1))
            in_rows = 0 <= rows.item() < mask.height
            found.append(in_rows and 0 <= cols.item() < mask.width)
    return float(np.mean(found))
