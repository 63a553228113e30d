"""``tilesegm predict``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tilesegm.cli.models import sort_inputs
from tilesegm.cli.option_groups import SegmentationOptions, with_option_groups
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import AsJson, Images, Models, Overwrite, Quiet
from tilesegm.cli.terminal import say
from tilesegm.counted import counted
from tilesegm.errors import SettingsError
from tilesegm.sink.check import STORED, SUFFIXES

if TYPE_CHECKING:
    from tilesegm.batch.entry import Entry
    from tilesegm.products.areas import ClassAreas

__all__ = ["predict"]


@with_option_groups
def predict(
    images: Images,
    model: Models,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help=".tif (COG), .zarr or .png file for one image, or s3://BUCKET/NAME.tif or .zarr; "
            "for several a folder, s3://BUCKET/FOLDER/ too, or a name in it such as "
            "'maps/{name}.zarr'.",
            show_default=False,
        ),
    ],
    segmentation: SegmentationOptions,
    asset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Asset of STAC items that is the image; several are stacked as its bands.",
        ),
    ] = None,
    polygons: Annotated[
        Path | None,
        typer.Option(
            help="Also write the class map as polygons, as `tilesegm polygonize` does: .gpkg, "
            ".fgb, .geojson, .parquet, .shp or .json (COCO).",
        ),
    ] = None,
    areas: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Also write the areas of classes as CSV, a row a map, as `tilesegm areas` does; "
            "to s3://BUCKET/NAME.csv too.",
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
    update: Annotated[
        bool,
        typer.Option(
            "--update",
            help="Keep digests in the map of what it was made of; given again, compute only the "
            "regions that depend on pixels which changed since.",
        ),
    ] = False,
    staging: Annotated[
        str | None,
        typer.Option(
            help="Place for unfinished work: s3://BUCKET/FOLDER, so that workers and a later run "
            "need no disk of this machine; or, for an output in a store, a folder in place of the "
            "current one."
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Segment images of any size into class maps.

    Several images are paths, folders, patterns such as 'scenes/**', lists (.txt), tables with a
    column image and options beside it (.csv), or STAC items (.json). The same command continues
    interrupted work; in a folder it computes what is missing, failed or changed.

    Example: tilesegm predict city.tif --model city_model -o city_classes.tif
    """
    from tilesegm.batch.find import find_entries
    from tilesegm.segmentation.batch import Batch
    from tilesegm.segmentation.batch_item import Tally
    from tilesegm.segmentation.segment import segment
    from tilesegm.segmentation.work import Request

    tiling = segmentation.tiling
    names = None if class_names is None else tuple(map(str.strip, class_names.split(",")))
    options = segmentation.options(
        classes=names,
        min_confidence=min_confidence,
        compress=compress,
        hash_input=hash_input,
        update=update,
        shards=shards,
        staging=staging,
    )
    wanted = () if asset is None else tuple(map(str.strip, asset.split(",")))
    unsure = min_confidence is not None and not quiet
    lines: list[tuple[str, bool]] = []
    batch, tally = None, Tally()
    try:
        with ProgressBar(quiet or as_json, notes=not quiet) as progress:
            models, images = sort_inputs(model, images, progress)
            entries = find_entries(images, progress, wanted)
            to_folder = not segmentation.stack and _to_folder(len(entries), output)
            paths = [path for entry in entries for path in entry.paths]
            if polygons is not None:
                _check_polygons(polygons, paths, models, output, to_folder)
            if to_folder:  # which has to be there for a table in it
                request = Request.of(models, tiling, options, overwrite)
                batch = Batch.of(entries, models, output, request)
            if areas is not None:
                _check_areas(areas, paths, models, None if to_folder else output, polygons)
            rows: Iterable[dict[str, Any]]
            if batch is not None:
                rows = map(tally.add, batch.run(progress))
            else:
                image, changes = _only_entry(entries, output, segmentation.stack)
                result = segment(
                    image,
                    models,
                    output,
                    tiling=tiling,
                    options=replace(options, **changes),
                    overwrite=overwrite,
                    on_event=progress,
                )
                rows = [result.summary()]
                if polygons is not None:
                    from tilesegm.products.polygonize import polygonize

                    made = polygonize(output, polygons, on_event=progress)
                    rows[0]["polygons"] = made.summary()
            measured = []
            for row in rows:
                if "error" not in row and (as_json or areas is not None or unsure):
                    measured.append(_measure(row))
                if as_json:
                    typer.echo(json.dumps(row))
                elif not quiet or "error" in row:
                    lines.append((_line(row), "error" in row))
            if polygons is not None and not as_json and not quiet:
                lines.append((made.line(), False))
            if areas is not None:
                _write_areas(areas, measured)
    finally:
        for line, failed in lines:
            say(line, err=failed)
        if batch is not None and not as_json and not quiet:
            whole = tally.count == len(batch.entries) and not tally.failed
            say(tally.line(len(batch.entries), batch.place), err=not whole)
    if tally.failed:
        raise typer.Exit(1)


