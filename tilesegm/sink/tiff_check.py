"""Checks of a finished GeoTIFF: is every byte as it was written, and if not, where."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import rasterio.errors
import tifffile

from tilesegm.sink.findings import Findings
from tilesegm.sink.tiff_seal import Broken, find_broken
from tilesegm.source.gdal import open_quietly

__all__ = ["check_tiff", "check_whole", "file_beside"]

_SHOWN = 3
"""Blocks that are named."""


def file_beside(path: Path) -> Path:
    """Name the file that GDAL keeps beside a GeoTIFF, with the names of its classes."""
    return path.with_name(path.name + ".aux.xml")


def check_whole(path: Path) -> None:
    """Find a file that lacks pixels: GDAL does not report every failure to write.

    Raises:
        OSError: it lacks pixels, or is no TIFF.
    """
    size = path.stat().st_size
    try:
        ends = [stop for _, block in _blocks(path) for stop in [block.stop if block else size + 1]]
    except (tifffile.TiffFileError, IndexError, struct.error) as error:
        raise OSError(f"the file lacks pixels, as on a full disk ({error})") from error
    if max(ends, default=size + 1) > size:
        raise OSError("the file lacks pixels, as on a full disk")


def check_tiff(path: Path) -> Findings:
    """Compare a GeoTIFF with its digests, or decode it where it has none.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    broken = find_broken(path, file_beside(path))
    if broken is None:
        return Findings(
            damage=tuple(_undecoded(path)),
            notes=(
                f"{path} has no digests, as files of earlier versions and other programs: it was "
                "decoded, which finds less",
            ),
            sealed=False,
            bytes=size,
        )
    damage = [_where(path, broken)] if broken.parts else []
    if broken.beside:
        damage.append(f"{file_beside(path)} is not as it was written; class names come from there")
    notes = [
        f"{file_beside(path)} is gone: GDAL programs show no class names; the tags keep them"
    ] * broken.lacks_beside
    return Findings(damage=tuple(damage), notes=tuple(notes), bytes=size)


def _where(path: Path, broken: Broken) -> str:
    """Say which bytes changed, and which blocks may lie there."""
    parts = broken.parts
    place = (
        f"{path} is not as it was written: somewhere in bytes {parts[0].start} to {parts[0][-1]}"
    )
    if len(parts) > 1:
        place += f", and in {len(parts) - 1} more of 64 such parts"
    try:
        hit = [
            name
            for name, block in _blocks(path)
            if any(block.start < part.stop and part.start < block.stop for part in parts)
        ]
    except Exception:  # what is damaged may raise what it likes
        return f"{place}; its tables cannot be read"
    if not hit:
        return f"{place}; no block of pixels lies there, so it is its tags or tables"
    more = f" and {len(hit) - _SHOWN} more" if len(hit) > _SHOWN else ""
    return f"{place}; pixels that may be wrong: {', '.join(hit[:_SHOWN])}{more}"


def _blocks(path: Path) -> Iterator[tuple[str, range]]:
    """Return each block of each level: where its pixels lie, and its bytes; none for no bytes."""
    with tifffile.TiffFile(path) as tiff:
        for level, page in enumerate(tiff.pages):
            width = page.tilewidth or page.imagewidth
            length = page.tilelength or page.rowsperstrip
            across, down = -(-page.imagewidth // width), -(-page.imagelength // length)
            places = zip(page.dataoffsets, page.databytecounts, strict=True)
            for number, (offset, count) in enumerate(places):
                row = number // across % down * length
                col = number % across * width
                name = f"level {level} from row {row}, column {col}"
                yield name, range(offset, offset + count)


def _undecoded(path: Path) -> Iterator[str]:
    """Say what cannot be decoded, the overviews included."""
    try:
        with open_quietly(str(path)) as dataset:
            overviews = range(len(dataset.overviews(1)))
        for more in ({}, *({"overview_level": level} for level in overviews)):
            with open_quietly(str(path), **more) as dataset:
                for _, window in dataset.block_windows(1):
                    dataset.read(window=window)
    except rasterio.errors.RasterioError as error:
        yield f"{path} cannot be decoded ({' '.join(str(error).split())})"
        return
    try:
        check_whole(path)
    except OSError:
        yield f"{path} lacks pixels: its tables name blocks that are not there"
