"""Statistics on disk, used again for the same scenes only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from tilesegm.data.scenes import Scenes
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.errors import SettingsError
from tilesegm.files import replacing
from tilesegm.inputs import check_npz

__all__ = ["load_statistics", "save_statistics", "scenes_digest"]

_MARK = b"key.npy"
"""What tells a file of statistics: its first array, even where it is cut short."""
_LATER = ("infinite", "weightless", "lightest", "heaviest")
"""Facts that versions before did not count."""
_VERSION = 1
"""To be raised when statistics mean something else than before."""


def scenes_digest(scenes: Scenes, cell: int) -> str:
    """Return a hash that differs when an image, its labels or the way to read them do."""
    what = {
        "version": _VERSION,
        "cell": cell,
        "bands": [scenes.bands, str(scenes.dtype)],
        "classes": [info.name for info in scenes.classes],
        "scenes": [[info.name, info.height, info.width, info.identity] for info in scenes.infos],
    }
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def save_statistics(path: Path, statistics: Sequence[SceneStatistics], key: str) -> None:
    """Write statistics under the hash of what they were measured on.

    Raises:
        OutputError: the file cannot be written.
    """
    arrays: dict[str, Any] = {
        f"{index}/{part.name}": np.asarray(getattr(scene, part.name))
        for index, scene in enumerate(statistics)
        for part in fields(scene)
    }
    with replacing(path, _MARK) as draft, draft.open("wb") as file:
        np.savez_compressed(file, key=np.asarray(key), **arrays)


def load_statistics(path: Path, key: str) -> tuple[SceneStatistics, ...] | None:
    """Read what `save_statistics` wrote; None when the file is of other scenes, damaged or absent.

    Statistics can be measured again at any time, so a damaged file is no error.
    """
    try:
        check_npz(path, SettingsError)
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as data, np.load(data, allow_pickle=False) as file:
            if str(file["key"]) != key:
                return None
            count = sum(name.endswith("/name") for name in file.files)
            if not _is_complete(file.files, count):
                return None
            return tuple(
                SceneStatistics(
                    **{
                        part.name: value.item() if value.ndim == 0 else value
                        for part in fields(SceneStatistics)
                        if part.name not in _LATER or f"{index}/{part.name}" in file.files
                        for value in (file[f"{index}/{part.name}"],)
                    }
                )
                for index in range(count)
            )
    except Exception:  # zipfile, zlib and numpy have a dozen kinds for a damaged file
        return None


def _is_complete(names: Sequence[str], count: int) -> bool:
    """Tell whether these are the arrays of so many scenes: damage may rename some of them."""
    scenes = range(count)
    every = {"key", *(f"{n}/{part.name}" for n in scenes for part in fields(SceneStatistics))}
    needed = every - {f"{n}/{name}" for n in scenes for name in _LATER}
    return count > 0 and needed <= set(names) <= every
