"""The files of a segmentation: their names, what is said against them, how they are finished."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tilesegm.engine.plan import Plan
from tilesegm.events import OnEvent, StageProgress, StageStarted
from tilesegm.grid.tiles import TileLayout
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.recipe import Recipe
from tilesegm.sink.check import check_output
from tilesegm.sink.geotiff import TiffOptions, finish_geotiff
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.provenance import MapFacts, digest
from tilesegm.sink.staging import Staging
from tilesegm.version import __version__

__all__ = ["check_outputs", "extra_paths", "finish_outputs", "make_facts", "output_paths"]


def check_outputs(paths: Iterable[Path], image: Any) -> None:
    """Refuse outputs that cannot be written, or are the image itself.

    Raises:
        OutputError: with what is wrong and how to mend it.
    """
    parts = image if isinstance(image, list | tuple) else [image]
    inputs = [os.fspath(part) for part in parts if isinstance(part, str | os.PathLike)]
    for path in paths:
        for name in inputs or [None]:
            check_output(path, name)


def make_facts(plan: Plan, recipe: Recipe) -> MapFacts:
    """Gather what the finished files say: where their pixels lie, their classes, their making."""
    grid, spec = plan.grid, plan.spec
    return MapFacts(
        georeference=plan.info.georeference,
        classes=spec.classes,
        version=__version__,
        model=spec.name,
        image=plan.info.uri,
        layout=TileLayout(
            tile=grid.tile,
            overlap=grid.overlap,
            margin=grid.margin,
            blend=plan.tiling.blend,
            stride=spec.stride,
        ),
        exact=plan.exact,
        fingerprint=digest(recipe.fingerprint),
        run=recipe.text(),
    )


def output_paths(output: Path, options: Options) -> dict[str, Path]:
    """Name the file of each result; a Zarr output holds all of them."""
    names = ["classes"]
    names += ["confidence"] if options.confidence else []
    names += ["scores"] if options.scores else []
    if output.suffix.lower() == ".zarr":
        return dict.fromkeys(names, output)
    paths = {name: output.with_name(f"{output.stem}_{name}{output.suffix}") for name in names[1:]}
    return {"classes": output} | paths


def extra_paths(paths: dict[str, Path]) -> tuple[tuple[str, Path], ...]:
    """Say where each result beside the class map lies: in a file, or in a group of the Zarr."""
    output = paths["classes"]
    return tuple(
        (name, path / name if path == output else path)
        for name, path in paths.items()
        if name != "classes"
    )


def finish_outputs(
    staging: Staging,
    paths: dict[str, Path],
    facts: MapFacts,
    options: Options,
    on_event: OnEvent,
) -> None:
    """Make the finished files of complete results.

    Raises:
        OutputError: a file cannot be written; nothing of it is under its final name.
    """
    output = paths["classes"]
    on_event(StageStarted(f"writing {output.name}"))

    def report(fraction: float) -> None:
        on_event(StageProgress(fraction))

    if output.suffix.lower() == ".zarr":
        finish_zarr(staging, output, facts, report)
    else:
        finish_geotiff(staging, paths, facts, TiffOptions(compress=options.compress), report)
