"""``tilesegm plan``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from tilesegm.cli.models import sort_inputs
from tilesegm.cli.option_groups import SegmentationOptions, with_option_groups
from tilesegm.cli.progress import ProgressBar
from tilesegm.cli.shared import AsJson, Images, Models
from tilesegm.cli.terminal import PlainConsole, lines
from tilesegm.counted import counted

__all__ = ["plan"]


@with_option_groups
def plan(
    images: Images,
    model: Models,
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

    with ProgressBar(as_json) as progress:
        models, images = sort_inputs(model, images, progress)
    forecast = make_plan(
        segmentation.image(images),
        models,
        tiling=segmentation.tiling,
        options=segmentation.options(),
        probe=probe,
    )
    facts = forecast.summary()
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        PlainConsole().print(_table(facts))


def _table(facts: dict[str, Any]) -> Table:
    table = Table(show_header=False, title=facts["image"], title_justify="left")
    memory = ", ".join(f"{name} {_mb(size)}" for name, size in facts["memory_bytes"].items())
    exact = "yes" if facts["exact"] else "no"
    if facts["inexact"]:
        exact += f": not exact because {'; '.join(facts['inexact'])}"
    elif not facts["exact"] and facts["exact_overlap"] is not None:
        exact += f"; an overlap of {facts['exact_overlap']} px makes it exact (--overlap exact)"
    flips = facts["expected_class_flips"]
    each = " in each worker" if facts["workers"] else ""
    rows = {
        "image": f"{facts['height']} x {facts['width']} px",
        "tile": f"{facts['tile'][0]} x {facts['tile'][1]} px, overlap {facts['overlap']}, "
        f"{facts['margin']} px of it without weight, {facts['blend']}",
        "tiles": _tiles(facts),
        "regions": f"{facts['regions']} in {counted(facts['panels'], 'panel')}"
        + _without_tiles(facts),
        **_workers(facts["workers"]),
        "redundancy": f"{facts['redundancy']:.2f} pixels computed per pixel",
        "read amplification": f"{facts['read_amplification']:.2f} pixels decoded per pixel",
        "peak memory": f"{_mb(facts['peak_memory_bytes'])}{each} ({memory})",
        "disk": f"at most {_mb(facts['staging_bytes_at_most'])} unfinished, "
        f"{_mb(facts['output_bytes_at_most'])} finished",
        "exact": exact,
        "seams": "not measured" if flips is None else f"{100 * flips:.4f} % of classes changed",
        "network time": "not measured" if facts["seconds"] is None else f"{facts['seconds']:.0f} s",
    }
    if facts["resolution"]:
        rows["resolution"] = facts["resolution"]
    for name, value in rows.items():
        table.add_row(name, value)
    if facts["decision"] != "argmax":
        table.add_row("decision", facts["decision"])
    if facts["notes"]:
        table.add_row("note", lines(*facts["notes"]))
    return table


def _tiles(facts: dict[str, Any]) -> str:
    assumed, skipped = facts["tiles_assume"], facts["skipped"]
    told = f"{'about ' if assumed else ''}{facts['tiles']} in batches of {facts['batch']}"
    if skipped:
        others = "1 other holds" if skipped == 1 else f"{skipped} others hold"
        told += f"; {others} no pixel to classify and {'is' if skipped == 1 else 'are'} skipped"
    if assumed:
        told += f"; counted without reading the image, as if {assumed}"
    return told


def _without_tiles(facts: dict[str, Any]) -> str:
    empty = facts["empty_regions"]
    return f", {empty} of them without a tile to compute" if empty else ""


def _workers(sharing: dict[str, Any] | None) -> dict[str, str]:
    if sharing is None:
        return {}
    return {
        "workers": f"{sharing['workers']}, which share {counted(sharing['runs'], 'run')} of up to "
        f"{sharing['regions_per_run']} regions: {sharing['redundancy']:.2f} pixels computed per "
        f"pixel, busy {sharing['busy']:.0%} of the time, {sharing['speedup']:.2f} times as fast as "
        "one of them"
    }


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
