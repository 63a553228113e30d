"""Class maps of photos as PNG: ids with a palette, and all that the map tells about itself."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from tilesegm.errors import OutputError, SettingsError
from tilesegm.files import flush, output_errors, remove, replace
from tilesegm.grid.window import Window
from tilesegm.ownership import check_place
from tilesegm.sink.findings import Findings
from tilesegm.sink.layer import Layer
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.staging import Staging
from tilesegm.source.base import Georeference

__all__ = [
    "MOST_PIXELS",
    "check_png",
    "check_png_fits",
    "check_world_file",
    "finish_png",
    "world_file",
]

MOST_PIXELS = 100_000_000
"""A PNG is decoded as a whole by most programs, and has no overviews."""
_MOST_CLASSES = 255


def check_png_fits(pixels: int, layers: tuple[Layer, ...], classes: int) -> None:
    """Refuse results that a PNG cannot hold, before anything is computed.

    Raises:
        SettingsError: the image is too large, or there are results of many planes or bytes.
    """
    if pixels > MOST_PIXELS:
        raise SettingsError(
            f"a PNG holds class maps of up to {MOST_PIXELS / 1e6:.0f} million pixels, and this has "
            f"{pixels / 1e6:.0f} million; name the output .tif, of which `tilesegm quicklook` "
            "draws a picture of any size"
        )
    if classes > _MOST_CLASSES:
        raise SettingsError(
            f"a PNG holds up to {_MOST_CLASSES} classes, and the network has {classes}; name the "
            "output .tif"
        )
    if any(layer.planes > 1 or layer.name == "scores" for layer in layers):
        raise SettingsError("a PNG cannot hold --scores; name the output .tif, or leave them out")


def world_file(output: Path) -> Path:
    """Name the file beside a PNG that tells where it lies."""
    return output.with_suffix(".pgw")


def check_world_file(output: Path) -> None:
    """Refuse to replace a world file that belongs to no PNG of ours.

    Raises:
        OutputError: there is one.
    """
    beside = world_file(output)
    check_place(beside)
    if beside.exists() and not output.exists():
        raise OutputError(
            f"{beside} exists without {output.name}, which would replace it; move it away or give "
            "another name"
        )


def finish_png(
    staging: Staging,
    outputs: Mapping[str, Path],
    facts: MapFacts,
    progress: Callable[[float], None],
    before_placing: Callable[[], None],
) -> None:
    """Make one file for each layer, and put them in place when all are complete.

    Args:
        staging: complete results.
        outputs: path of the file for each layer's name; the first is put in place last.
        facts: what the files say about their pixels.
        progress: called with the fraction done, from 0 to 1.
        before_placing: called when all files are made; what it raises leaves all of them out.

    Raises:
        OutputError: a file cannot be written; nothing of it is under its final name.
        StagedDamageError: staged results are not as they were written; no file was made of them.
    """
    layers = {layer.name: layer for layer in staging.layers}
    drafts = {name: staging.folder / f"{name}.draft.png" for name in outputs}
    world = staging.folder / "draft.pgw"
    lines = _world_lines(facts.georeference)
    try:
        staging.check()
        for done, (name, draft) in enumerate(drafts.items(), 1):
            remove(draft)
            with output_errors(Path(outputs[name])):
                _write(staging, layers[name], facts, draft)
                flush(draft)
            progress(done / (len(drafts) + 1))
        staging.check()  # what changed while it was copied
        before_placing()
        for name in reversed(list(outputs)):
            path = Path(outputs[name])
            with output_errors(path):
                remove(world_file(path))
                if lines:
                    world.write_text(lines)
                    flush(world)
                    replace(world, world_file(path))
                replace(drafts[name], path)
        progress(1.0)
    finally:
        for draft in (*drafts.values(), world):
            remove(draft)


def _write(staging: Staging, layer: Layer, facts: MapFacts, draft: Path) -> None:
    values = staging.levels(layer.name)[0].read(Window(0, 0, *staging.size))
    picture = Image.fromarray(np.ascontiguousarray(values, np.uint8))
    texts = facts.raster_tags() | {"LAYER": layer.name, "Software": "tilesegm"}
    if layer.overview == "mode":
        table = np.zeros((256, 3), np.uint8)  # whole, as ids without a colour are no PNG
        table[: len(facts.classes)] = [info.colour for info in facts.classes]
        picture.putpalette(table.tobytes())
        names = {str(number): info.name for number, info in enumerate(facts.classes)}
        texts["CLASS_NAMES"] = json.dumps(names)  # in ASCII: old readers know no other text
    else:
        texts |= {"scale": repr(layer.scale), "offset": repr(layer.offset)}
    said = PngInfo()
    for name, text in texts.items():
        said.add_text(name, text)
    nodata = None if layer.nodata is None else int(layer.nodata)
    picture.save(draft, "PNG", pnginfo=said, transparency=nodata, bits=8)


def _world_lines(place: Georeference) -> str:
    """Return the six lines of a world file, of the middle of the first pixel; none for photos."""
    if place.transform is None:
        return ""
    a, b, c, d, e, f = place.transform
    middle = c + (a + b) / 2, f + (d + e) / 2
    return "".join(f"{value!r}\n" for value in map(float, (a, d, b, e, *middle)))


def check_png(path: Path) -> Findings:
    """Compare a PNG with the checksums of its parts, and decode it.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    damage = ""
    try:
        with Image.open(path) as picture:
            picture.verify()
        with Image.open(path) as picture:
            picture.load()
    except (UnidentifiedImageError, SyntaxError, ValueError, zlib.error, OSError) as error:
        damage = f"{path} is not as it was written ({error})"
    return Findings(damage=(damage,) if damage else (), bytes=size)
