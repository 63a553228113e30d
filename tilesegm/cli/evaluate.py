"""``tilesegm evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from tilesegm.cli.evaluation_tables import comparison_tables, score_tables
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import Aoi, AsJson, Quiet
from tilesegm.errors import SettingsError
from tilesegm.files import write_file

if TYPE_CHECKING:
    from tilesegm.data.settings import LabelSettings
    from tilesegm.evaluation.evaluate import EvaluationOptions
    from tilesegm.evaluation.inputs import MapPair
    from tilesegm.events import OnEvent
    from tilesegm.metrics.evaluation import Evaluation
    from tilesegm.report.comparison import Comparison

__all__ = ["evaluate"]


def evaluate(
    prediction: Annotated[
        str, typer.Argument(help="Class map, or a folder of class maps.", show_default=False)
    ],
    truth: Annotated[
        str,
        typer.Argument(
            help="Raster of class ids; with --labels polygons or a mask of colours; or a folder.",
            show_default=False,
        ),
    ],
    classes: Annotated[
        str | None,
        typer.Option(
            help="Number of classes, or their names in the order of ids: water,road,tree."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Settings file of a training run, which says how to read polygons or colours."
        ),
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(help="Ids of the truth to leave out, such as 0,255.")
    ] = None,
    aoi: Aoi = None,
    confidence: Annotated[
        str | None, typer.Option(help="Raster of confidence (kind top), for calibration.")
    ] = None,
    scores: Annotated[
        str | None, typer.Option(help="Raster of all scores, for calibration and thresholds.")
    ] = None,
    borders: Annotated[
        bool, typer.Option(help="Also measure borders, which takes most of the time.")
    ] = (True),
    band: Annotated[int, typer.Option(help="Width in pixels of the bands of boundary IoU.")] = 3,
    tolerance: Annotated[
        str, typer.Option(help="Distances in pixels by which borders may differ.")
    ] = "1,2,4",
    thin: Annotated[
        str | None, typer.Option(help="Ids of classes of thin structures, for clDice.")
    ] = None,
    objects: Annotated[
        str | None, typer.Option(help="Ids of classes whose connected parts are objects, for F1.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Another prediction to compare with; repeatable."),
    ] = None,
    block: Annotated[
        int, typer.Option(help="Side in pixels of the blocks that comparisons resample.")
    ] = 1024,
    report: Annotated[
        Path | None, typer.Option(help="Also write a report, one .html file.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(help="The image of the class map, shown in the report.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Number of threads; 0 means one per core.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json-file", help="Also write all scores to this JSON file.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score class maps of any size against the truth.

    Example: tilesegm evaluate city_classes.tif city_truth.tif --report city.html
    """
    from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate_many
    from tilesegm.evaluation.report import ReportOptions, check_image, write_evaluation_report
    from tilesegm.metrics.measures import Measures

    options = EvaluationOptions(
        classes=_classes(classes),
        ignore=_ids("ignore", ignore),
        labels=_label_settings(labels),
        measures=Measures(
            borders=borders,
            band=band,
            tolerances=tuple(_numbers("tolerance", tolerance)),
            thin=_ids("thin", thin),
            objects=_ids("objects", objects),
            block=block,
        ),
        workers=workers,
    )
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(
            f"--report {report}: a report is one .html file, so name it "
            f"{report.with_suffix('.html')}; --json-file writes all scores as JSON"
        )
    pairs = _pairs(prediction, truth, aoi, confidence, scores)
    rivals = {path: _pairs(path, truth, aoi, None, None) for path in against or ()}
    if image is not None:
        if report is None or len(pairs) > 1:
            raise SettingsError(
                "--image is shown in the --report of a single map; give both or neither"
            )
        check_image(image, pairs[0])
    with ProgressBar(quiet or as_json) as progress:
        evaluation = evaluate_many(pairs, options, progress)
        comparison = _compare(prediction, evaluation, rivals, options, progress)
        if report is not None:
            shown = ReportOptions(image, comparison)
            write_evaluation_report(report, evaluation, pairs, options, shown, progress)
    summary = evaluation.to_dict() | ({"comparison": comparison.to_list()} if comparison else {})
    text = json.dumps(summary, allow_nan=False)
    if json_file is not None:
        write_file(json_file, text + "\n")
    if as_json:
        typer.echo(text)
    elif not quiet:
        console = Console()
        for table in (
            *score_tables(summary, console.width),
            *comparison_tables(summary.get("comparison", ())),
        ):
            console.print(table)


def _compare(
    prediction: str,
    evaluation: Evaluation,
    rivals: dict[str, list[MapPair]],
    options: EvaluationOptions,
    on_event: OnEvent,
) -> Comparison | None:
    """Evaluate other predictions too, and compare them with the first."""
    if not rivals:
        return None
    from tilesegm.evaluation.evaluate import evaluate_many
    from tilesegm.evaluation.pairing import short_names
    from tilesegm.report.comparison import Comparison

    if prediction in rivals:
        raise SettingsError(f"against names {prediction}, the prediction itself; name another one")
    names = short_names([prediction, *rivals])
    others = [evaluate_many(pairs, options, on_event) for pairs in rivals.values()]
    return Comparison.of(dict(zip(names, [evaluation, *others], strict=True)))


def _pairs(
    prediction: str, truth: str, area: str | None, confidence: str | None, scores: str | None
) -> list[MapPair]:
    """Pair the maps of two folders, or take one map and its truth."""
    from tilesegm.evaluation.inputs import MapPair
    from tilesegm.evaluation.pairing import is_folder_of_maps, pair_folders

    if not is_folder_of_maps(prediction):
        return [MapPair(prediction, truth, area, confidence, scores)]
    if confidence or scores or area:
        raise SettingsError(
            f"{prediction} is a folder; --confidence, --scores and --aoi go with a single map"
        )
    return pair_folders(prediction, truth)


def _label_settings(path: Path | None) -> LabelSettings | None:
    """Return the settings of labels of a training run."""
    if path is None:
        return None
    from tilesegm.training.settings.settings_file import load_config

    return load_config(path).data.labels


def _numbers(name: str, text: str | None) -> list[float]:
    try:
        return [float(word) for word in text.split(",")] if text else []
    except ValueError:
        raise SettingsError(f"{name} is {text!r}; give numbers such as 1,2") from None


def _ids(name: str, text: str | None) -> tuple[int, ...]:
    numbers = _numbers(name, text)
    if any(not number.is_integer() for number in numbers):
        raise SettingsError(f"{name} is {text!r}; give whole numbers such as 1,2")
    return tuple(int(number) for number in numbers)


def _classes(text: str | None) -> tuple[str, ...] | int | None:
    if text is None:
        return None
    return int(text) if text.strip().isdigit() else tuple(map(str.strip, text.split(",")))
