"""Options that several commands share: one name, one help text and one type each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tilesegm.trust import trust_files

__all__ = [
    "Aoi",
    "AsJson",
    "At",
    "Augment",
    "Bands",
    "BlendChoice",
    "Changes",
    "ClassMapFile",
    "ClassNames",
    "ConfidenceChoice",
    "DecisionChoice",
    "DryRun",
    "GridChoice",
    "Head",
    "Images",
    "Level",
    "Memory",
    "MinArea",
    "Models",
    "NetworkOutputs",
    "Nodata",
    "Normalise",
    "Objects",
    "Offsets",
    "Only",
    "Overlap",
    "Overwrite",
    "Picture",
    "PrecisionChoice",
    "Quiet",
    "ResolutionChoice",
    "Scheduler",
    "ScoresChoice",
    "Seed",
    "Settings",
    "ShownImages",
    "Size",
    "Skip",
    "SkipBackground",
    "SmallChoice",
    "Stack",
    "Temperature",
    "Thin",
    "Threshold",
    "Tile",
    "Title",
    "Trust",
    "Unscale",
    "WorkerResource",
    "Workers",
]


def _trust(value: bool) -> bool:
    # Here and not in each command: files are opened in many places, in other processes too.
    if value:
        trust_files()
    return value


Images = Annotated[
    list[str],
    typer.Argument(help="Paths or URLs of images.", metavar="IMAGE...", show_default=False),
]
Models = Annotated[
    list[str],
    typer.Option(
        "-m",
        "--model",
        help="Bundle folder, .keras file or SavedModel folder; repeatable, or a pattern such as "
        "'runs/*/model', to average the probabilities of several.",
        show_default=False,
    ),
]
Tile = Annotated[
    int | None,
    typer.Option(help="Side of a tile in pixels: 1024, or the only size that the network takes."),
]
Overlap = Annotated[
    str | None,
    typer.Option(
        help="Overlap of neighbouring tiles in pixels: 128, or a quarter of tiles of at most 128; "
        "'exact' makes the result equal to one pass over the whole image.",
        metavar="PX|exact",
    ),
]
BlendChoice = Annotated[
    str, typer.Option("--blend", help="How overlaps fade: hann, linear, gaussian or crop.")
]
Bands = Annotated[str | None, typer.Option(help="Bands to read, counted from 1, such as 3,2,1.")]
Nodata = Annotated[
    str | None,
    typer.Option(
        metavar="VALUE",
        help="Value of missing pixels, in place of the file's own: a number, nan or none.",
    ),
]
Level = Annotated[int, typer.Option(help="Resolution level to read; 0 is the finest.")]
ResolutionChoice = Annotated[
    str | None,
    typer.Option(
        "--resolution",
        metavar="0.5um|0.3m|native|model",
        help="Size of the pixels that the image is read at: a length, native for its own, or model "
        "for that of the pixels that the model learnt from, which is taken where both are known.",
    ),
]
GridChoice = Annotated[
    str,
    typer.Option(
        "--grid",
        help="Pixels of the results where the image is read at another resolution: those that the "
        "model sees, or those of the image.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        metavar="AXIS=STEP,...",
        help="Steps to read of a volume or film, counted from 0, such as z=3,t=0; else the first.",
    ),
]
Unscale = Annotated[
    bool,
    typer.Option(
        "--unscale", help="Apply the scale and offset that the image tells to its stored values."
    ),
]
Stack = Annotated[
    bool, typer.Option("--stack", help="Read all images as the bands of one image on one grid.")
]
Aoi = Annotated[
    str | None,
    typer.Option(
        help="Area of interest: polygon file in any CRS, also 'FILE|layername=NAME|crs=EPSG:CODE', "
        "or a mask of any resolution: raster, PNG or Zarr, laid by georeference or by proportion."
    ),
]
ClassMapFile = Annotated[
    str,
    typer.Argument(
        help="Class map: GeoTIFF, Zarr or PNG of ids.", metavar="MAP", show_default=False
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option(help="Number of classes, or their names in the order of ids: water,road,tree."),
]
Only = Annotated[
    str | None, typer.Option(help="Classes to take, by name or id, such as building,2.")
]
SkipBackground = Annotated[
    str | None,
    typer.Option(
        "--skip",
        metavar="WHAT",
        help="background: leave out margins of one colour and the glass of slides, where they "
        "touch the border; glass: look for glass in any image of three 8-bit bands too.",
    ),
]
Skip = Annotated[
    str | None, typer.Option(help="Classes to leave out, by name or id, such as background.")
]
MinArea = Annotated[
    str | None,
    typer.Option(
        "--min-area", help="Area from which an object is not small: pixels, or 10m2, 0.5ha, 300um2."
    ),
]
SmallChoice = Annotated[
    str,
    typer.Option(
        "--small",
        help="What becomes of small objects: merge gives them to the neighbour of the longest "
        "shared border, largest to the largest neighbour, drop to nobody.",
    ),
]
Normalise = Annotated[
    str | None,
    typer.Option(
        help="For models other than bundles: the pixel values that become 0 and 1, such as 0:255."
    ),
]
PrecisionChoice = Annotated[
    str, typer.Option("--precision", help="Precision of the network: float32, bfloat16 or auto.")
]
NetworkOutputs = Annotated[
    str,
    typer.Option(
        "--network-outputs",
        help="What the outputs of the network are: logits or probabilities; auto to find out.",
    ),
]
Head = Annotated[
    str | None,
    typer.Option("--head", help="Output to use of a network with several: its name or number."),
]
Augment = Annotated[
    str | None,
    typer.Option(
        "--tta",
        help="Test-time augmentation: flips, rotations, scales, or factors, such as flips,0.75.",
    ),
]
DecisionChoice = Annotated[
    str,
    typer.Option(
        "--decision",
        help="How classes are decided: model, as was chosen when it was trained, or argmax, by the "
        "highest score.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        help="Probability from which on a pixel belongs to class 1 of two, such as 0.3.",
        metavar="P",
    ),
]
Offsets = Annotated[
    str | None,
    typer.Option(
        help="Added to the logarithm of each class's probability before the highest is taken, such "
        "as 0,0.5,-1; --offsets=-1,0,0 where the first is negative.",
        metavar="A,B,...",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        help="Divides logits before they become probabilities, in place of the model's own; 1 for "
        "probabilities as the network gives them.",
        metavar="T",
    ),
]
Memory = Annotated[
    str | None, typer.Option(help="Upper limit on the memory of the process, such as 4GB.")
]
ConfidenceChoice = Annotated[
    str | None,
    typer.Option(
        "--confidence",
        help="Also write a confidence map: top, margin or entropy; of several models agreement.",
    ),
]
ScoresChoice = Annotated[
    str | None,
    typer.Option(
        "--scores", help="Also write the probabilities of all classes: uint8, float16 or float32."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Worker processes to start on this machine, which share its cores; without it this "
        "process computes.",
        metavar="N",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Address of a Dask scheduler whose workers compute, such as tcp://10.0.0.1:8786.",
        metavar="ADDRESS",
    ),
]
WorkerResource = Annotated[
    str | None,
    typer.Option(
        "--worker-resource",
        help="Resource that workers of --scheduler must offer, such as GPU: a region takes one.",
        metavar="NAME",
    ),
]
Settings = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="Settings file (YAML).", show_default=False)
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the settings, such as schedule.epochs=5; repeatable.",
    ),
]
ShownImages = Annotated[
    list[str] | None,
    typer.Option(
        "--image",
        help="The image that the map was made of; repeatable for an image of several files.",
    ),
]
Title = Annotated[str | None, typer.Option(help="Text above the map; its name when not given.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Report what the run would do, time one step, and stop."),
]
Picture = Annotated[
    Path, typer.Option("-o", "--output", help="PNG file to write.", show_default=False)
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Start from scratch: replace results of tilesegm, discard unfinished work. Given "
        "again after an interruption it goes on.",
    ),
]
Thin = Annotated[str | None, typer.Option(help="Ids of classes of thin structures, for clDice.")]
Objects = Annotated[
    str | None,
    typer.Option(help="Ids of classes whose connected parts are objects, for F1."),
]
Seed = Annotated[
    int, typer.Option(help="Seed of all random choices; the same seed repeats the result.")
]
Size = Annotated[int, typer.Option(min=512, help="Side of the image in pixels.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, one object per line.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        callback=_trust,
        help="Trust the files: a model may then run any code, a mosaic read any file or address, "
        "and a file unpack to any size.",
    ),
]
