"""Finds an image among those of an annotation file, and checks its size."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import PurePosixPath

from tilesegm.errors import SourceError
from tilesegm.source.annotations.annotated import Annotated, AnnotationFile
from tilesegm.source.base import ImageInfo

__all__ = ["check_size", "listed_image", "of_image"]

_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file that was uploaded."""


def of_image(file: AnnotationFile, path: str, info: ImageInfo, scale: float = 1.0) -> Annotated:
    """Return what a file holds of an image.

    Args:
        file: the annotations.
        path: of the file, for messages.
        info: of the image.
        scale: pixels of the image for each of the annotations.

    Raises:
        SourceError: the file does not list the image, or gives it another size.
    """
    found = listed_image(file, info.address or info.uri)
    if found is None:
        names = [each.image.name for each in file.images]
        raise SourceError(
            f"{path} does not list the image {info.uri}; it lists {len(names)}, such as "
            f"{names[0] if names else 'none'}"
        )
    if problem := check_size(found, *(info.original or (info.height, info.width)), scale):
        raise SourceError(
            f"{path}: {problem}; state how many pixels of the image each of the "
            f"annotations is: {path}|scale=2"
        )
    return found


def listed_image(file: AnnotationFile, image: str) -> Annotated | None:
    """Return what a file holds of an image by its path, of which as many folders fit as may be.

    Raises:
        SourceError: two images of the file fit equally.
    """
    if not file.several:
        return file.images[0] if file.images else None
    index = _index(file)
    parts = _parts(image)
    best = max((_fit(other, parts) for other, _ in index.get(parts[0], ())), default=0)
    fitting = [each for other, each in index.get(parts[0], ()) if _fit(other, parts) == best]
    names = {each.image.name for each in fitting}
    if len(fitting) > 1:
        raise SourceError(
            f"{len(fitting)} images of the annotations may be {image}: "
            f"{', '.join(sorted(names)[:3])}"
        )
    return fitting[0] if fitting else None


def check_size(found: Annotated, height: int, width: int, scale: float = 1.0) -> str:
    """Say that an image was annotated in another size; empty where it was not."""
    there = found.image
    if there.height is None or there.width is None:
        return ""
    if max(abs(there.height * scale - height), abs(there.width * scale - width)) < max(1.0, scale):
        return ""
    return (
        f"{there.name or 'the image'} was annotated with {there.height} x {there.width} pixels and "
        f"has {height} x {width}"
    )


@lru_cache(maxsize=16)
def _index(file: AnnotationFile) -> dict[str, list[tuple[tuple[str, ...], Annotated]]]:
    """Return images by their stem."""
    index: dict[str, list[tuple[tuple[str, ...], Annotated]]] = {}
    for each in file.images:
        parts = _parts(each.image.name)
        index.setdefault(parts[0], []).append((parts, each))
        short = _UPLOADED.sub("", parts[0], count=1)
        if short != parts[0]:
            index.setdefault(short, []).append(((short, *parts[1:]), each))
    return index


def _parts(name: str) -> tuple[str, ...]:
    """Return stem, suffix and folders of a path, the nearest first."""
    path = PurePosixPath(unicodedata.normalize("NFC", name.replace("\\", "/")))
    return (path.stem, path.suffix.lower(), *reversed(path.parts[:-1]))


def _fit(one: Iterable[str], other: Iterable[str]) -> int:
    """Count the parts of two names that agree from the nearest on, a suffix not being needed."""
    (_, suffix, *folders), (_, here, *above) = one, other
    same = 0
    for a, b in zip(folders, above, strict=False):
        if a != b:
            break
        same += 1
    return 1 + 2 * same + (suffix == here)
