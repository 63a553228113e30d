"""``tilesegm plan``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tilesegm.cli.option_groups import SegmentationOptions, with_option_groups
from tilesegm.cli.shared import AsJson, Image, Model

__all__ = ["plan"]


@with_option_groups
def plan(
    image: Image,
    model: Model,
    segmentation: SegmentationOptions,
    probe: Annotated[
        bool, typer.Option(help="Load the network to time a batch and measure seams.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Report tiles, memory, disk space, time and seam error of a segmentation, and write nothing.

    Example: tilesegm plan city.tif --model city_model --overlap exact
    """
    from tilesegm.segmentation.forecast import plan as make_plan

    forecast = make_plan(
        image,
        model,
        tiling=segmentation.tiling,
        options=segmentation.options(),
        probe=probe,
    )
    summary = forecast.summary()
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        Console().print(_table(summary))


def _table(said: dict[str, Any]) -> Table:
    table = Table(show_header=False, title=said["image"], title_justify="left")
    memory = ", ".join(f"{name} {_mb(size)}" for name, size in said["memory_bytes"].items())
    exact = "yes" if said["exact"] else "no"
    if said["inexact"]:
        exact += f": not exact because {'; '.join(said['inexact'])}"
    elif not said["exact"] and said["exact_overlap"] is not None:
        exact += f"; it takes an overlap of {said['exact_overlap']} px (--overlap exact)"
    flips = said["expected_class_flips"]
    rows = {
        "image": f"{said['width']} x {said['height']} px",
        "tile": f"{said['tile'][0]} x {said['tile'][1]} px, overlap {said['overlap']}, "
        f"{said['margin']} of it without weight, {said['blend']}",
        "tiles": f"{said['tiles']} in batches of {said['batch']}",
        "regions": f"{said['regions']} in {said['panels']} panels",
        "redundancy": f"{said['redundancy']:.2f} pixels computed per pixel",
        "read amplification": f"{said['read_amplification']:.2f} pixels decoded per pixel",
        "peak memory": f"{_mb(said['peak_memory_bytes'])} ({memory})",
        "disk": f"at most {_mb(said['staging_bytes_at_most'])} unfinished, "
        f"{_mb(said['output_bytes_at_most'])} finished",
        "exact": exact,
        "seams": "not measured" if flips is None else f"{100 * flips:.4f} % of classes changed",
        "network time": "not measured" if said["seconds"] is None else f"{said['seconds']:.0f} s",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
