"""``tilesegm evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import Aoi, AsJson, Quiet
from tilesegm.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from tilesegm.data.settings import LabelSettings
    from tilesegm.map_pair import MapPair

__all__ = ["evaluate"]


def evaluate(
    prediction: Annotated[
        str, typer.Argument(help="Class map, or a folder of them.", show_default=False)
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
        typer.Option(help="Number of classes, or names in the order of ids: water,road,tree."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Settings of a training run: how to read polygons or colours."),
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(help="Ids of the truth that do not count, such as 0,255.")
    ] = None,
    area: Aoi = None,
    confidence: Annotated[
        str | None, typer.Option(help="Raster of confidence (top): calibration.")
    ] = None,
    scores: Annotated[
        str | None, typer.Option(help="Raster of all scores: calibration, thresholds.")
    ] = None,
    borders: Annotated[bool, typer.Option(help="Measure borders; most of the time goes there.")] = (
        True
    ),
    band: Annotated[int, typer.Option(help="Pixels of the band of boundary IoU.")] = 3,
    tolerance: Annotated[
        str, typer.Option(help="Pixels by which borders may differ: 1,2,4.")
    ] = "1,2,4",
    thin: Annotated[
        str | None, typer.Option(help="Ids of classes of thin structures: clDice.")
    ] = None,
    objects: Annotated[
        str | None, typer.Option(help="Ids of classes whose connected parts are objects: F1.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Threads; 0 for one a core.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json-file", help="Also write everything to this JSON file.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score class maps of any size against the truth.

    Example: tilesegm evaluate city_classes.tif city_truth.tif
    """
    from tilesegm.scoring import EvaluationOptions, evaluate_many
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
        ),
        workers=workers,
    )
    pairs = _pairs(prediction, truth, area, confidence, scores)
    with ProgressBar(quiet or as_json) as progress:
        evaluation = evaluate_many(pairs, options, progress)
    if json_file is not None:
        try:
            json_file.write_text(evaluation.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{json_file} cannot be written: {error.strerror}") from error
    if as_json:
        typer.echo(evaluation.to_json())
    elif not quiet:
        console = Console()
        for table in _tables(evaluation.to_dict()):
            console.print(table)


def _pairs(
    prediction: str, truth: str, area: str | None, confidence: str | None, scores: str | None
) -> list[MapPair]:
    """Pair the maps of two folders by name, or take one map and its truth."""
    from tilesegm.map_pair import MapPair

    folder, truths = Path(prediction), Path(truth)
    if not folder.is_dir() or folder.suffix == ".zarr":
        return [MapPair(prediction, truth, area, confidence, scores)]
    if confidence or scores or area:
        raise SettingsError(
            f"{prediction} is a folder; --confidence, --scores and --aoi go with a single map"
        )
    maps = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".tif", ".png"))
    missing = [path.name for path in maps if not (truths / path.name).exists()]
    if not maps:
        raise SettingsError(f"folder {prediction} holds no maps; expected .tif or .png files")
    if missing:
        raise SettingsError(f"{truth} holds no {missing[0]}; give the truth the names of the maps")
    return [MapPair(str(path), str(truths / path.name)) for path in maps]


def _label_settings(path: Path | None) -> LabelSettings | None:
    """Read how labels are read from the settings of a training run."""
    if path is None:
        return None
    from tilesegm.training.settings_file import load_config

    return load_config(path, losses=False).data.labels


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
    return int(text) if text.strip().isdigit() else tuple(one.strip() for one in text.split(","))


def _tables(said: dict[str, Any]) -> list[Table]:
    """Tables of what `Evaluation.to_dict` says."""
    overall = Table(show_header=False, title="all classes", title_justify="left")
    for name in (
        "accuracy",
        "kappa",
        "mean_iou",
        "mean_dice",
        "frequency_weighted_iou",
        "mean_boundary_iou",
        "expected_calibration_error",
    ):
        if name in said:
            overall.add_row(name.replace("_", " "), _text(said[name]))
    overall.add_row("pixels", f"{said['pixels']:,}")
    rows = said["classes"]
    columns = list(dict.fromkeys(name for row in rows for name in row if name != "objects"))
    by_class = Table(title="classes", title_justify="left")
    by_class.add_column("")
    for row in rows:
        by_class.add_column(row["name"], justify="right")
    for column in columns[1:]:
        by_class.add_row(column.replace("_", " "), *(_text(row.get(column, "")) for row in rows))
    for part in ("true", "predicted", "matched", "f1", "panoptic_quality"):
        if any("objects" in row for row in rows):
            cells = (_text(row["objects"][part]) if "objects" in row else "" for row in rows)
            by_class.add_row(f"objects: {part.replace('_', ' ')}", *cells)
    tables = [overall, by_class]
    for key, title in (
        ("accuracy_by_border_distance", "accuracy by pixels from a border of the truth"),
        ("accuracy_by_seam_distance", "accuracy by pixels from a seam of tiles"),
    ):
        if key in said:
            table = Table(title=title, title_justify="left")
            for bin_ in said[key]:
                end = bin_["up_to_pixels"]
                table.add_column("beyond" if end is None else f"to {end}", justify="right")
            table.add_row(*(_text(bin_["accuracy"]) for bin_ in said[key]))
            tables.append(table)
    return tables


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if value == "inf":
        return "> cap"
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if value != "" else ""
