"""Pairs of maps and their truth by the names of their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tilesegm.errors import SettingsError
from tilesegm.evaluation.inputs import MapPair
from tilesegm.source.names import is_zarr

__all__ = ["is_folder_of_maps", "pair_folders", "short_names"]

_SUFFIXES = (".tif", ".png", ".zarr")


def pair_folders(predictions: str | Path, truths: str | Path) -> list[MapPair]:
    """Pair the maps of a folder with the files of the same names in another one.

    Args:
        predictions: folder of ``.tif``, ``.png`` and ``.zarr`` class maps.
        truths: folder of their truth; further files do no harm.

    Returns:
        The pairs, sorted by name.

    Raises:
        SettingsError: the first folder holds no maps, or the second one lacks a name.
    """
    predictions, truths = Path(predictions), Path(truths)
    if not is_folder_of_maps(predictions):
        raise SettingsError(
            f"{predictions} is no folder of maps; expected .tif, .png or .zarr in it"
        )
    maps = sorted(path for path in predictions.iterdir() if path.suffix.lower() in _SUFFIXES)
    missing = [path.name for path in maps if not (truths / path.name).exists()]
    if not maps:
        raise SettingsError(
            f"folder {predictions} holds no maps; expected .tif, .png or .zarr files"
        )
    if missing:
        raise SettingsError(f"{truths} holds no {missing[0]}; give the truth the names of the maps")
    return [MapPair(str(path), str(truths / path.name)) for path in maps]


def is_folder_of_maps(path: str | Path) -> bool:
    """Tell whether a path is a folder, and not a Zarr store, which is a map itself."""
    return Path(path).is_dir() and not is_zarr(str(path))


def short_names(paths: Sequence[str]) -> list[str]:
    """Leave out the folders of each path whose name no other path has."""
    names = [Path(path).name for path in paths]
    return [
        name if names.count(name) == 1 else path for name, path in zip(names, paths, strict=True)
    ]
