"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from tilesegm.cli.values import parse_overlap
from tilesegm.grid.tiling import Tiling

__all__ = [
    "Aoi",
    "AsJson",
    "Augment",
    "Bands",
    "BlendChoice",
    "ConfidenceChoice",
    "Image",
    "Images",
    "Level",
    "Memory",
    "Model",
    "Nodata",
    "Normalise",
    "Overlap",
    "PrecisionChoice",
    "Quiet",
    "ScoresChoice",
    "Tile",
    "make_tiling",
]

Image = Annotated[str, typer.Argument(help="Path or URL of an image.", show_default=False)]
Images = Annotated[
    list[str],
    typer.Argument(help="Paths or URLs of images.", metavar="IMAGE...", show_default=False),
]
Model = Annotated[
    str,
    typer.Option(
        "-m", "--model", help="Bundle folder, .keras file or SavedModel folder.", show_default=False
    ),
]
Tile = Annotated[int, typer.Option(help="Side of a tile in pixels.")]
Overlap = Annotated[
    str, typer.Option(help="Pixels that neighbouring tiles share, or 'exact'.", metavar="PX|exact")
]
BlendChoice = Annotated[str, typer.Option("--blend", help="hann, linear, gaussian or crop.")]
Bands = Annotated[str | None, typer.Option(help="Bands to read, counted from 1: 3,2,1.")]
Nodata = Annotated[float | None, typer.Option(help="Value of missing pixels; may be nan.")]
Level = Annotated[int, typer.Option(help="Resolution level; 0 is the finest.")]
Aoi = Annotated[
    str | None,
    typer.Option(
        help="Area of interest: polygon file in any CRS, also 'FILE|layername=NAME|crs=EPSG:CODE', "
        "or mask raster."
    ),
]
Normalise = Annotated[
    str | None,
    typer.Option(help="For a bare network: the values that become 0 and 1, such as 0:255."),
]
PrecisionChoice = Annotated[str, typer.Option("--precision", help="float32, bfloat16 or auto.")]
Augment = Annotated[
    str | None,
    typer.Option("--tta", help="Test-time augmentation: flips, rotations, 0.75, 1.25."),
]
Memory = Annotated[str | None, typer.Option(help="Most memory of the process, such as 4GB.")]
ConfidenceChoice = Annotated[
    str | None,
    typer.Option("--confidence", help="Also write top, margin or entropy as uint8."),
]
ScoresChoice = Annotated[
    str | None,
    typer.Option("--scores", help="Also write all probabilities as uint8, float16 or float32."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def make_tiling(tile: int, overlap: str, blend: str) -> Tiling:
    """Make a tiling of the words of the command line."""
    return Tiling(tile=tile, overlap=parse_overlap(overlap), blend=blend)  # type: ignore[arg-type]
