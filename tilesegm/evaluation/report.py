"""Looks at evaluated maps once more, and writes the page that shows what was found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioError

from tilesegm.classes import ClassInfo, default_classes
from tilesegm.data.labels.classes import class_infos
from tilesegm.errors import SourceError
from tilesegm.evaluation.evaluate import EvaluationOptions, block_side
from tilesegm.evaluation.inputs import MapPair, OpenPair
from tilesegm.events import OnEvent, StageProgress, StageStarted, ignore
from tilesegm.grid.window import Window
from tilesegm.metrics.evaluation import Evaluation
from tilesegm.metrics.pair import Pair
from tilesegm.report.comparison import Comparison
from tilesegm.report.evaluation import evaluation_page
from tilesegm.report.overview import Overview, survey
from tilesegm.report.places import Place, worst_blocks, worst_window
from tilesegm.source.open import open_source

__all__ = ["ReportOptions", "check_image", "write_evaluation_report"]


@dataclass(frozen=True)
class ReportOptions:
    """What a page shows beside scores."""

    image: Any = None
    """The image that a single prediction was made of, shown with the worst windows."""
    comparison: Comparison | None = None
    """With other predictions."""
    maps: int = 4
    """Most maps that are drawn, those with the greatest part of wrong pixels."""
    places: int = 6
    """Windows that are drawn, those with most wrong pixels."""


def write_evaluation_report(
    path: str | Path,
    evaluation: Evaluation,
    pairs: Sequence[MapPair],
    options: EvaluationOptions,
    report: ReportOptions | None = None,
    on_event: OnEvent = ignore,
) -> Path:
    """Write an evaluation as one HTML file, which needs nothing beside it.

    The maps that are drawn are read a second time, in bounded memory.

    Args:
        path: of the page.
        evaluation: what was found in ``pairs``.
        pairs: predictions with their truth.
        options: as they were evaluated with.
        report: what the page shows beside scores.
        on_event: called with progress.

    Raises:
        InputError: a map or the image cannot be read, or the image is not of the map's size.
        OutputError: the page cannot be written.
    """
    report = report or ReportOptions()
    classes = _colours(pairs[0], evaluation.classes, options)
    blocks = worst_blocks(evaluation, report.places)
    worst = sorted(range(len(pairs)), key=lambda n: evaluation.images[n].tally.regions.accuracy)
    overviews: dict[str, Overview] = {}
    places: dict[int, Place] = {}
    on_event(StageStarted(f"drawing {Path(path).name}"))
    shown = worst[: report.maps]
    wanted = sorted({*shown, *(n for n, _ in blocks)})
    for done, number in enumerate(wanted):
        opened = OpenPair.open(pairs[number], options.classes, options.labels)
        name = _short(evaluation, number)
        side = block_side(opened, options.measures.block)
        with closing(opened.reader(options.ignore)) as reader:

            def read(window: Window, reader: Any = reader) -> Pair:
                pair: Pair = reader.read(window, 0)
                return pair

            if number in shown:
                overviews[name] = survey(read, opened.height, opened.width, classes)
            for rank, (owner, block) in enumerate(blocks):
                if owner == number:
                    whole = Window(block.row, block.col, side, side).intersect(opened.info.window)
                    assert whole is not None
                    window = worst_window(read(whole), block.row, block.col)
                    places[rank] = Place(name, window, read(window))
        on_event(StageProgress((done + 1) / len(wanted)))
    found = [places[rank] for rank in sorted(places)]
    if report.image is not None:
        found = _with_image(found, report.image)
    ordered = {name: overviews[name] for name in (_short(evaluation, n) for n in shown)}
    return evaluation_page(evaluation, classes, ordered, found, report.comparison).save(path)


def check_image(image: Any, pair: MapPair) -> None:
    """Refuse an image that is not of the size of the prediction.

    Raises:
        InputError: it cannot be read, or has another size.
    """
    with open_source(image) as pixels, open_source(pair.prediction) as ids:
        mine, grid = pixels.info, ids.info
    if (mine.height, mine.width) != (grid.height, grid.width):
        raise SourceError(
            f"{mine.uri} has {mine.height} x {mine.width} pixels and {grid.uri} {grid.height} x "
            f"{grid.width}; give the image that the map was made of"
        )


def _with_image(places: Sequence[Place], image: Any) -> list[Place]:
    with ExitStack() as files:
        source = files.enter_context(open_source(image))
        seen = [source.read(place.window) for place in places]
    return [
        Place(place.name, place.window, place.pair, pixels.values, pixels.valid)
        for place, pixels in zip(places, seen, strict=True)
    ]


def _short(evaluation: Evaluation, number: int) -> str:
    """Name of a prediction without its folders, if no other has the same."""
    names = [Path(image.prediction).name for image in evaluation.images]
    name = names[number]
    return name if names.count(name) == 1 else evaluation.images[number].prediction


def _colours(
    pair: MapPair, names: Sequence[str], options: EvaluationOptions
) -> tuple[ClassInfo, ...]:
    """Take colours from the labels' settings, the prediction or the truth, or make some up."""
    if options.labels is not None:
        infos = class_infos(options.labels)
        if len(infos) == len(names):
            return tuple(
                ClassInfo(name, info.colour) for name, info in zip(names, infos, strict=True)
            )
    made = [info.colour for info in default_classes(len(names))]
    palette = _palette(pair.prediction) or _palette(pair.truth)
    # A palette that has too few colours would paint classes alike.
    colours = [palette.get(n, made[n]) for n in range(len(names))]
    if len(set(colours)) < len(colours):
        colours = made
    return tuple(ClassInfo(name, colour) for name, colour in zip(names, colours, strict=True))


def _palette(image: Any) -> dict[int, tuple[int, int, int]]:
    """Colours of a raster file by id; empty where it has none."""
    if not isinstance(image, str | os.PathLike):
        return {}
    try:
        with rasterio.open(image) as dataset:
            return {number: colour[:3] for number, colour in dataset.colormap(1).items()}
    except (RasterioError, ValueError):
        return {}
