"""Nodata and scale of an array, as the attributes of CF, xarray and GDAL tell them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["fill_value", "scaling"]


def fill_value(attributes: Mapping[str, Any]) -> float | None:
    """Return the value that marks missing pixels, if the attributes tell one."""
    for name in ("_FillValue", "missing_value", "nodata"):
        value = attributes.get(name)
        if isinstance(value, list | tuple | np.ndarray) and len(value) == 1:
            value = value[0]
        if isinstance(value, str):
            value = _decode(value)
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            return float(value)
    return None


def _decode(text: str) -> float | None:
    """Read a number as JSON spells it, or as xarray packs it for Zarr v3: eight bytes in base64."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return float(struct.unpack("<d", base64.b64decode(text, validate=True))[0])
    except (ValueError, struct.error):
        return None


def scaling(attributes: Mapping[str, Any]) -> tuple[float, float]:
    """Return what a stored value is multiplied by, and what is added then, to get its meaning."""
    try:
        return float(attributes.get("scale_factor", 1)), float(attributes.get("add_offset", 0))
    except (TypeError, ValueError):
        return 1.0, 0.0
