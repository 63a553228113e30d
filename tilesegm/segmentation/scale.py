"""Reads an image at the resolution that a network learnt."""

from __future__ import annotations

from collections.abc import Callable

from tilesegm.errors import SettingsError, TilesegmError
from tilesegm.grid.resolution import MISMATCH, SAME, Resolution
from tilesegm.model.base import ModelSpec
from tilesegm.segmentation.options import Options
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.image import ImageSource
from tilesegm.source.scaled import read_at, resolution_of

__all__ = ["at_scale"]

_FINER, _COARSER = 16, 1024
"""Times that the sides of pixels become shorter or longer at most without being asked to."""
_ADVICE = "--resolution model reads it at that size"
_IDS = (
    "it has a table of colours, so its values are ids that have no averages; turn it to colours "
    "with gdal_translate -expand rgb"
)


def at_scale(
    source: Source, reopen: Callable[[int], Source], spec: ModelSpec, options: Options
) -> tuple[Source, tuple[str, ...]]:
    """Read an image at the resolution that options say, or else at that of a network.

    Args:
        source: the image, which is closed with what is returned, and when this fails.
        reopen: opens a level of the image.
        spec: the network.
        options: of the run.

    Returns:
        The image itself, or its pixels at another resolution; and what is to be told of it.

    Raises:
        SettingsError: a resolution is asked for that the image or the network does not know.
        SourceError: a level of the image cannot be read.
    """
    try:
        wanted = _wanted(source, spec, options)
        if wanted is None:
            advice = _IDS if _palette(source) else _ADVICE
            return source, _mismatch(resolution_of(source.info), spec, source.info, advice)
        # A level that was asked for is where reading begins.
        read, how = read_at(source, wanted, None if options.level else reopen)
    except TilesegmError:
        source.close()
        raise
    more = _mismatch(resolution_of(read.info), spec, read.info, _ADVICE)
    if how is None:
        return read, more
    return read, (f"{read.info.uri}: {how}; --resolution native reads them as they are", *more)


def _wanted(source: Source, spec: ModelSpec, options: Options) -> Resolution | None:
    """Return the resolution to read at; None for the image's own."""
    info, asked, learnt = source.info, options.resolution, spec.resolution
    if asked == "native":
        return None
    stored = resolution_of(info)
    if asked is None:
        known = stored is not None and learnt is not None
        return learnt if known and _can_resample(source, stored, learnt) else None
    wanted = learnt if asked == "model" else Resolution.parse(asked)
    if wanted is None:
        raise SettingsError(
            f"{spec.name} does not tell the size of the pixels that it learnt from; give "
            "--resolution a length such as 0.3m or 0.5um, or leave it out"
        )
    if stored is None:
        raise SettingsError(
            f"{info.uri} does not tell the size of its pixels, so it cannot be read at {wanted}; "
            "leave --resolution out, or give it a georeference"
        )
    if _palette(source) and stored.differs(wanted, SAME):
        raise SettingsError(
            f"{info.uri} cannot be read at {wanted}: {_IDS}, or leave --resolution out"
        )
    return wanted


def _can_resample(source: Source, stored: Resolution | None, learnt: Resolution | None) -> bool:
    if stored is None or learnt is None or _palette(source):
        return False
    times = stored.down / learnt.down, stored.across / learnt.across
    return max(times) <= _FINER and min(times) >= 1 / _COARSER


def _palette(source: Source) -> bool:
    return isinstance(source, ImageSource) and source.palette is not None


def _mismatch(
    read: Resolution | None, spec: ModelSpec, info: ImageInfo, advice: str
) -> tuple[str, ...]:
    """Say that pixels have another size than those that a network learnt from."""
    learnt = spec.resolution
    if read is None or learnt is None or not read.differs(learnt, MISMATCH):
        return ()
    return (
        f"{info.uri}: its pixels are {read} as they are read and {spec.name} learnt from {learnt}: "
        f"objects look to it {_times(read, learnt)}; {advice}",
    )


def _times(read: Resolution, learnt: Resolution) -> str:
    ratio = (learnt.down / read.down * learnt.across / read.across) ** 0.5
    return f"{ratio:.3g} times as large" if ratio >= 1 else f"{1 / ratio:.3g} times as small"
