"""A class map as a picture, with a legend and a scale bar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.cartography.class_map import ShownMap
from tilesegm.cartography.scene import ImageChoice, Scene, read_scene
from tilesegm.checks import in_range, one_of
from tilesegm.class_kinds import says_background
from tilesegm.classes import ClassInfo
from tilesegm.errors import OutputError, SettingsError
from tilesegm.events import Noted, OnEvent, ignore
from tilesegm.files import check_file
from tilesegm.ownership import check_place, check_unread
from tilesegm.pictures.colours import MISSING
from tilesegm.pictures.overlay import outline, tint
from tilesegm.pictures.png import PNG_MARK
from tilesegm.pictures.scale_bar import ScaleBar
from tilesegm.pictures.sheet import Panel, Sheet, write_sheet
from tilesegm.source.ground import pixel_size_of
from tilesegm.source.names import file_of

__all__ = [
    "QuicklookOptions",
    "Style",
    "draw_style",
    "scale_bar_of",
    "write_quicklook",
]

Style = Literal["map", "overlay", "outline"]

_BAR = 4
"""A scale bar takes this part of the width of the picture at most."""
_LINE = 400
"""Pixels of a picture's side for each pixel that outlines are wide."""
_UNEVEN = 1.05
"""Ratio of scales within a map above which it is said where the bar is right."""
_SIDES = (64, 8192)


@dataclass(frozen=True, kw_only=True)
class QuicklookOptions:
    """What a picture of a class map shows."""

    style: Style | None = None
    """Classes alone, over the image, or their outlines on it; the last needs the image. None for
    the map, or an overlay where there is an image."""
    size: int = 1600
    """Pixels along the longer side of the map in the picture."""
    title: str | None = None
    """Above the picture; the name of the map when not given."""
    opacity: float = 0.5
    """Strength of the colours of an overlay."""

    def __post_init__(self) -> None:
        if self.style is not None:
            one_of("style", self.style, Style)
        in_range("size", self.size, *_SIDES, what="a number of pixels")
        in_range("opacity", self.opacity, 0, 1)


def write_quicklook(
    path: str | Path,
    shown: ShownMap,
    image: ImageChoice | None = None,
    options: QuicklookOptions | None = None,
    on_event: OnEvent = ignore,
) -> Path:
    """Draw a class map of any size, which is read from its overviews where it has them.

    Args:
        path: of the PNG file; a picture that tilesegm made is replaced.
        shown: the map.
        image: what it was made of.
        options: what the picture shows.
        on_event: called with progress and notes.

    Raises:
        SettingsError: the style needs an image, or changes nothing.
        SourceError: the map or the image cannot be read, or they do not fit each other.
        OutputError: the picture cannot be written.
    """
    options, target = options or QuicklookOptions(), Path(path)
    style = options.style or ("overlay" if image else "map")
    _check_picture(target, shown, image)
    if style != "map" and image is None:
        made_of = f", which it says is {shown.facts.image}" if shown.facts.image else ""
        raise SettingsError(
            f"style {style} shows the classes on the image of {shown.info.uri}{made_of}; give "
            "--image, or --style map"
        )
    scene = read_scene(shown, options.size, image if style != "map" else None, on_event)
    for note in _notes_of(scene):
        on_event(Noted(note))
    title = Path(shown.path.rstrip("/")).name if options.title is None else options.title
    pixels = draw_style(scene, style, options.opacity)
    sheet = Sheet(
        [[Panel(title, pixels)]],
        _legend_of(scene, style),
        _caption_of(scene, style),
        scale_bar_of(scene),
    )
    return write_sheet(target, sheet, on_event)


def _check_picture(path: Path, shown: ShownMap, image: ImageChoice | None) -> None:
    """Refuse a picture that cannot be written, before anything is read."""
    if path.suffix.lower() != ".png":
        raise OutputError(
            f"cannot write {path}: a picture is a PNG file; name it {path.with_suffix('.png')}"
        )
    check_file(path)
    check_place(path, PNG_MARK)
    read = [("the class map", shown.path)]
    read += [("the image", one) for one in (image.names if image else ())]
    check_unread([path], [(what, file_of(name)) for what, name in read])


def draw_style(scene: Scene, style: Style, opacity: float = 0.5) -> NDArray[Any]:
    """Draw a scene, ``(rows, cols, 3)``; see `QuicklookOptions`."""
    if style == "map" or scene.image is None:
        return scene.colours
    if style == "overlay":
        return tint(scene.image.rgb, scene.colours, scene.painted, opacity)
    width = max(max(scene.ids.shape) // _LINE, 1)
    return outline(scene.image.rgb, np.where(scene.painted, scene.ids, -1), scene.colours, width)


def scale_bar_of(scene: Scene) -> ScaleBar | None:
    """Return a scale bar for a scene, in pixels where the map does not tell their size."""
    info, most = scene.shown.info, scene.ids.shape[1] // _BAR
    size = pixel_size_of(scene.place, info.height, info.width)
    if size is None:
        return ScaleBar.of_pixels(scene.step, most)
    return ScaleBar.of(size.across * scene.step, most, microscope=size.microscope)


def _legend_of(scene: Scene, style: Style) -> tuple[ClassInfo, ...]:
    """Return what is painted, with its colours."""
    if style != "map":
        return tuple(info for info in scene.classes if not says_background(info.name))
    missing = (ClassInfo("no class", MISSING),) if (scene.ids < 0).any() else ()
    return (*scene.classes, *missing)


def _caption_of(scene: Scene, style: Style) -> str:
    """Say what a dot of the picture stands for, what is not painted, where the scale holds."""
    info = scene.shown.info
    size = pixel_size_of(scene.place, info.height, info.width)
    parts = [f"{info.height} x {info.width} pixels"]
    if scene.step > 1:
        parts.append(f"a dot is {scene.step:.3g} pixels wide")
    elif scene.step < 1:
        parts.append(f"a pixel is {1 / scene.step:.3g} dots wide")
    plain = [info.name for info in scene.classes if says_background(info.name)]
    if style != "map" and plain:
        parts.append(f"not painted: {', '.join(plain)}")
    if size is not None and size.varies > _UNEVEN:
        parts.append("the scale holds in the middle of the map")
    if scene.image is not None and scene.image.rendering.limits != (0.0, 255.0):
        parts.append(scene.image.rendering.words)
    return "; ".join(parts)


def _notes_of(scene: Scene) -> list[str]:
    """Say what a picture leaves out or makes up."""
    shown, notes = scene.shown, []
    unseen = len(shown.facts.classes) - len({*scene.values} & {*range(len(shown.facts.classes))})
    if unseen > 0:
        notes.append(
            f"{shown.info.uri}: {unseen} of {len(shown.facts.classes)} classes are not seen in the "
            "picture, and not in its legend"
        )
    if not scene.values:
        notes.append(f"{shown.info.uri}: no pixel has a class")
    notes += [f"{shown.info.uri}: {note}" for note in shown.notes]
    return notes
