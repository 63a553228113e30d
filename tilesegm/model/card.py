"""The card of a bundle, `bundle.json`, and what each of its values may be.

This is the one place where a card is checked. What it does not name passes, since later versions
may write more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from annotated_types import Interval, Len

from tilesegm.decision_rule import DecisionRule
from tilesegm.errors import ModelError, SettingsError

__all__ = [
    "Card",
    "CardClass",
    "CardNetwork",
    "CardNormalisation",
    "CardOperatingPoint",
    "CardResolution",
    "check_card",
]

_MOST = 1 << 20
"""Bands, or pixels of a tile, that no network takes: what is beyond counts neither."""

_LARGEST = 1e8
"""Metres of a pixel that covers the Earth."""

_Count = Annotated[int, Interval(ge=1, le=_MOST)]
_Distance = Annotated[int, Interval(ge=0, le=_MOST)]
_Byte = Annotated[int, Interval(ge=0, le=255)]


@dataclass(frozen=True, kw_only=True)
class CardNetwork:
    """What a card says of the network; see `ModelSpec`."""

    bands: _Count | None
    stride: _Count
    radius: _Distance | None
    halo: _Distance | None
    probabilities: bool
    bytes_per_pixel: Annotated[int, Interval(ge=0, le=1 << 40)]
    inexact: list[str]
    tile: Annotated[list[_Count], Len(2, 2)] | None


@dataclass(frozen=True)
class CardClass:
    """A class of the map."""

    name: str
    colour: Annotated[list[_Byte], Len(3, 3)]


@dataclass(frozen=True)
class CardNormalisation:
    """Offsets and scales: one per band, or one for all."""

    offset: Annotated[list[float], Len(1, _MOST)]
    scale: Annotated[list[float], Len(1, _MOST)]


@dataclass(frozen=True, kw_only=True)
class CardOperatingPoint:
    """Offsets and temperature that were chosen on held-out pixels; see `OperatingPoint`."""

    measure: Literal["mean_iou", "mean_dice", "none"]
    offsets: Annotated[list[float], Len(1, 1 << 16)]
    temperature: float | None
    before: dict[str, float | None]
    after: dict[str, float | None]
    cross_fitted: dict[str, float | None]


@dataclass(frozen=True)
class CardResolution:
    """Height and width in metres of the pixels that it learnt from; see `Resolution`."""

    down: Annotated[float, Interval(gt=0, le=_LARGEST)]
    across: Annotated[float, Interval(gt=0, le=_LARGEST)]


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a bundle tells beside its weights."""

    network: CardNetwork
    classes: Annotated[list[CardClass], Len(1, 1 << 16)]
    normalisation: CardNormalisation
    band_names: list[str]
    training: dict[str, Any]
    versions: dict[str, Any]
    sha256: Annotated[str, Len(64, 64)]
    pixels: CardNormalisation | None = None
    """Bundles of earlier versions do not tell."""
    operating_point: CardOperatingPoint | None = None
    """Likewise."""
    resolution: CardResolution | None = None
    """Likewise."""


def check_card(content: dict[str, Any]) -> Card:
    """Return the card that a JSON file holds.

    Raises:
        ModelError: a value is missing, of another type or out of range, or two contradict.
    """
    from pydantic import ValidationError

    try:
        # In strict mode only JSON has lists and objects for what Python has values of its own.
        card: Card = _adapter().validate_json(json.dumps([content]))[0]
    except RecursionError:
        raise ModelError("training: nested too deep") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"][1:])) or "text"
        raise ModelError(f"{place}: {first['msg']}") from None
    bands, normal = card.network.bands, card.normalisation
    counts = {len(normal.offset), len(normal.scale)} - {1}
    if 0.0 in normal.scale:
        raise ModelError("normalisation.scale: a scale is 0")
    if len(counts) > 1 or (bands and counts - {bands}):
        raise ModelError(f"normalisation: it is for {max(counts)} bands, the network for {bands}")
    if bands and len(card.band_names) not in (0, bands):
        raise ModelError(f"band_names: {len(card.band_names)} names of {bands} bands")
    if card.operating_point:
        _check_point(card.operating_point, max(len(card.classes), 2))
    return card


def _check_point(point: CardOperatingPoint, classes: int) -> None:
    if len(point.offsets) != classes:
        raise ModelError(f"operating_point.offsets: {len(point.offsets)} of {classes} classes")
    try:
        DecisionRule(tuple(point.offsets), 1.0 if point.temperature is None else point.temperature)
    except SettingsError as error:
        raise ModelError(f"operating_point: {error}") from None


@cache
def _adapter() -> Any:
    """Return pydantic's adapter of a list of cards."""
    from pydantic import ConfigDict, TypeAdapter

    # A configuration reaches standard dataclasses only from around them.
    config = ConfigDict(strict=True, allow_inf_nan=False)
    return TypeAdapter(list[Card], config=config)
