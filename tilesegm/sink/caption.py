"""What a finished file says about its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tilesegm.classes import ClassInfo
from tilesegm.source.base import Georeference

__all__ = ["Caption"]


@dataclass(frozen=True)
class Caption:
    """Where pixels lie, what ids mean and where the result comes from."""

    georeference: Georeference = field(default_factory=Georeference)
    classes: tuple[ClassInfo, ...] = ()
    """One entry an id, from 0."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Provenance: ``TILESEGM_VERSION``, ``MODEL`` ..."""
