"""``tilesegm evaluate``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tilesegm.cli.evaluation_tables import comparison_tables, score_tables
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import Aoi, AsJson, ClassNames, Nodata, Objects, Quiet, Thin, Trust
from tilesegm.cli.terminal import PlainConsole
from tilesegm.cli.values import parse_class_names, parse_ids, parse_numbers
from tilesegm.errors import SettingsError
from tilesegm.events import Noted
from tilesegm.files import check_file, write_file
from tilesegm.inputs import read_json

if TYPE_CHECKING:
    from tilesegm.data.settings import LabelSettings
    from tilesegm.evaluation.evaluate import EvaluationOptions
    from tilesegm.evaluation.inputs import MapPair
    from tilesegm.evaluation.pairing import FolderPairs
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
    classes: ClassNames = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Settings file of a training run, which says how to read polygons or colours."
        ),
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(help="Ids of the truth to leave out, such as 0,255.")
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(help="Values of the truth in the order of classes, such as 1,2,5 or 0,255."),
    ] = None,
    nodata: Nodata = None,
    split: Annotated[
        Path | None,
        typer.Option(help="split.json of a training run: score the pixels alone that it held out."),
    ] = None,
    fold: Annotated[
        int | None, typer.Option(help="Fold of --split; that of the run beside it, or 0.")
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Score the test pixels of --split in place of a fold.")
    ] = False,
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
    thin: Thin = None,
    objects: Objects = None,
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
    trust: Trust = False,
) -> None:
    """Score class maps of any size against the truth.

    Example: tilesegm evaluate city_classes.tif city_truth.tif --report city.html
    """
    from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate_many
    from tilesegm.evaluation.outputs import SCORES_MARK, check_outputs
    from tilesegm.evaluation.report import ReportOptions, check_image, write_evaluation_report
    from tilesegm.metrics.measures import Measures
    from tilesegm.source.open import parse_nodata

    options = EvaluationOptions(
        classes=parse_class_names(classes),
        ignore=parse_ids("ignore", ignore),
        values=parse_ids("values", values),
        nodata=parse_nodata(nodata),
        labels=_label_settings(labels),
        measures=Measures(
            borders=borders,
            band=band,
            tolerances=tuple(parse_numbers("tolerance", tolerance)),
            thin=parse_ids("thin", thin),
            objects=parse_ids("objects", objects),
            block=block,
        ),
        workers=workers,
    )
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(
            f"--report {report}: a report is one .html file, so name it "
            f"{report.with_suffix('.html')}; --json-file writes all scores as JSON"
        )
    places = {"--report": report, "--json-file": json_file}
    outputs = {name: path for name, path in places.items() if path is not None}
    for written in outputs.values():
        check_file(written)
    part = _part(split, fold, test)
    pairs, notes = _pairs(prediction, truth, part, (aoi, confidence, scores))
    rivals = {path: _pairs(path, truth, part, (aoi, None, None))[0] for path in against or ()}
    if image is not None:
        if report is None:
            raise SettingsError("--image is shown in a report; give --report FILE.html too")
        if len(pairs) > 1:
            raise SettingsError(
                f"--image is shown in the report of a single map, and {len(pairs)} maps are given; "
                "leave --image out, or give one map and its truth"
            )
        check_image(image, pairs[0])
    with ProgressBar(quiet or as_json, notes=not quiet) as progress:
        check_outputs(
            outputs,
            [pair for each in (pairs, *rivals.values()) for pair in each],
            [("the image", image), ("the split", split), ("the settings", labels)],
        )
        for note in notes:
            progress(Noted(note))
        evaluation = evaluate_many(pairs, options, progress)
        evaluation = replace(evaluation, notes=(*notes, *evaluation.notes))
        comparison = _compare(prediction, evaluation, rivals, options, progress)
        if report is not None:
            shown = ReportOptions(image, comparison)
            write_evaluation_report(report, evaluation, pairs, options, shown, progress)
    summary = evaluation.to_dict() | ({"comparison": comparison.to_list()} if comparison else {})
    text = json.dumps(summary, allow_nan=False)
    if json_file is not None:
        write_file(json_file, text + "\n", SCORES_MARK)
    if as_json:
        typer.echo(text)
    elif not quiet:
        console = PlainConsole()
        for table in (
            *score_tables(summary, console.width),
            *comparison_tables(summary.get("comparison", ())),
        ):
            console.print(table)


def _compare(
    prediction: str,
    evaluation: Evaluation,
    rivals: dict[str, Sequence[MapPair]],
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


_Part = Callable[[Sequence["MapPair"]], "FolderPairs"]


def _part(split: Path | None, fold: int | None, test: bool) -> _Part | None:
    """Return what keeps the held-out part of maps; None keeps all."""
    if split is None:
        if fold is not None or test:
            raise SettingsError("--fold and --test choose a part of a --split; give it too")
        return None
    from tilesegm.evaluation.held_out import take_held_out

    held_out = _fold_of(split) if fold is None else fold
    return partial(take_held_out, path=split, fold=held_out, test=test)


def _fold_of(split: Path) -> int:
    """Return the fold that the run beside a split holds out; 0 where there is no run."""
    try:
        settings = read_json(split.parent / "settings.json", SettingsError)
        return int(settings["split"]["fold"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0


def _pairs(
    prediction: str,
    truth: str,
    part: _Part | None,
    beside: tuple[str | None, str | None, str | None],
) -> tuple[Sequence[MapPair], tuple[str, ...]]:
    """Pair the maps of two folders, or take one map and its truth, with notes on what is left out.

    Args:
        prediction: map or folder.
        truth: likewise.
        part: keeps a part of the pixels.
        beside: area of interest, confidence and scores of a single map.
    """
    from tilesegm.evaluation.inputs import MapPair
    from tilesegm.evaluation.pairing import FolderPairs, is_folder_of_maps, match_folders

    if not is_folder_of_maps(prediction):
        found = FolderPairs((MapPair(prediction, truth, *beside),), ())
    elif any(beside):
        raise SettingsError(
            f"{prediction} is a folder; --confidence, --scores and --aoi go with a single map"
        )
    else:
        found = match_folders(prediction, truth)
    if part is None:
        return found.pairs, found.notes
    kept = part(found.pairs)
    return kept.pairs, (*found.notes, *kept.notes)


def _label_settings(path: Path | None) -> LabelSettings | None:
    """Return the settings of labels of a training run."""
    if path is None:
        return None
    from tilesegm.training.settings.settings_file import load_config

    return load_config(path).data.labels
