"""Finds out how far tiles show in a result, before or after it was made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.counted import counted
from tilesegm.engine.plan import Plan
from tilesegm.engine.seam_check import check_seams
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, StageProgress, StageStarted, ignore
from tilesegm.grid.tiles import SEAM_DISTANCES
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import Predictor
from tilesegm.plain import plain
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.setup import open_predictor, open_scaled, plan_for
from tilesegm.source.base import ImageInfo

__all__ = ["Audit", "audit"]


@dataclass(frozen=True, kw_only=True)
class Audit:
    """How often a shifted grid of tiles gives another class."""

    plan: Plan
    samples: int
    """Places that were checked; 0 when one tile covers the image."""
    flips: NDArray[np.int64]
    """``(len(SEAM_DISTANCES) + 1,)`` pixels of another class, by distance from the nearest seam."""
    pixels: NDArray[np.int64]
    """Pixels that were compared, likewise."""
    near: tuple[int, int]
    """Flips and pixels where tiles blend: closer to a seam than half the overlap."""
    away: tuple[int, int]
    """Flips and pixels farther from every seam."""

    @property
    def near_rate(self) -> float:
        """Fraction of pixels near seams whose class flips; NaN when there are none."""
        return _rate(*self.near)

    @property
    def away_rate(self) -> float:
        """Fraction of pixels away from seams whose class flips, by the shift alone."""
        return _rate(*self.away)

    def __repr__(self) -> str:
        rates = (
            f"{100 * self.near_rate:.2g} % flips near seams, {100 * self.away_rate:.2g} % away"
            if self.samples
            else "no seams"
        )
        return f"Audit({Path(self.plan.info.uri).name}, {counted(self.samples, 'place')}, {rates})"

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        grid = self.plan.grid
        ends = [*map(str, SEAM_DISTANCES), "beyond"]
        return {
            "image": self.plan.info.uri,
            "tile": list(grid.tile),
            "overlap": grid.overlap,
            "blend": self.plan.tiling.blend,
            "exact": self.plan.exact,
            "samples": self.samples,
            "near_rate": plain(self.near_rate),
            "away_rate": plain(self.away_rate),
            "near_pixels": self.near[1],
            "away_pixels": self.away[1],
            "by_distance": [
                {"up_to": end, "flips": int(flips), "pixels": int(pixels)}
                for end, flips, pixels in zip(ends, self.flips, self.pixels, strict=True)
            ],
        }


def audit(
    image: Any,
    model: Any,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    samples: int = 16,
    seed: int = 0,
    on_event: OnEvent = ignore,
) -> Audit:
    """Compare what tiles give with what tiles of a shifted grid give, on a sample of places.

    A seam-free result does not depend on where tiles begin. Each place is one where seams cross: a
    tile with its middle there sees no seam, so classes near the seams should be those of the run,
    and flips should be no more frequent near seams than away from them.

    Args:
        image: an image as in `open_source`.
        model: a model as in `segment`, or a list of them.
        tiling: size, overlap and blending of tiles.
        options: everything else; outputs and area of interest do not matter here.
        samples: places to check, spread over the image.
        seed: moves the places.
        on_event: called with progress.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        BudgetError: the run needs more memory than allowed.

    Example:
        A network that errs within 8 pixels of a tile's edge needs more than 8 pixels of overlap:

        >>> import numpy as np
        >>> import tilesegm as ts
        >>> def errs_at_edges(pixels):
        ...     edge = np.pad(pixels[:, 8:-8, 8:-8], [(0, 0), (8, 8), (8, 8), (0, 0)])
        ...     return np.concatenate([edge, 1 - edge], axis=-1)
        >>> image = np.ones((512, 768), np.uint8)
        >>> for overlap in (8, 32):
        ...     ts.audit(image, errs_at_edges, tiling=ts.Tiling(128, overlap), samples=4)
        Audit(<numpy array>, 4 places, 77 % flips near seams, 0 % away)
        Audit(<numpy array>, 4 places, 0 % flips near seams, 0 % away)
    """
    if samples < 1:
        raise SettingsError(f"samples is {samples}; check at least one place")
    options = options or Options()

    def opener(info: ImageInfo) -> Predictor:
        return open_predictor(model, info, options)

    with open_scaled(image, options, opener, on_event) as (source, predictor):
        plan = plan_for(source.info, predictor.spec, tiling or Tiling(), options)
        on_event(StageStarted("comparing with a shifted grid"))
        flips, pixels = np.zeros((2, len(SEAM_DISTANCES) + 1), np.int64)
        near, away = np.zeros((2, 2), np.int64)
        checked = 0
        for check in check_seams(plan.reading(source), predictor, samples, seed, plan.decision):
            bins = np.searchsorted(SEAM_DISTANCES, check.distance).ravel()
            pixels += np.bincount(bins, minlength=len(pixels))
            flips += np.bincount(bins[check.flips.ravel()], minlength=len(flips))
            close = check.distance < max(plan.grid.overlap / 2, 1)
            near += [np.count_nonzero(check.flips & close), np.count_nonzero(close)]
            away += [np.count_nonzero(check.flips & ~close), np.count_nonzero(~close)]
            checked += 1
            on_event(StageProgress(checked / samples))
    return Audit(
        plan=plan,
        samples=checked,
        flips=flips,
        pixels=pixels,
        near=(int(near[0]), int(near[1])),
        away=(int(away[0]), int(away[1])),
    )


def _rate(flips: int, pixels: int) -> float:
    return flips / pixels if pixels else float("nan")
