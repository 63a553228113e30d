"""``tilesegm predict``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tilesegm.cli.option_groups import SegmentationOptions, with_option_groups
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import Aoi, AsJson, Images, Model, Overwrite, Quiet
from tilesegm.cli.terminal import say
from tilesegm.errors import SettingsError
from tilesegm.sink.check import SUFFIXES

__all__ = ["predict"]


@with_option_groups
def predict(
    images: Images,
    model: Model,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help=".tif (COG), .zarr or .png file for one image, a folder for several; "
            "s3://BUCKET/NAME.tif or .zarr.",
            show_default=False,
        ),
    ],
    segmentation: SegmentationOptions,
    aoi: Aoi = None,
    polygons: Annotated[
        Path | None,
        typer.Option(
            help="Also write the class map as polygons, as `tilesegm polygonize` does: .gpkg, "
            ".fgb, .geojson, .parquet, .shp or .json (COCO).",
        ),
    ] = None,
    areas: Annotated[
        Path | None,
        typer.Option(
            help="Also write the areas of classes as CSV, a row a map, as `tilesegm areas` does."
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence",
            help="Probability of its class below which a pixel is unsure, which has an id and a "
            "colour of its own.",
        ),
    ] = None,
    class_names: Annotated[
        str | None,
        typer.Option(help="Names of classes of a model that is no bundle, by id: water,road,tree."),
    ] = None,
    compress: Annotated[
        str, typer.Option(help="Compression of GeoTIFF: deflate, zstd or lzw.")
    ] = "deflate",
    shards: Annotated[
        str,
        typer.Option(
            help="Whether many chunks of a .zarr share a file: auto (where it has over 10 000), "
            "yes or no."
        ),
    ] = "auto",
    hash_input: Annotated[
        bool,
        typer.Option(
            "--hash-input",
            help="Hash the image's files before and after the run, to notice any change of them.",
        ),
    ] = False,
    staging: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the unfinished work of an output in a store (s3://); the current one "
            "if not given."
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Segment images of any size into class maps.

    The same command continues interrupted work.

    Example: tilesegm predict city.tif --model city_model -o city_classes.tif
    """
    from tilesegm.segmentation.folders import expand_folders
    from tilesegm.segmentation.many import segment_many
    from tilesegm.segmentation.segment import segment

    tiling = segmentation.tiling
    names = None if class_names is None else tuple(map(str.strip, class_names.split(",")))
    options = segmentation.options(
        area=aoi,
        classes=names,
        min_confidence=min_confidence,
        compress=compress,
        hash_input=hash_input,
        shards=shards,
        staging=staging,
    )
    line = ""
    with ProgressBar(quiet or as_json, notes=not quiet) as progress:
        images = expand_folders(images, progress)
        to_folder = not segmentation.stack and _to_folder(images, output)
        if polygons is not None:
            _check_polygons(polygons, images, model, Path(output), to_folder)
        if areas is not None:
            _check_areas(areas, images, model, Path(output), polygons)
        if to_folder:
            report = segment_many(
                images,
                model,
                output,
                tiling=tiling,
                options=options,
                overwrite=overwrite,
                on_event=progress,
            )
            rows = [item.summary() for item in report]
            failed = sum(item.error is not None for item in report)
        else:
            result = segment(
                segmentation.image(images),
                model,
                output,
                tiling=tiling,
                options=options,
                overwrite=overwrite,
                on_event=progress,
            )
            rows, failed = [result.summary()], 0
            if polygons is not None:
                from tilesegm.products.polygonize import polygonize

                made = polygonize(output, polygons, on_event=progress)
                rows[0]["polygons"], line = made.summary(), made.line()
        if as_json or areas is not None or (min_confidence is not None and not quiet):
            _add_areas(rows, areas)
    for row in rows:
        if as_json:
            typer.echo(json.dumps(row))
        elif not quiet or "error" in row:
            say(_line(row), err="error" in row)
    if line and not as_json and not quiet:
        say(line)
    if failed:
        raise typer.Exit(1)


def _check_polygons(
    polygons: Path, images: list[str], model: str, output: Path, to_folder: bool
) -> None:
    """Refuse polygons that cannot be written, before the map is made."""
    from tilesegm.ownership import check_apart
    from tilesegm.products.polygonize import check_polygons
    from tilesegm.source.base import Georeference

    if to_folder:
        raise SettingsError(
            f"--polygons {polygons} is one file, and {len(images)} images are given; leave it out, "
            "and turn each map into polygons with `tilesegm polygonize`"
        )
    check_apart([("the class map", output), ("--polygons", polygons)])
    read = [*(("the input image", image) for image in images), ("the model", model)]
    check_polygons(polygons, [*read, ("the class map", str(output))], Georeference())


def _check_areas(
    areas: Path, images: list[str], model: str, output: Path, polygons: Path | None
) -> None:
    """Refuse a table that cannot be written, before the map is made."""
    from tilesegm.ownership import check_apart
    from tilesegm.products.area_files import check_csv

    made = [("the class map", output), *([("--polygons", polygons)] if polygons else [])]
    check_apart([*made, ("--areas", areas)])
    check_csv(areas, [*images, model, str(output)])


def _add_areas(rows: list[dict[str, Any]], path: Path | None) -> None:
    """Add the areas of classes to the rows of finished maps, and write them as a table."""
    from tilesegm.products.area_files import write_csv
    from tilesegm.products.areas import measure_areas

    finished = [row for row in rows if "error" not in row]
    measured = [measure_areas(row["output"]) for row in finished]
    for row, one in zip(finished, measured, strict=True):
        row["areas"] = one.rows()
    if path is not None:
        write_csv(path, measured)


def _to_folder(images: list[str], output: str) -> bool:
    """Tell whether each image gets a file of its own in ``output``."""
    suffix = Path(output).suffix.lower()
    if suffix not in SUFFIXES:
        return len(images) > 1 or Path(output).is_dir() or not suffix
    if len(images) > 1:
        raise SettingsError(
            f"{len(images)} images cannot share the output {output}; give the name of a folder, or "
            "--stack to take the images as bands of one"
        )
    return False


def _line(row: dict[str, Any]) -> str:
    if "error" in row:
        named = row["image"] in row["error"]
        return str(row["error"]) if named else f"{row['image']}: {row['error']}"
    if row["resumed_pixels"] == row["width"] * row["height"] and not row["tiles"]:
        return f"{row['output']}: finished before, nothing to do"
    exact = "exact" if row["exact"] else "not exact"
    empty = row["empty_pixels"]
    unsure = sum(one["pixels"] for one in row.get("areas", ()) if one["name"] == "unsure")
    return (
        f"{row['output']}: {row['width']} x {row['height']} px, {row['classes']} classes, "
        + (f"{empty:,} px ({_share(empty, row)}) without a class, " if empty else "")
        + (f"{unsure:,} px ({_share(unsure, row)}) unsure, " if unsure else "")
        + f"{row['seconds']:.1f} s, {row['megapixels_per_second']:.2f} MP/s, {row['tiles']} tiles"
        + (f" ({row['skipped']} skipped)" if row["skipped"] else "")
        + f", redundancy {row['redundancy']:.2f}, {exact}"
    )


def _share(pixels: int, row: dict[str, Any]) -> str:
    return f"{pixels / (row['width'] * row['height']):.1%}"
