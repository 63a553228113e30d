"""Tells whether a finished output is the one that a run would make."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rasterio
import zarr
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from tilesegm.errors import OutputError

__all__ = ["FINGERPRINT_TAG", "check_finished", "digest"]

FINGERPRINT_TAG = "TILESEGM_FINGERPRINT"


def digest(fingerprint: Mapping[str, Any]) -> str:
    """Shorten a fingerprint to 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()


def check_finished(output: Path, fingerprint: str) -> None:
    """Refuse an existing output that is not the result of the same work.

    Raises:
        OutputError: it is something else; ``--overwrite`` would replace it.
    """
    if _tags(output).get(FINGERPRINT_TAG) != fingerprint:
        raise OutputError(
            f"output {output} exists and is not the result of this image, model and settings; "
            "replace it with --overwrite or give another name"
        )


def _tags(output: Path) -> dict[str, str]:
    try:
        if output.is_dir():
            own: Any = zarr.open_group(output, mode="r").attrs["tilesegm"]
            return dict(own["tags"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(output) as dataset:
                return dict(dataset.tags())
    except (RasterioIOError, OSError, KeyError, ValueError):
        return {}
