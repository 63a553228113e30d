"""What an image is to the engine: pixels for a window, and where they lie on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tilesegm.grid.window import Window
from tilesegm.shown import without_secrets
from tilesegm.source.steps import Step

__all__ = ["Georeference", "ImageInfo", "Pixels", "Source", "same_place", "scaling_of_bands"]

_TOLERANCE = 1e-3
"""Pixels by which the corners of two grids may differ and still be one grid."""


@dataclass(frozen=True)
class Georeference:
    """Where pixels lie: every field is absent when the image does not say."""

    crs: str | None = None
    """Coordinate reference system as WKT."""
    transform: tuple[float, float, float, float, float, float] | None = None
    """Affine ``a, b, c, d, e, f``: x = a * col + b * row + c, y = d * col + e * row + f."""
    gcps: tuple[tuple[float, float, float, float, float], ...] = ()
    """Ground control points ``row, col, x, y, z`` in ``gcp_crs``."""
    gcp_crs: str | None = None
    """Coordinate reference system of ``gcps`` as WKT."""
    rpcs: tuple[tuple[str, str], ...] = ()
    """Rational polynomial coefficients as GDAL's RPC metadata items, sorted by name."""
    pixel_size: tuple[float, float] | None = None
    """Height and width of a pixel in micrometres, for microscope images."""


def same_place(here: Georeference, there: Georeference, height: int, width: int) -> bool:
    """Tell whether two images of one size lie at the same place, as far as both of them tell.

    Args:
        here: georeference of one image.
        there: that of the other.
        height: of both images.
        width: of both images.
    """
    if here.transform is None or there.transform is None:
        return True
    a, b, _, d, e, _ = here.transform
    allowed = _TOLERANCE * max(abs(a), abs(b), abs(d), abs(e))
    first, second = (np.array(g.transform).reshape(2, 3) for g in (here, there))
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]])
    return bool(np.abs((first - second) @ corners.T).max() <= allowed)


@dataclass(frozen=True)
class ImageInfo:
    """What is known about an image before a pixel is read."""

    uri: str
    """Path, URL, or a description such as ``<numpy array>``; secrets of a URL are hidden in it."""
    kind: str
    """Format as its reader names it: ``GTiff``, ``Zarr v3``, ``SVS``, ``numpy`` ..."""
    height: int
    width: int
    bands: int
    dtype: np.dtype[Any]
    block: tuple[int, int]
    """Rows and columns of the unit that the format decodes at once."""
    nodata: float | None = None
    """Value that marks missing pixels, if one does."""
    masked: bool = False
    """Whether pixels can be missing: by nodata, alpha, a mask band or NaN."""
    alpha: int | None = None
    """Number of the band that is read as a mask and not among ``bands``."""
    georeference: Georeference = field(default_factory=Georeference)
    band_names: tuple[str, ...] = ()
    band_colours: tuple[str, ...] = ()
    """What light each band is, ``red``, ``green``, ``gray`` ..., where the file says so."""
    steps: tuple[Step, ...] = ()
    """What is read of axes beside rows, columns and bands."""
    original: tuple[int, int] | None = None
    """Height and width that the image is stored in, where it is resampled as it is read."""
    scaling: tuple[tuple[float, float], ...] = ()
    """What stored values of each band are multiplied by, and what is added then, to get what they
    mean; empty where they mean themselves."""
    notes: tuple[str, ...] = ()
    """What was assumed or left out when the image was opened, a line each."""
    identity: tuple[tuple[str, str], ...] = ()
    """Names and values (path, size, modification time ...) that differ when the image differs, and
    not when its address is signed anew."""
    address: str = field(default="", repr=False, compare=False)
    """What opens the image again: ``uri`` with its secrets, never to be shown or stored."""

    def __post_init__(self) -> None:
        # Everything that names an image takes it from here, so this is where secrets end.
        object.__setattr__(self, "address", self.address or self.uri)
        object.__setattr__(self, "uri", without_secrets(self.uri))
        object.__setattr__(self, "notes", tuple(map(without_secrets, self.notes)))
        identity = tuple((name, without_secrets(value)) for name, value in self.identity)
        object.__setattr__(self, "identity", identity)

    files: tuple[str, ...] = field(default=(), repr=False)
    """Files, folders and web addresses that pixels are read from, as far as they are known."""

    @property
    def window(self) -> Window:
        """The whole image."""
        return Window(0, 0, self.height, self.width)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width


def scaling_of_bands(pairs: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return the factor and the summand of each band, or nothing where no band has any."""
    return tuple(pairs) if any(pair != (1.0, 0.0) for pair in pairs) else ()


@dataclass(frozen=True)
class Pixels:
    """Pixels of a window."""

    values: NDArray[Any]
    """``(height, width, bands)`` in the image's own dtype."""
    valid: NDArray[np.bool_] | None
    """``(height, width)``, False where a pixel is missing; None when all are valid."""


class Source(Protocol):
    """An image that is read by windows, from one thread at a time."""

    @property
    def info(self) -> ImageInfo:
        """What is known about the image."""
        ...

    def read(self, window: Window) -> Pixels:
        """Read ``window``, which lies inside the image.

        Raises:
            SourceError: the pixels cannot be read or decoded.
        """
        ...

    def close(self) -> None:
        """Let go of files and caches."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
