"""Whether the bands of an image are those that a network learnt from, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tilesegm.counted import counted
from tilesegm.errors import ModelError
from tilesegm.model.base import ModelSpec
from tilesegm.source.band_names import bands_by_name, is_reordered
from tilesegm.source.base import ImageInfo

__all__ = ["band_note", "check_bands"]


def check_bands(spec: ModelSpec, info: ImageInfo, chosen: Sequence[int] | None) -> None:
    """Refuse bands that are not those of a network, by their number or their names.

    Args:
        spec: the network.
        info: the image as it is read.
        chosen: bands that the user asked for, whose names are not looked at.

    Raises:
        ModelError: there are more or fewer, or names that the network knows stand elsewhere.
    """
    if spec.bands not in (None, info.bands):
        raise ModelError(
            f"{spec.name} expects {counted(spec.bands, 'band')} and {info.uri} has {info.bands}; "
            + _advice(spec.bands or 1, spec, info)
        )
    if chosen is None and is_reordered(spec.band_names, info):
        named = _numbers(bands_by_name(spec.band_names, info))
        raise ModelError(
            f"{spec.name} learnt from bands named {', '.join(spec.band_names)}, and those of "
            f"{info.uri} are {', '.join(info.band_names)}; "
            + (f"--bands {named} takes them by name" if named else "give --bands in that order")
            + f"; --bands {_numbers(range(1, info.bands + 1))} takes them as they stand"
        )


def _advice(number: int, spec: ModelSpec, info: ImageInfo) -> str:
    """Say which bands suit a network that takes another number of them."""
    first = _numbers(range(1, number + 1))
    if info.alpha is not None and number == info.bands + 1:
        return (
            f"its band {info.alpha} is tagged alpha and taken as a mask; --bands {first} "
            "reads it as a band"
        )
    if info.uri.startswith("<") and info.height == number:
        return "if its first axis counts bands, pass np.moveaxis(image, 0, -1)"
    if number > info.bands:
        return "give an image, or with --stack several, that has them all"
    named = _numbers(bands_by_name(spec.band_names, info))
    if named:
        return f"--bands {named} takes those of the names that it learnt from"
    return f"choose {number} of them, e.g. --bands {first}"


def band_note(spec: ModelSpec, info: ImageInfo) -> str | None:
    """Say that bands which the user asked for have names in another order than in training."""
    if spec.bands != info.bands or not is_reordered(spec.band_names, info):
        return None
    return (
        f"bands are taken as --bands says, {', '.join(info.band_names)}, and {spec.name} "
        f"learnt from {', '.join(spec.band_names)}"
    )


def _numbers(bands: Iterable[int]) -> str:
    return ",".join(map(str, bands))
