"""Looks at polygons that are labels: which attribute holds the class, and what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tilesegm.errors import SettingsError
from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.vector.address import PIXELS, VectorAddress
from tilesegm.source.vector.buffer import Buffer
from tilesegm.source.vector.features import annotated_attribute
from tilesegm.source.vector.layers import VectorLayer, read_layers
from tilesegm.source.vector.pixels import in_pixels, may_count_pixels
from tilesegm.training.init.label_survey import LabelSurvey

__all__ = ["survey_polygons"]

_THIN = ("points left out", "lines left out")
_QUPATH = "classification"
"""Attribute in which QuPath writes the class, beside others of text."""


def survey_polygons(
    paths: Sequence[str], attribute: str | None, buffer: float | str | None, placed: bool
) -> LabelSurvey:
    """Add up the areas of the values of polygons; see `survey_labels`, whose arguments these are.

    Raises:
        SettingsError: no polygon has a value, or nothing tells which attribute holds it.
        SourceError: a file cannot be read, or lacks the attribute.
    """
    drawn = None if buffer is None else Buffer.parse(buffer)
    areas: Counter[int | str] = Counter()
    colours: dict[int | str, str] = {}
    readings = []
    polygons = 0
    for path in paths:
        address = VectorAddress.parse(path)
        if not placed and not in_pixels(address) and may_count_pixels(address):
            address = replace(address, crs=PIXELS)
        thin = drawn is not None
        attribute = (
            attribute
            or annotated_attribute(address.path)
            or _attribute(path, read_layers(address, thin=thin)[0])
        )
        layers, reading = read_layers(address, attributes=[attribute], thin=thin)
        for layer in layers:
            values = layer.values(attribute)
            for value, area in zip(values, layer.areas_with(drawn).tolist(), strict=True):
                if value is not None:
                    areas[value] += area
                    polygons += 1
            for value, colour in zip(values, layer.colours(attribute), strict=True):
                if value is not None and colour is not None:
                    colours.setdefault(value, "#{:02X}{:02X}{:02X}".format(*colour))
            unnamed = [
                (layer.name, feature)
                for feature, value in zip(layer.features.tolist(), values, strict=True)
                if value is None
            ]
            reading = reading.adding(f"polygons without a value of {attribute}", unnamed)
        readings.append(reading)
    left = {text for each in readings for text in each.findings if text in _THIN}
    advice = "--buffer 3 draws points and lines 3 pixels wide to each side" if left else ""
    if not areas:
        told = "; ".join(filter(None, [*sorted(left), advice]))
        raise SettingsError(
            f"no polygon of {paths[0]} has a value of {attribute!r}"
            + (f" ({told})" if told else "")
        )
    whole = sum(areas.values()) or 1.0
    ordered = sorted(areas, key=lambda value: (isinstance(value, str), value))
    millionths = {value: round(1e6 * areas[value] / whole) for value in ordered}
    doubts = (
        *_alike(ordered),
        *_each_its_own(attribute or "", len(areas), polygons),
        *_without_shapes(paths, [*areas]),
        *filter(None, [advice]),
    )
    return LabelSurvey(
        "polygons",
        millionths,
        colours if len(set(colours.values())) == len(colours) else {},
        attribute,
        readings=tuple(readings),
        doubts=doubts,
        complete=all(annotated_attribute(VectorAddress.parse(path).path) for path in paths),
    )


def _alike(values: Sequence[int | str]) -> Iterator[str]:
    """Name values that spaces and capitals alone tell apart."""
    groups: dict[str, list[str]] = {}
    for value in values:
        if isinstance(value, str):
            groups.setdefault(" ".join(value.casefold().split()), []).append(repr(value))
    for group in groups.values():
        if len(group) > 1:
            yield (
                f"{' and '.join(group)} are classes of their own; where they are one, give it both "
                f"(value: [{', '.join(group)}])"
            )


def _without_shapes(paths: Sequence[str], values: Sequence[int | str]) -> Iterator[str]:
    """Name labels that annotation files list and no shape has, which make no class."""
    files = [open_annotations(Path(VectorAddress.parse(path).path)) for path in paths]
    listed = dict.fromkeys(label for file in files if file is not None for label in file.labels)
    absent = [repr(label) for label in listed if label not in values]
    if absent:
        some = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        yield (
            f"no shape has {some}, which the file lists: no class is made of them; add them to "
            "data.labels.classes if later files have such shapes"
        )


def _each_its_own(attribute: str, values: int, polygons: int) -> Iterator[str]:
    """Doubt an attribute that tells polygons apart, such as a number or a remark."""
    if values == polygons > 2:
        yield (
            f"each of {polygons} polygons has a value of its own in {attribute}, and makes a class "
            "of its own: take another --attribute if this is none"
        )


def _attribute(path: str, layers: Sequence[VectorLayer]) -> str:
    """Return the attribute that looks like a class: text before numbers, whose values repeat.

    The only one that there is may also be text whose values do not.
    """
    shared = [
        name for name in layers[0].attributes if all(name in each.attributes for each in layers)
    ]
    if _QUPATH in shared and {"objectType", "isLocked"} & set(shared):
        return _QUPATH
    repeating, texts = [], []
    for name in shared:
        values = [value for layer in layers for value in layer.values(name)]
        kinds = {layer.attributes[name].dtype.kind for layer in layers}
        if kinds <= set("OiuU") and len(set(values)) < max(2, len(values)):
            repeating.append(name)
            texts += [name] if kinds <= set("OU") else []
    if not repeating and len(shared) == 1 and kinds <= set("OU"):
        return shared[0]
    if len(texts or repeating) != 1:
        names = dict.fromkeys(name for layer in layers for name in layer.attributes)
        raise SettingsError(
            f"{path} does not tell which attribute holds the class; give --attribute, one of "
            f"{', '.join(names) or 'none'}"
        )
    return (texts or repeating)[0]
