"""The seal of a finished GeoTIFF: digests of its bytes, kept in the tag ``TILESEGM_DIGEST``.

First the digest of what GDAL keeps beside the file, then one for each of `PARTS` equal parts of the
file, in which the digits of the parts themselves count as zeros. Bytes are hashed as they are
stored: that takes a fraction of the time of decoding them, and finds any change of any of them.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tilesegm.sink.findings import digits_of

__all__ = ["BLANK", "DIGEST_TAG", "Broken", "find_broken", "seal_tiff"]

DIGEST_TAG = "TILESEGM_DIGEST"
PARTS = 64
"""Parts of a file: few enough for a tag, and many enough to say where a file is damaged."""

_DIGITS = 16
BLANK = "0" * _DIGITS * (1 + PARTS)
"""Value of the tag until the file is sealed."""

_FIELD = re.compile(rb'"%s">([^<]{%d})<' % (DIGEST_TAG.encode(), len(BLANK)))
_TRACES = re.compile(rb"%s|>[0-9a-f]{200}|[0-9a-f]{200}<" % DIGEST_TAG.encode())
"""What damage in one place leaves of the tag."""

_HEAD = 64 << 20  # bytes in which the tag is looked for: tables of blocks may come before it
_PIECE = 1 << 20


@dataclass(frozen=True)
class Broken:
    """What of a file is not as it was sealed."""

    parts: tuple[range, ...] = ()
    """Ranges of bytes that hold a change."""
    beside: bool = False
    """Whether the file that GDAL keeps beside it is another."""
    lacks_beside: bool = False
    """Whether the file that GDAL kept beside it is gone."""


def seal_tiff(path: Path, beside: Path) -> None:
    """Write the digests of a complete file into the tag that holds `BLANK` in it.

    Args:
        path: the file.
        beside: what GDAL keeps beside it, if it is there.

    Raises:
        OSError: the file cannot be read or written, or has no such tag.
    """
    with path.open("r+b") as file:
        found = _find(file, _FIELD)
        if found is None:
            raise OSError("the file lacks the tag for its digest")
        _, at = found
        file.seek(at)
        file.write(_digest_beside(beside).encode())
        file.flush()
        digits = "".join(digest for _, digest in _parts(file, at + _DIGITS))
        file.seek(at + _DIGITS)
        file.write(digits.encode())


def find_broken(path: Path, beside: Path) -> Broken | None:
    """Compare a file with its digests.

    Args:
        path: the file.
        beside: what GDAL keeps beside it.

    Returns:
        What differs; None where the file has no digests.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    if not size:
        return Broken((range(1),))
    with path.open("rb") as file:
        found = _find(file, _FIELD)
        if found is None:
            return Broken((range(size),)) if _find(file, _TRACES) else None
        digits, at = found[0].decode("latin-1"), found[1]
        kept = [digits[n : n + _DIGITS] for n in range(0, len(digits), _DIGITS)]
        parts = zip(kept[1:], _parts(file, at + _DIGITS), strict=True)
        broken = tuple(part for known, (part, now) in parts if known != now)
    there = beside.exists()
    return Broken(
        parts=broken,
        beside=there and kept[0] != _digest_beside(beside),
        lacks_beside=not there and kept[0] != "0" * _DIGITS,
    )


def _find(file: BinaryIO, pattern: re.Pattern[bytes]) -> tuple[bytes, int] | None:
    """Return what the last group of a pattern matches first, and where."""
    with closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as data:
        found = pattern.search(data, 0, _HEAD)
        return found and (found[found.re.groups], found.start(found.re.groups))


def _parts(file: BinaryIO, at: int) -> Iterator[tuple[range, str]]:
    """Return each part of a file with its digest, the digits that begin at ``at`` as zeros."""
    size = file.seek(0, 2)
    stop = at + _DIGITS * PARTS
    for part in range(PARTS):
        total = hashlib.sha256(b"%d" % size)
        first, last = size * part // PARTS, size * (part + 1) // PARTS
        for start in range(first, last, _PIECE):
            end = min(start + _PIECE, last)
            file.seek(start)
            piece = file.read(end - start)
            inside = range(max(start, at), min(end, stop))
            if inside:
                zeros = b"0" * len(inside)
                piece = piece[: inside.start - start] + zeros + piece[inside.stop - start :]
            total.update(piece)
        yield range(first, last), total.hexdigest()[:_DIGITS]


def _digest_beside(path: Path) -> str:
    """Return the digest of the XML that GDAL keeps beside a file.

    Statistics and histograms are left out: viewers add them, and they change no pixel.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except FileNotFoundError:
        return "0" * _DIGITS
    except (ElementTree.ParseError, ValueError, LookupError):
        return "damaged"
    for parent in (*root.iter(),):
        for child in (*parent,):
            added = child.tag == "Histograms" or child.get("key", "").startswith("STATISTICS_")
            if added:
                parent.remove(child)
    for parent in (*root.iter(),):
        for child in (*parent,):
            if child.tag == "Metadata" and not len(child) and not child.get("domain"):
                parent.remove(child)
    text = ElementTree.canonicalize(ElementTree.tostring(root), strip_text=True)
    return digits_of(text.encode())