def _check_polygons(
    polygons: Path, images: list[str], models: list[str], output: str, to_folder: bool
) -> None:
    """Refuse polygons that cannot be written, before the map is made."""
    from tilesegm.ownership import check_apart
    from tilesegm.products.polygonize import check_polygons
    from tilesegm.source.base import Georeference
    from tilesegm.source.object_store import place_of

    if to_folder:
        raise SettingsError(
            f"--polygons {polygons} is one file, and {len(images)} images are given; leave it out, "
            "and turn each map into polygons with `tilesegm polygonize`"
        )
    check_apart([("the class map", place_of(output)), ("--polygons", polygons)])
    read = [("the input image", image) for image in images]
    read += [("the model", model) for model in models]
    check_polygons(polygons, [*read, ("the class map", output)], Georeference())


def _check_areas(
    areas: str, images: list[str], models: list[str], output: str | None, polygons: Path | None
) -> None:
    """Refuse a table that cannot be written, before the map is made.

    Args:
        areas: the table.
        images: what is read.
        models: what is read too.
        output: the map, where there is one only.
        polygons: of that map.
    """
    from tilesegm.ownership import check_apart
    from tilesegm.products.area_files import check_csv
    from tilesegm.source.object_store import place_of

    made = [("the class map", place_of(output))] if output else []
    made += [("--polygons", polygons)] if polygons else []
    check_apart([*made, ("--areas", place_of(areas))])
    check_csv(place_of(areas), [*images, *models, *([output] if output else [])])


def _measure(row: dict[str, Any]) -> ClassAreas:
    """Measure the areas of classes of a finished map, and add them to its row."""
    from tilesegm.products.areas import measure_areas

    measured = measure_areas(row["output"])
    row["areas"] = measured.rows()
    return measured


def _write_areas(place: str, measured: list[ClassAreas]) -> None:
    from tilesegm.products.area_files import write_csv
    from tilesegm.source.object_store import place_of

    write_csv(place_of(place), measured)


def _to_folder(images: int, output: str) -> bool:
    """Tell whether each image gets a file of its own in ``output``."""
    from tilesegm.source.object_store import is_s3, s3_parts

    if "{name}" in output:
        return True
    path = Path(s3_parts(output)[1] if is_s3(output) else output)
    if path.suffix.lower() not in SUFFIXES:
        folder = output.endswith("/") if is_s3(output) else path.is_dir()
        return images > 1 or folder or not path.suffix
    if images > 1:
        suffix = ".tif" if is_s3(output) and path.suffix.lower() not in STORED else path.suffix
        among = output.rstrip("/").removesuffix(path.name) + "{name}" + suffix
        raise SettingsError(
            f"{images} images cannot share the output {output}; give the name of a folder, a name "
            f"such as {among}, or --stack to take the images as bands of one"
        )
    return False


def _only_entry(entries: list[Entry], output: str, stack: bool) -> tuple[Any, dict[str, Any]]:
    """Return the one image that a file is made of, and its own options.

    Raises:
        SettingsError: a table says something else of it.
    """
    for entry in entries:
        if entry.output is not None or (stack and entry.changes):
            raise SettingsError(
                f"{entry.origin} gives an output or options to one image, and {output} is made of "
                "all of them; give a folder as output, without --stack"
            )
        if entry.error is not None:
            raise entry.error
    if stack:
        return [path for entry in entries for path in entry.paths], {}
    return entries[0].image, dict(entries[0].changes)


def _line(row: dict[str, Any]) -> str:
    if "error" in row:
        named = row["image"] in row["error"]
        return str(row["error"]) if named else f"{row['image']}: {row['error']}"
    kept = row.get("kept_regions", 0)
    if row["resumed_pixels"] == row["width"] * row["height"] and not (row["tiles"] or kept):
        return f"{row['output']}: finished before, nothing to do"
    exact = "exact" if row["exact"] else "not exact"
    empty = row["empty_pixels"]
    unsure = sum(one["pixels"] for one in row.get("areas", ()) if one["name"] == "unsure")
    return (
        f"{row['output']}: {row['height']} x {row['width']} px, "
        f"{counted(row['classes'], 'class', 'classes')}, "
        + (f"{empty:,} px ({_share(empty, row)}) without a class, " if empty else "")
        + (f"{unsure:,} px ({_share(unsure, row)}) unsure, " if unsure else "")
        + f"{row['seconds']:.1f} s, {row['megapixels_per_second']:.2f} MP/s, "
        f"{counted(row['tiles'], 'tile')}"
        + (f" ({row['skipped']} skipped)" if row["skipped"] else "")
        + (f", {counted(kept, 'region')} kept" if kept else "")
        + f", redundancy {row['redundancy']:.2f}, {exact}"
    )


def _share(pixels: int, row: dict[str, Any]) -> str:
    return f"{pixels / (row['width'] * row['height']):.1%}"
