"""What is done to pixel values before the network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tilesegm.errors import SettingsError

__all__ = ["Normalisation"]


@dataclass(frozen=True)
class Normalisation:
    """``(value - offset) * scale`` in float32, with one entry per band or one for all bands.

    Example:
        >>> import tilesegm as ts
        >>> ts.Normalisation(offset=(0.0,), scale=(1 / 255,)).bands is None  # for any bands
        True
        >>> ts.Normalisation.of_statistics(mean=[120, 90, 80], std=[50, 40, 20])
        Normalisation(offset=(120.0, 90.0, 80.0), scale=(0.02, 0.025, 0.05))
    """

    offset: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not self.offset or not self.scale or 0.0 in self.scale:
            raise SettingsError(
                f"a normalisation needs at least one offset and one scale other than 0; "
                f"received offset={self.offset}, scale={self.scale}"
            )
        if 1 not in (len(self.offset), len(self.scale)) and len(self.offset) != len(self.scale):
            raise SettingsError(
                f"a normalisation has one offset and one scale per band, or one for all; "
                f"received {len(self.offset)} offsets and {len(self.scale)} scales"
            )

    @classmethod
    def of_statistics(cls, mean: Sequence[float], std: Sequence[float]) -> Self:
        """Bring each band to mean 0 and standard deviation 1."""
        return cls(tuple(map(float, mean)), tuple(1.0 / float(value) for value in std))

    @property
    def bands(self) -> int | None:
        """Number of bands that it is made for; None when it suits any number."""
        count = max(len(self.offset), len(self.scale))
        return count if count > 1 else None

    @property
    def is_identity(self) -> bool:
        """Whether values stay as they are."""
        return set(self.offset) == {0.0} and set(self.scale) == {1.0}
