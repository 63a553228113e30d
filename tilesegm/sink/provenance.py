"""What a finished map tells about itself: written into GeoTIFF and Zarr, and read from both."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast, get_args

import zarr

from tilesegm.classes import ClassInfo, named_classes
from tilesegm.errors import InputError, OutputError, SourceError
from tilesegm.grid.tiles import TileLayout
from tilesegm.grid.tiling import Blend
from tilesegm.ownership import carries
from tilesegm.source.base import Georeference, ImageInfo
from tilesegm.source.gdal import Gdal, forget_if_changed, open_quietly
from tilesegm.source.names import is_zarr
from tilesegm.source.object_store import is_s3, probe_remote
from tilesegm.source.options import DEFAULT_CACHE_BYTES
from tilesegm.source.zarr import open_zarr

__all__ = [
    "MapFacts",
    "OtherResultError",
    "check_finished",
    "digest",
    "is_map",
    "read_map_facts",
]

_CLEANED = "TILESEGM_CLEANED"
_FINGERPRINT = "TILESEGM_FINGERPRINT"
_RUN = "TILESEGM_RUN"
_INPUTS = "TILESEGM_INPUTS"
_TILING = "TILESEGM_TILING"
_AT = "TILESEGM_AT"
_DECISION = "TILESEGM_DECISION"
_RESOLUTION = "TILESEGM_RESOLUTION"
_IMAGE_SIZE = "TILESEGM_IMAGE_SIZE"
_SIZE_TEXT = re.compile(r"([1-9]\d*) x ([1-9]\d*)")
_TILING_TEXT = re.compile(
    r"tile (\d+) x (\d+), overlap (\d+), margin (\d+), blend (\w+)(?:, stride (\d+))?"
)

_Colour = tuple[int, int, int]


class OtherResultError(OutputError):
    """An existing output is not the result of the same work."""


@dataclass(frozen=True, kw_only=True)
class MapFacts:
    """What a map tells about its pixels and its making; absent where it does not."""

    georeference: Georeference = field(default_factory=Georeference)
    """Written only: sources read it."""
    classes: tuple[ClassInfo, ...] = ()
    """One entry per id, from 0; empty when ids have no names."""
    palette: Mapping[int, _Colour] = field(default_factory=dict, compare=False)
    """Colours by id of a map that was read, those of ids without a name included."""
    version: str | None = None
    """Version of tilesegm that wrote it."""
    model: str | None = None
    image: str | None = None
    """Path or URL of the image that it was made of."""
    steps: str | None = None
    """Step that was read of each of its axes beside rows, columns and bands: ``z=3,t=0``."""
    layout: TileLayout | None = None
    exact: bool | None = None
    """Whether tiles change nothing."""
    decision: str | None = None
    """How classes were decided, such as ``threshold 0.25, temperature 1.3``; None for the highest
    score as the network gives it."""
    resolution: str | None = None
    """At which pixels the network saw the image, where not at its own: ``0.5 µm, from 0.25 µm``."""
    original: tuple[int, int] | None = None
    """Height and width of the image over the same ground, where the map has other pixels."""
    fingerprint: str | None = None
    """`digest` of all that the result depends on."""
    layer: str = "classes"
    """Read only: layers are told what they are when they are written."""
    cleaned: str | None = None
    """What `products.clean` did to it, as JSON."""
    run: str | None = None
    """How it was made, as JSON; see `segmentation.recipe`."""
    inputs: str | None = None
    """What each region was made of, as JSON, in maps that can be updated; see
    `segmentation.region_inputs`."""

    @property
    def threshold(self) -> float | None:
        """Probability from which on a pixel became class 1 of two, if one decided."""
        found = re.match(r"threshold (0\.\d+)", self.decision or "")
        return float(found[1]) if found else None

    @property
    def confidence(self) -> str | None:
        """Kind of confidence that the run wrote, such as ``top``, if it wrote one."""
        try:
            found = json.loads(self.run or "{}")["options"]["confidence"]
            return found if isinstance(found, str) else None
        except (LookupError, TypeError, ValueError):
            return None

    @property
    def min_confidence(self) -> float | None:
        """Probability below which pixels are unsure, if the run had such a limit."""
        try:
            found = json.loads(self.run or "{}")["options"]["min_confidence"]
            return None if found is None else float(found)
        except (LookupError, TypeError, ValueError):
            return None

    @property
    def tags(self) -> dict[str, str]:
        """Provenance as texts by the names that files give them."""
        texts = {
            "TILESEGM_VERSION": self.version,
            "TILESEGM_MODEL": self.model,
            "TILESEGM_IMAGE": self.image,
            _AT: self.steps,
            _TILING: None if self.layout is None else _tiling_text(self.layout),
            "TILESEGM_EXACT": None if self.exact is None else "yes" if self.exact else "no",
            _DECISION: self.decision,
            _RESOLUTION: self.resolution,
            _IMAGE_SIZE: None if self.original is None else "{} x {}".format(*self.original),
            _FINGERPRINT: self.fingerprint,
            _RUN: self.run,
            _INPUTS: self.inputs,
            _CLEANED: self.cleaned,
        }
        return {name: text for name, text in texts.items() if text is not None}

    def told_of(self, info: ImageInfo) -> ImageInfo:
        """Add the size of the image to what is known of the map, in whose pixels files count."""
        return info if self.original is None else replace(info, original=self.original)

    def raster_tags(self) -> dict[str, str]:
        """Tags of a GeoTIFF, whose colours and place have fields of their own."""
        names = {str(number): info.name for number, info in enumerate(self.classes)}
        named = {"CLASS_NAMES": json.dumps(names, ensure_ascii=False)} if names else {}
        return self.tags | named

    def zarr_attributes(self) -> dict[str, Any]:
        """Attribute ``tilesegm`` of a Zarr group, whose colours are in its OME metadata."""
        return {
            "tags": self.tags,
            "class_names": [info.name for info in self.classes],
            "georeference": {key: part for key, part in asdict(self.georeference).items() if part},
        }


def read_map_facts(image: Any) -> MapFacts:
    """Read what a map tells about itself.

    Args:
        image: what `open_source` takes. Arrays, lists of files, and files and stores that
            tilesegm did not write tell little or nothing.

    Raises:
        InputError: the tiling that it tells is not understood.
    """
    stored = _stored(image)
    tags, palette = stored.tags, stored.palette
    return MapFacts(
        classes=named_classes(stored.class_names, palette),
        palette=palette,
        version=tags.get("TILESEGM_VERSION"),
        model=tags.get("TILESEGM_MODEL"),
        image=tags.get("TILESEGM_IMAGE"),
        steps=tags.get(_AT),
        layout=_layout(tags[_TILING]) if _TILING in tags else None,
        exact={"yes": True, "no": False}.get(tags.get("TILESEGM_EXACT", "")),
        decision=tags.get(_DECISION),
        resolution=tags.get(_RESOLUTION),
        original=_size(tags.get(_IMAGE_SIZE, "")),
        fingerprint=tags.get(_FINGERPRINT),
        layer=tags.get("LAYER", "classes"),
        cleaned=tags.get(_CLEANED),
        run=tags.get(_RUN),
        inputs=tags.get(_INPUTS),
    )


def digest(fingerprint: Mapping[str, Any]) -> str:
    """Shorten a fingerprint to 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()


