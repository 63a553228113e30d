"""The same places under each variant, enlarged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tilesegm.comparison.look import Look
from tilesegm.comparison.scored_pixels import ScoredPixels
from tilesegm.data.rendering import rendering_of_scenes
from tilesegm.metrics.surfaces import border
from tilesegm.pictures.colours import colour_classes, colour_errors
from tilesegm.report.page import Page
from tilesegm.report.pictures import picture

if TYPE_CHECKING:
    from tilesegm.comparison.plan import Trial

__all__ = ["add_places"]

_SHOWN = 250
"""Width on the page, so that a pixel of the image is several of the screen."""
_LINE = 40
"""Value of 8 bits of the lines that borders of the truth are drawn with."""


def add_places(
    page: Page,
    scored: ScoredPixels,
    names: Sequence[str],
    looks: Mapping[int, Mapping[Trial, Look]],
) -> None:
    """Show image, truth, and the mistakes of each variant at the places with most borders.

    Args:
        page: grows.
        scored: what was scored.
        names: of the variants.
        looks: of each run by epoch; of each variant the first whole run, or its last look.
    """
    shown: dict[str, tuple[NDArray[np.uint8], ...]] = {}
    for _, each in sorted(looks.items()):
        seen: set[str] = set()
        for trial, look in each.items():
            if look.places and trial.variant not in seen:
                shown[trial.variant] = look.places
                seen.add(trial.variant)
    places = scored.places()
    if not shown or not places:
        return
    page.section(
        "The same places",
        "Where the truth has most borders, enlarged: mistakes in the colour of the true class, and "
        "borders of the truth as lines.",
    )
    classes = scored.scenes.classes
    page.key((info.name, info.colour) for info in classes)
    units = scored.test or scored.validation[scored.first_fold]
    for place, (number, window) in enumerate(places):
        unit = units[number]
        truth = scored.truth(unit)[window.slices]
        inside = window.shift(unit.window.row, unit.window.col)
        patch = scored.scenes.read(unit.scene, inside)
        rendering = rendering_of_scenes(
            scored.scenes.images[unit.scene], [scored.data.statistics[unit.scene]]
        )
        name = scored.scenes.infos[unit.scene].name
        page.text(f"{name}, row {inside.row}, column {inside.col}; image: {rendering.words}")
        page.figure(picture(rendering.draw(patch.pixels, patch.valid), width=_SHOWN), "image")
        page.figure(picture(colour_classes(truth, classes), width=_SHOWN), "truth")
        edge = border(np.where(truth < 0, 65535, truth).astype(np.uint16))
        for variant in names:
            if variant in shown and place < len(shown[variant]):
                errors = colour_errors(truth, shown[variant][place].astype(np.int64), classes)
                errors[edge & (errors.min(-1) > 200)] = _LINE * 4
                page.figure(picture(errors, width=_SHOWN), variant)
