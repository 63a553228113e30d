"""Finds out how far tiles show in a result, before or after it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.engine.batches import Reading
from tilesegm.engine.crossings import compare_crossings
from tilesegm.engine.plan import Plan
from tilesegm.errors import SettingsError
from tilesegm.events import OnEvent, StageProgress, StageStarted, ignore
from tilesegm.grid.tiling import Tiling
from tilesegm.plain import plain
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.setup import open_image, open_predictor, plan_for

__all__ = ["DISTANCES", "Audit", "audit"]

DISTANCES = (4, 8, 16, 32, 64, 128)
"""Upper ends, in pixels, of the bins of distance from a seam; a last bin holds what is beyond."""


@dataclass(frozen=True)
class Audit:
    """How often a shifted grid of tiles gives another class."""

    plan: Plan
    samples: int
    """Places that were looked at; 0 when one tile covers the image."""
    flips: NDArray[np.int64]
    """``(len(DISTANCES) + 1,)`` pixels of another class, by distance from the nearest seam."""
    pixels: NDArray[np.int64]
    """Pixels that were compared, likewise."""
    near: tuple[int, int]
    """Flips and pixels where tiles blend: closer to a seam than half the overlap."""
    away: tuple[int, int]
    """Flips and pixels farther from every seam."""

    @property
    def near_rate(self) -> float:
        """Part of the pixels near seams whose class flips; NaN when there are none."""
        return _rate(*self.near)

    @property
    def away_rate(self) -> float:
        """Part of the pixels away from seams whose class flips: what a shift alone changes."""
        return _rate(*self.away)

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        grid = self.plan.grid
        ends = [*map(str, DISTANCES), "beyond"]
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
        image: what `open_source` takes.
        model: what `segment` takes.
        tiling: size, overlap and blending of tiles.
        options: everything else; outputs and area of interest do not matter here.
        samples: places to look at, spread over the image.
        seed: moves the places.
        on_event: called with progress.

    Raises:
        InputError: image, model or settings cannot be used, or do not fit each other.
        BudgetError: the work needs more memory than allowed.
    """
    if samples < 1:
        raise SettingsError(f"samples is {samples}; look at one place at least")
    options = options or Options()
    with open_image(image, options) as source:
        predictor = open_predictor(model, source.info, options)
        plan = plan_for(source.info, predictor.spec, tiling or Tiling(), options)
        reading = Reading(source, plan.grid, plan.memory.batch, predictor.spec.fill)
        on_event(StageStarted("comparing with a shifted grid"))
        flips, pixels = np.zeros((2, len(DISTANCES) + 1), np.int64)
        near, away = np.zeros((2, 2), np.int64)
        seen = 0
        for crossing in compare_crossings(reading, predictor, samples, seed):
            other = crossing.tiled != crossing.shifted
            bins = np.searchsorted(DISTANCES, crossing.distance).ravel()
            pixels += np.bincount(bins, minlength=len(pixels))
            flips += np.bincount(bins[other.ravel()], minlength=len(flips))
            close = crossing.distance < max(plan.grid.overlap / 2, 1)
            near += [np.count_nonzero(other & close), np.count_nonzero(close)]
            away += [np.count_nonzero(other & ~close), np.count_nonzero(~close)]
            seen += 1
            on_event(StageProgress(seen / samples))
    return Audit(
        plan, seen, flips, pixels, (int(near[0]), int(near[1])), (int(away[0]), int(away[1]))
    )


def _rate(flips: int, pixels: int) -> float:
    return flips / pixels if pixels else float("nan")
