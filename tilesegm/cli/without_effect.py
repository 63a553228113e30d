"""Options that change nothing beside others, one row of a table each; told on standard error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from tilesegm.cli.terminal import say
from tilesegm.cli.values import parse_augment

__all__ = ["TellingCommand", "is_given"]


@dataclass(frozen=True)
class _Row:
    """Options of commands that have no effect when a condition on all values holds."""

    commands: tuple[str, ...]
    options: tuple[str, ...]
    """Names of parameters."""
    when: Callable[[Mapping[str, Any]], bool]
    why: str


_TILED = ("predict", "plan", "audit")
_TABLE = (
    _Row(
        (*_TILED, "tiling"),
        ("blend",),
        lambda v: (v["overlap"] or "").strip() == "0",
        "--overlap is 0, so no tiles overlap that could blend",
    ),
    _Row(
        _TILED,
        ("tta",),
        lambda v: set(parse_augment(v["tta"])) <= {1.0},
        "scale 1.0 is the tile as it is, which is scored anyway",
    ),
    _Row(
        (*_TILED, "init"),
        ("stack",),
        lambda v: len(v["images"]) == 1,
        "one image is given; --stack joins several",
    ),
    _Row(
        ("predict",),
        ("compress",),
        lambda v: Path(v["output"]).suffix.lower() in (".zarr", ".png"),
        "it is the compression of GeoTIFF, and the output is none",
    ),
    _Row(
        ("predict", "plan"),
        ("grid",),
        lambda v: v["resolution"] == "native",
        "--resolution native reads the image's own pixels, and results have them anyway",
    ),
    _Row(
        ("plan",),
        ("precision", "normalise", "tta"),
        lambda v: not v["probe"] and all(map(_is_bundle, v["model"])),
        "with --no-probe a bundle is not opened, and planned as it is",
    ),
    _Row(
        ("plan",),
        ("scheduler", "worker_resource"),
        lambda v: True,
        "a plan asks no scheduler; --workers tells for how many workers it is",
    ),
    _Row(
        ("evaluate",),
        ("band", "tolerance"),
        lambda v: not v["borders"],
        "--no-borders leaves out what they measure",
    ),
    _Row(
        ("evaluate",),
        ("block",),
        lambda v: not v["against"] and v["report"] is None,
        "blocks are for --against, and for the worst places of --report",
    ),
    _Row(
        ("quicklook",),
        ("image", "opacity"),
        lambda v: v["style"] == "map",
        "--style map shows the classes alone",
    ),
    _Row(
        ("quicklook",),
        ("opacity",),
        lambda v: v["style"] == "outline",
        "outlines are drawn in full",
    ),
    _Row(
        ("quicklook", "report"),
        ("bands", "at"),
        lambda v: not v["image"],
        "they choose what is drawn of an --image, and none is given",
    ),
    _Row(
        ("info",),
        ("bands", "nodata", "level"),
        lambda v: _is_bundle(v["path"]),
        "the path is a model bundle, and these are for images",
    ),
)


class TellingCommand(TyperCommand):
    """Says which of the options that were given have no effect, before it begins."""

    def invoke(self, ctx: Any) -> Any:
        """Tell, and run the command."""
        values = ctx.params
        if not values.get("quiet"):
            for row in _TABLE:
                given = [name for name in row.options if is_given(ctx, name)]
                if ctx.info_name in row.commands and given and row.when(values):
                    names = " and ".join(f"--{name.replace('_', '-')}" for name in given)
                    verb = "have" if len(given) > 1 else "has"
                    say(f"note: {names} {verb} no effect: {row.why}", err=True)
        return super().invoke(ctx)


def _is_bundle(path: str) -> bool:
    return (Path(path) / "bundle.json").is_file()


def is_given(ctx: Any, name: str) -> bool:
    """Tell whether an argument or option stands on the command line."""
    return getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"
