"""``tilesegm bench``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tilesegm.cli.option_groups import make_tiling
from tilesegm.cli.shared import AsJson, BlendChoice, Overlap, Size, Tile
from tilesegm.cli.terminal import PlainConsole
from tilesegm.cli.without_effect import TellingCommand

__all__ = ["bench_app"]

bench_app = typer.Typer(help="Measure throughput on this machine.", no_args_is_help=True)


@bench_app.callback()
def _group() -> None:
    pass


@bench_app.command(cls=TellingCommand)
def tiling(
    size: Size = 16384,
    tile: Tile = 512,
    overlap: Overlap = "64",
    blend: BlendChoice = "hann",
    filters: Annotated[
        int, typer.Option(help="Filters of a U-Net of depth 4; 0 means a single 1 x 1 convolution.")
    ] = 0,
    folder: Annotated[
        Path | None, typer.Option(help="Folder that keeps the files; a temporary one by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Time the engine from GeoTIFF to Cloud Optimized GeoTIFF, and its parts alone.

    Example: tilesegm bench tiling --size 8192
    """
    from tilesegm.bench.case import TilingCase
    from tilesegm.bench.tiling import bench_tiling

    case = TilingCase(size, make_tiling(tile, overlap, blend), filters)
    table = Table("", "seconds", "MP/s", title=f"{size} x {size} RGB uint8, tile {tile}")
    for timing in bench_tiling(case, folder):
        if as_json:
            facts = {"name": timing.name, "seconds": timing.seconds, "rate": timing.rate}
            typer.echo(json.dumps(facts))
        table.add_row(timing.name, f"{timing.seconds:.2f}", f"{timing.rate:.2f}")
    if not as_json:
        PlainConsole().print(table)
