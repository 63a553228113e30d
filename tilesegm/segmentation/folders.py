"""Folders in place of images: every image in them, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tilesegm.errors import SettingsError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.model.bundle import is_bundle
from tilesegm.source.names import is_zarr
from tilesegm.source.open import opens_as_image

__all__ = ["expand_folders"]

_IMAGES = (
    ".tif", ".tiff", ".btf", ".tf8", ".png", ".jpg", ".jpeg", ".jp2", ".j2k", ".webp", ".bmp",
    ".gif", ".img", ".vrt", ".svs", ".ndpi", ".scn",
)  # fmt: skip
_RESULTS = ("_classes", "_classes_confidence", "_classes_scores")
"""What the names of results add to the name of their image."""


def expand_folders(images: Iterable[str | Path], on_event: OnEvent = ignore) -> list[str]:
    """Put the images of a folder in its place, sorted by name.

    Folders that are one image themselves, such as a Zarr store, stay as they are.

    Args:
        images: paths and URLs of images and folders.
        on_event: called with a note on each folder: how many images it holds, and what else.

    Raises:
        SettingsError: a folder holds no image.
    """
    return [path for image in images for path in _expand(str(image), on_event)]


def _expand(image: str, on_event: OnEvent) -> list[str]:
    folder = Path(image)
    if not folder.is_dir() or is_zarr(image) or opens_as_image(image):
        return [image]
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    stems = {path.stem for path in entries}
    found = [
        path
        for path in entries
        if (path.suffix.lower() in _IMAGES or (path.is_dir() and is_zarr(str(path))))
        and not any(path.stem.removesuffix(end) in stems - {path.stem} for end in _RESULTS)
    ]
    others = [path for path in entries if path not in found]
    if not found and is_bundle(folder):
        raise SettingsError(f"{image} is a bundle of a network and no image; --model takes it")
    if not found:
        raise SettingsError(
            f"folder {image} holds no image, but {len(others)} other files{_named(others)}; give a "
            "folder of images, or their paths"
        )
    text = f"folder {image}: {len(found)} images"
    if others:
        text += f"; {len(others)} other files are left out{_named(others)}"
    on_event(Noted(text))
    return [str(path) for path in found]


def _named(paths: list[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:5])
    return f" ({shown}{' ...' if len(paths) > 5 else ''})" if paths else ""