def check_finished(output: Path, fingerprint: str) -> None:
    """Refuse an existing output that is not the result of the same work.

    Raises:
        OtherResultError: it is something else; ``--overwrite`` would replace it.
    """
    tags = _stored(output).tags
    if tags.get(_FINGERPRINT) != fingerprint:
        update = "compute what changed with --update, " if _INPUTS in tags else ""
        raise OtherResultError(
            f"output {output} exists and is not the result of this image, model and settings; "
            f"{update}replace it with --overwrite or give another name"
        )


def is_map(path: Path) -> bool:
    """Tell whether a file or store says that tilesegm wrote it, even where it is damaged."""
    mark = b"TILESEGM_VERSION"
    if carries(path, mark) or carries(path / "zarr.json", mark):
        return True
    return not {"TILESEGM_VERSION", _FINGERPRINT}.isdisjoint(_stored(path).tags)


@dataclass(frozen=True)
class _Stored:
    """Contents of a file or store that tell about its pixels."""

    tags: Mapping[str, str] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    palette: Mapping[int, _Colour] = field(default_factory=dict)


def _stored(image: Any) -> _Stored:
    if isinstance(image, zarr.Group | zarr.Array):
        return _zarr_contents(image.attrs)
    if not isinstance(image, str | os.PathLike):
        return _Stored()
    path = os.fspath(image)
    try:
        if not is_zarr(path):
            return _raster_contents(path)
        node = open_zarr(path)
    except (SourceError, OSError):
        return _Stored()
    try:
        return _zarr_contents(_own_attributes(path, node))
    except (AttributeError, LookupError, TypeError, ValueError):  # no attributes at all
        return _Stored()
    finally:
        node.store.close()


