"""The files of a segmentation: their names, what is said against them, how they are finished."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tilesegm.classes import ClassInfo
from tilesegm.engine.plan import Plan
from tilesegm.errors import OutputError
from tilesegm.events import OnEvent, StageProgress, StageStarted
from tilesegm.grid.tiles import TileLayout
from tilesegm.ownership import check_unread, state_of
from tilesegm.segmentation.decision import decision_tag
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.recipe import Recipe
from tilesegm.segmentation.result_grid import resolution_tag
from tilesegm.sink.check import check_output
from tilesegm.sink.geotiff import TiffOptions, finish_geotiff
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.png_map import check_png_fits, check_world_file, finish_png
from tilesegm.sink.provenance import MapFacts, digest
from tilesegm.sink.staging import Staging, staging_folder
from tilesegm.sink.standing import check_ours
from tilesegm.sink.tiff_check import file_beside
from tilesegm.source.names import file_of
from tilesegm.source.parts import files_of
from tilesegm.source.steps import at_text
from tilesegm.source.vector.address import VectorAddress, is_vector
from tilesegm.version import __version__

__all__ = [
    "UNSURE",
    "Places",
    "check_format",
    "check_inputs",
    "check_outputs",
    "extra_paths",
    "finish_outputs",
    "make_facts",
    "named_inputs",
    "output_paths",
    "reads_of",
]

UNSURE = ClassInfo("unsure", (160, 160, 160))
"""What pixels are called whose class has too low a probability; their id follows the classes."""


def check_inputs(paths: Iterable[Path], read: Iterable[tuple[str, Any]]) -> None:
    """Refuse outputs that are read, by whatever path or link, or lie where it is read.

    Args:
        paths: of the outputs.
        read: what each input is, such as ``the model``, and what was passed for it.

    Raises:
        OutputError: an output is one, holds one, or lies in one.
    """
    written = [place for path in paths for place in (path, staging_folder(path))]
    inputs = named_inputs(read)
    check_unread(written, inputs)
    if any(map(os.path.lexists, written)):
        # Only what is there can be a part of a mosaic.
        parts = (part for _, name in inputs for part in files_of(name))
        check_unread(written, [("a file that the input is made of", part) for part in parts])


def check_outputs(paths: Iterable[Path]) -> None:
    """Refuse outputs that cannot be written, or would replace what is not ours.

    Raises:
        OutputError: with what is wrong and how to mend it.
    """
    for path in dict.fromkeys(paths):
        check_output(path)
        check_ours(path)
        if path.suffix.lower() == ".png":
            check_world_file(path)


def check_format(paths: Iterable[Path], plan: Plan) -> None:
    """Refuse results that the format of the output cannot hold.

    Raises:
        SettingsError: it cannot.
    """
    if any(path.suffix.lower() == ".png" for path in paths):
        check_png_fits(plan.info.pixels, plan.decision.layers, plan.decision.classes)


def reads_of(image: Any, model: Any, options: Options) -> list[tuple[str, Any]]:
    """Say what a run reads, for `check_inputs`."""
    return [
        ("the input image", image),
        ("the model", model),
        ("the area of interest", options.area),
    ]


def named_inputs(read: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Return what each input is with each path or address in it."""
    return [pair for what, value in read for pair in _named(what, value)]


def _named(what: str, value: Any) -> list[tuple[str, str]]:
    """Return the paths in what was passed; arrays and models in memory have none."""
    if isinstance(value, list | tuple):
        return [pair for one in value for pair in _named(what, one)]
    if not isinstance(value, str | os.PathLike):
        return []
    text = os.fspath(value)
    return [(what, str(VectorAddress.parse(text).path) if is_vector(text) else file_of(text))]


@dataclass(frozen=True)
class Places:
    """The places of outputs, as they were when a run began."""

    states: Mapping[Path, tuple[int, ...] | None]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Self:
        """Look at the places of outputs and of the files beside them."""
        beside = [(path, file_beside(path)) for path in paths]
        return cls({place: state_of(place) for pair in beside for place in pair})

    def check(self, work: Path) -> None:
        """Refuse to replace what appeared since.

        Args:
            work: folder that keeps the finished work.

        Raises:
            OutputError: something did.
        """
        for path, state in self.states.items():
            if state_of(path) != state:
                raise OutputError(
                    f"{path} appeared or changed while the run was at work, and stays as it is; "
                    f"finished work is kept in {work}: move {path.name} away, then run the same "
                    "command again"
                )


def make_facts(plan: Plan, recipe: Recipe) -> MapFacts:
    """Gather what the finished files say: where their pixels lie, their classes, their making."""
    grid, spec = plan.grid, plan.spec
    return MapFacts(
        georeference=plan.info.georeference,
        classes=spec.classes if plan.decision.least is None else (*spec.classes, UNSURE),
        version=__version__,
        model=spec.name,
        image=plan.info.uri,
        steps=at_text(tuple((step.axis, step.index) for step in plan.info.steps)) or None,
        layout=TileLayout(
            tile=grid.tile,
            overlap=grid.overlap,
            margin=grid.margin,
            blend=plan.tiling.blend,
            stride=spec.stride,
        ),
        exact=plan.exact,
        decision=decision_tag(plan),
        resolution=resolution_tag(plan),
        original=plan.info.original,
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


def extra_paths(paths: Mapping[str, Path | str]) -> tuple[tuple[str, Path | str], ...]:
    """Say where each result beside the class map lies: in a file, or in a group of the Zarr."""
    output = paths["classes"]
    inside = (lambda name: f"{output}/{name}") if isinstance(output, str) else output.joinpath
    return tuple(
        (name, inside(name) if path == output else path)
        for name, path in paths.items()
        if name != "classes"
    )


def finish_outputs(
    staging: Staging,
    paths: dict[str, Path],
    facts: MapFacts,
    options: Options,
    on_event: OnEvent,
    places: Places,
) -> None:
    """Make the finished files of complete results.

    Raises:
        OutputError: a file cannot be written, or its place was taken since the run began; nothing
            of it is under its final name.
    """
    output = paths["classes"]
    on_event(StageStarted(f"writing {output.name}"))

    def report(fraction: float) -> None:
        on_event(StageProgress(fraction))

    def ready() -> None:
        places.check(staging.folder)

    if output.suffix.lower() == ".zarr":
        finish_zarr(staging, output, facts, report, ready, options.shards)
    elif output.suffix.lower() == ".png":
        finish_png(staging, paths, facts, report, ready)
    else:
        tiff = TiffOptions(compress=options.compress)
        finish_geotiff(staging, paths, facts, tiff, report, ready)
