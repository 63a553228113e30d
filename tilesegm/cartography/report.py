"""Reads a class map, its image and its confidence, and writes the page about them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tilesegm.cartography.class_map import ShownMap
from tilesegm.cartography.confidence import kind_of_confidence, open_confidence
from tilesegm.cartography.places import read_places
from tilesegm.cartography.scene import ImageChoice, Scene, progress_of, read_scene
from tilesegm.cartography.survey import Survey, survey_map
from tilesegm.checks import in_range
from tilesegm.errors import OutputError
from tilesegm.events import Noted, OnEvent, StageStarted, ignore
from tilesegm.files import check_file
from tilesegm.ownership import check_place, check_unread
from tilesegm.report.class_map import AreaTable, add_making, add_places, class_map_page
from tilesegm.report.page import PAGE_MARK
from tilesegm.source.ground import pixel_size_of
from tilesegm.source.names import file_of
from tilesegm.source.projection import parse_crs

__all__ = ["ReportOptions", "write_map_report"]

_SIDE = 1000
"""Pixels along the longer side of the map on the page."""
_FAR = 10_000
"""Metres from which on lengths are told in kilometres."""
_NO_TRUTH = (
    "This page needs no truth, so it does not tell how right the map is: confidence is what the "
    "network believes of itself. `tilesegm evaluate` scores a map against labels."
)


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What a page about a class map shows."""

    title: str | None = None
    """Of the page; the name of the map when not given."""
    confidence: str | None = None
    """Raster of confidence, 0 to 1, in place of the layer that lies beside the map."""
    places: int = 6
    """Least certain places that are shown."""

    def __post_init__(self) -> None:
        in_range("places", self.places, 0, 100, what="a number of places")


def write_map_report(
    path: str | Path,
    shown: ShownMap,
    image: ImageChoice | None = None,
    options: ReportOptions | None = None,
    on_event: OnEvent = ignore,
) -> Path:
    """Write a page about a class map: one HTML file that needs nothing beside it, and no truth.

    All pixels of the map are read once, in bounded memory.

    Args:
        path: of the page; a page that tilesegm made is replaced.
        shown: the map.
        image: what it was made of, shown beside it.
        options: what the page shows.
        on_event: called with progress and notes.

    Raises:
        SourceError: map, image or confidence cannot be read, or do not fit each other.
        OutputError: the page cannot be written.
    """
    options, target = options or ReportOptions(), Path(path)
    _check_output(target, shown, image, options)
    with ExitStack() as files:
        confidence = open_confidence(shown, options.confidence)
        if confidence is not None:
            files.enter_context(confidence)
        scene = read_scene(shown, _SIDE, image, on_event)
        on_event(StageStarted(f"counting {shown.info.uri}"))
        survey = survey_map(shown, scene.place, confidence, options.places, progress_of(on_event))
        places = read_places(scene, survey, confidence) if confidence is not None else []
    page = class_map_page(
        Path(shown.path.rstrip("/")).name if options.title is None else options.title,
        _summary(scene, survey),
        scene.colours,
        None if scene.image is None else scene.image.rgb,
        AreaTable(
            classes=survey.classes,
            pixels=survey.pixels,
            areas=survey.areas,
            unit=survey.ground.unit,
            how=survey.ground.how,
            missing=survey.missing,
            confidence=survey.confidence,
        ),
    )
    if places:
        kind = kind_of_confidence(shown)
        what = f"Confidence is {kind}; the" if kind else "The"
        add_places(
            page,
            places,
            f"{what} places of {places[0].pictures[0][1].shape[0]} pixels a side whose mean "
            "confidence is lowest, of which no two touch. Dark is uncertain.",
        )
    notes = [_NO_TRUTH]
    if confidence is None and shown.facts.cleaned is not None:
        notes.insert(0, "Confidence is that of the map before it was cleaned, and is left out.")
    elif confidence is None:
        notes.insert(0, "There is no layer of confidence: predict --confidence top writes one.")
    for note in (*shown.notes, *notes[:-1]):
        on_event(Noted(f"{shown.info.uri}: {note}"))
    add_making(page, _making(scene), [*shown.notes, *notes])
    return page.save(target)


def _check_output(
    path: Path, shown: ShownMap, image: ImageChoice | None, options: ReportOptions
) -> None:
    """Refuse a page that cannot be written, before anything is read."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(
            f"cannot write {path}: a report is one HTML file; name it {path.with_suffix('.html')}"
        )
    check_file(path)
    check_place(path, PAGE_MARK)
    read = [
        ("the class map", shown.path),
        *(("the image", one) for one in (image.names if image else ())),
    ]
    if options.confidence is not None:
        read.append(("the confidence", options.confidence))
    check_unread([path], [(what, file_of(name)) for what, name in read])


def _summary(scene: Scene, survey: Survey) -> str:
    info = scene.shown.info
    size = pixel_size_of(scene.place, info.height, info.width)
    parts = [f"{info.height:,} x {info.width:,} pixels"]
    if size is not None and size.microscope:
        parts.append(f"{size.across * 1e6:.4g} µm a pixel")
    elif size is not None:
        across, down = info.width * size.across, info.height * size.down
        factor, unit = (1e3, "km") if max(across, down) >= _FAR else (1.0, "m")
        parts.append(f"{across / factor:,.5g} x {down / factor:,.5g} {unit} on the ground")
    count = len(survey.classes)
    parts.append(f"{count} class{'es'[: 2 * (count != 1)]}")
    if survey.mean_confidence is not None:
        parts.append(f"mean confidence {survey.mean_confidence:.3f}")
    return ", ".join(parts)


def _making(scene: Scene) -> dict[str, object]:
    """Gather what the map tells of its making."""
    facts, info = scene.shown.facts, scene.shown.info
    layout = facts.layout
    crs = parse_crs(scene.place.crs) if scene.place.crs else None
    tiles = layout and (
        f"{layout.tile[0]} x {layout.tile[1]} pixels, overlap {layout.overlap}, {layout.blend}"
    )
    exact = {True: "yes: tiles change nothing", False: "no", None: None}[facts.exact]
    return {
        "class map": info.uri,
        "image": facts.image,
        "network": facts.model,
        "tiles": tiles,
        "equal to one pass over the whole image": exact,
        "decided by": facts.decision,
        "unsure": facts.min_confidence and f"probability below {facts.min_confidence:g}",
        "cleaned": facts.cleaned and _steps(facts.cleaned),
        "coordinate system": crs and (crs.to_string() if crs.to_epsg() else crs.to_wkt()[:200]),
        "made by": facts.version and f"tilesegm {facts.version}",
        "shown image": scene.image and scene.image.rendering.words,
        "fingerprint": facts.fingerprint,
    }


def _steps(cleaned: str) -> str:
    """Tell in words what a map says of its cleaning."""
    try:
        steps: dict[str, object] = dict(json.loads(cleaned))
    except (TypeError, ValueError):
        return cleaned
    told = {k: ", ".join(v) if isinstance(v, list) else v for k, v in steps.items()}
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in told.items())