def _own_attributes(path: str, node: Any) -> Any:
    """Return the attributes of a map, by its full resolution or the array in it too."""
    folder = re.fullmatch(r"(.*)/0(/\w+)?/?", path)
    if "tilesegm" in node.attrs or folder is None or not is_zarr(folder[1]):
        return node.attrs
    with closing(open_zarr(folder[1]).store) as store:
        return dict(zarr.open_group(store, mode="r").attrs)


def _raster_contents(path: str) -> _Stored:
    if is_s3(path):
        forget_if_changed(path, probe_remote(path))  # a batch replaces maps that it has read
    calls = Gdal(path, DEFAULT_CACHE_BYTES).calls("cannot be opened")
    with calls, open_quietly(path) as dataset:
        tags = dataset.tags()
        try:
            colours = dataset.colormap(1)
        except (ValueError, IndexError):  # no palette, or no band
            colours = {}
        palette = {number: colour[:3] for number, colour in colours.items()}
        return _Stored(tags, _class_names(tags), palette)


def _class_names(tags: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return tuple(json.loads(tags["CLASS_NAMES"]).values())
    except (KeyError, ValueError, AttributeError):
        return ()


def _zarr_contents(attributes: Any) -> _Stored:
    try:
        own, ome = attributes.get("tilesegm", {}), attributes.get("ome", {})
        colours = ome.get("image-label", {}).get("colors", ())
        tags, names = dict(own.get("tags", {})), tuple(own.get("class_names", ()))
        if tags and ome.get("multiscales"):
            tags["LAYER"] = ome["multiscales"][0]["name"]
        # What is transparent has no colour.
        palette = {one["label-value"]: tuple(one["rgba"][:3]) for one in colours if one["rgba"][3]}
    except (AttributeError, LookupError, TypeError, ValueError):  # somebody else's attributes
        return _Stored()
    texts = (*tags, *tags.values(), *names)
    numbers = (*palette, *(part for colour in palette.values() for part in colour))
    if not all(isinstance(one, str) for one in texts) or not all(_is_byte(one) for one in numbers):
        return _Stored()
    return _Stored(tags, names, palette)


def _is_byte(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < 256


def _tiling_text(layout: TileLayout) -> str:
    height, width = layout.tile
    return (
        f"tile {height} x {width}, overlap {layout.overlap}, margin {layout.margin}, "
        f"blend {layout.blend}, stride {layout.stride}"
    )


def _size(text: str) -> tuple[int, int] | None:
    match = _SIZE_TEXT.fullmatch(text)
    return None if match is None else (int(match[1]), int(match[2]))


def _layout(text: str) -> TileLayout:
    match = _TILING_TEXT.fullmatch(text.strip())
    if match is None or match[5] not in get_args(Blend):
        raise InputError(
            f"{_TILING} is {text!r}; expected 'tile H x W, overlap N, margin N, blend NAME'; "
            "give a map that tilesegm wrote, or leave seams out"
        )
    height, width, overlap, margin = (int(match[n]) for n in range(1, 5))
    return TileLayout(
        tile=(height, width),
        overlap=overlap,
        margin=margin,
        blend=cast("Blend", match[5]),
        stride=int(match[6] or 1),
    )
