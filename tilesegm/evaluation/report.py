"""Reads evaluated maps once more, and writes the page that shows their scores and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tilesegm.classes import ClassInfo, named_classes
from tilesegm.data.labels.classes import class_infos
from tilesegm.data.rendering import rendering_of_image
from tilesegm.errors import SourceError
from tilesegm.evaluation.evaluate import EvaluationOptions, block_side
from tilesegm.evaluation.inputs import MapPair
from tilesegm.evaluation.inspection import inspect_pair
from tilesegm.evaluation.pairing import short_names
from tilesegm.evaluation.reader import PairReader
from tilesegm.evaluation.reading import IdReading
from tilesegm.events import OnEvent, StageProgress, StageStarted, ignore
from tilesegm.grid.window import Window
from tilesegm.metrics.evaluation import Evaluation, ImageEvaluation
from tilesegm.report.comparison import Comparison
from tilesegm.report.evaluation import evaluation_page
from tilesegm.report.overview import Overview, survey
from tilesegm.report.places import ShownWindow, worst_blocks, worst_window
from tilesegm.sink.provenance import read_map_facts
from tilesegm.source.open import open_source
from tilesegm.source.resampled import ResampledSource
from tilesegm.source.scaled import covers

__all__ = ["ReportOptions", "check_image", "write_evaluation_report"]


@dataclass(frozen=True)
class ReportOptions:
    """What a page shows beside scores."""

    image: Any = None
    """The image that a single prediction was made of, shown with the worst windows."""
    comparison: Comparison | None = None
    """With other predictions."""
    maps: int = 4
    """Most maps that are drawn, those with the greatest fraction of wrong pixels."""
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
        evaluation: of ``pairs``.
        pairs: predictions with their truth.
        options: as they were evaluated with.
        report: what the page shows beside scores.
        on_event: called with progress.

    Raises:
        InputError: a map or the image cannot be read, or the image is not of the map's size.
        OutputError: the page cannot be written.
    """
    report = report or ReportOptions()
    names = short_names([image.prediction for image in evaluation.images])
    maps = [_Drawing(*parts) for parts in zip(names, pairs, evaluation.images, strict=True)]
    classes = _colours(pairs[0], evaluation.classes, options)
    maps.sort(key=lambda drawing: drawing.image.counts.class_scores.accuracy)
    worst = maps[: report.maps]
    blocks = worst_blocks(evaluation, report.places)
    overviews: dict[str, Overview] = {}
    windows: dict[int, ShownWindow] = {}
    on_event(StageStarted(f"drawing {Path(path).name}"))
    reading = IdReading(
        ignore=options.ignore,
        values=options.values,
        truth=evaluation.truth_values,
        prediction=evaluation.predicted_values,
    )
    drawn = [
        drawing
        for drawing in maps
        if drawing in worst or any(drawing.image is image for image, _ in blocks)
    ]
    for done, drawing in enumerate(drawn, 1):
        inspected = inspect_pair(
            drawing.pair, options.classes, options.labels, options.nodata, options.values
        )
        side = block_side(inspected, options.measures.block)
        with closing(PairReader(inspected, reading)) as reader:
            read = partial(reader.read, halo=0)
            if drawing in worst:
                overviews[drawing.name] = survey(
                    read, reader.read_prediction, inspected.info.window, classes
                )
            for rank, (image, block) in enumerate(blocks):
                if image is drawing.image:
                    square = Window(block.row, block.col, side, side)
                    whole = square.intersect(inspected.info.window)
                    assert whole is not None
                    window = worst_window(read(whole), block.row, block.col)
                    windows[rank] = ShownWindow(drawing.name, window, read(window))
        on_event(StageProgress(done / len(drawn)))
    shown = [windows[rank] for rank in sorted(windows)]
    if report.image is not None:
        shown = _with_image(shown, report.image, pairs[0])
    return evaluation_page(evaluation, classes, overviews, shown, report.comparison).save(path)


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A prediction that the page may draw, with its counts."""

    name: str
    pair: MapPair
    image: ImageEvaluation


def check_image(image: Any, pair: MapPair) -> None:
    """Refuse an image that has neither the size nor the ground of the prediction.

    Raises:
        InputError: it cannot be read, or has another size.
    """
    with open_source(image) as pixels, open_source(pair.prediction) as ids:
        shown, grid = pixels.info, ids.info
    same = (shown.height, shown.width) == (grid.height, grid.width)
    if not same and not covers(shown, grid):
        raise SourceError(
            f"{shown.uri} has {shown.height} x {shown.width} pixels and {grid.uri} {grid.height} x "
            f"{grid.width}; give the image that the map was made of"
        )


def _with_image(windows: Sequence[ShownWindow], image: Any, pair: MapPair) -> list[ShownWindow]:
    with open_source(pair.prediction) as ids:
        size = ids.info.height, ids.info.width
    source = open_source(image)
    if (source.info.height, source.info.width) != size:
        source = ResampledSource(source, *size)
    with source:
        rendering = rendering_of_image(source)
        pixels = [source.read(shown.window) for shown in windows]
    return [
        replace(shown, image=rendering.draw(part.values, part.valid), drawn=rendering.words)
        for shown, part in zip(windows, pixels, strict=True)
    ]


def _colours(
    pair: MapPair, names: Sequence[str], options: EvaluationOptions
) -> tuple[ClassInfo, ...]:
    """Take colours from the labels' settings, the prediction or the truth, or make some up."""
    if options.labels is not None:
        infos = class_infos(options.labels)
        by_name = {info.name: info for info in infos}
        if len(infos) == len(names):
            known = by_name.keys() == set(names)
            found = [by_name[name] for name in names] if known else infos
            return tuple(
                ClassInfo(name, info.colour) for name, info in zip(names, found, strict=True)
            )
    palette = read_map_facts(pair.prediction).palette or read_map_facts(pair.truth).palette
    given = {number: rgb for number, rgb in palette.items() if number < len(names)}
    # A palette that has too few colours would paint classes alike.
    return named_classes(names, given if len({*given.values()}) == len(given) else None)
