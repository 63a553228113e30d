"""What was read of vector files and what was left out, to be told to users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from tilesegm.errors import SourceError

__all__ = ["CUT_OFF", "OUTSIDE", "Findings", "Reading", "tell", "tell_bare"]

OUTSIDE = "shapes outside of the image left out"
"""What is said of shapes that count pixels which the image does not have."""
CUT_OFF = "shapes cut off at the edge of the image"

Feature = tuple[str, int]
"""Name of a layer and number of a feature in it."""
Findings = dict[str, frozenset[Feature]]
"""Features by what was done to them."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read of a file for an image."""

    file: str
    image: str = ""
    layers: tuple[str, ...] = ()
    """Names of those that were read."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Why each other layer was not read."""
    empty: bool = False
    """Whether the layers have no features at all."""
    without_crs: bool = False
    """Whether the coordinates were taken to be those of the image, since the file does not say."""
    pixels: str = ""
    """Why coordinates were taken to count pixels, which nobody stated."""
    touching: int = 0
    """Polygons that touch the image."""
    elsewhere: str = ""
    """Why none does, in one line."""
    findings: Mapping[str, frozenset[Feature]] = field(default_factory=dict)
    """Features by what was done to them."""

    def adding(self, text: str, features: Iterable[Feature]) -> Self:
        """Add what was done to features of the image."""
        more = frozenset(features)
        return replace(self, findings={**self.findings, text: more}) if more else self

    def only(self, *texts: str) -> Self:
        """Keep of what was done to features that which some texts say, and nothing else."""
        findings = {text: which for text, which in self.findings.items() if text in texts}
        return type(self)(file=self.file, findings=findings)

    def joined(self, other: Self) -> Self:
        """Take what was read of the same file for another image too."""
        findings = dict(self.findings)
        for text, features in other.findings.items():
            findings[text] = findings.get(text, frozenset()) | features
        return type(self)(
            file=self.file,
            layers=tuple(dict.fromkeys((*self.layers, *other.layers))),
            others={**self.others, **other.others},
            empty=self.empty and other.empty,
            without_crs=self.without_crs or other.without_crs,
            pixels=self.pixels or other.pixels,
            touching=self.touching + other.touching,
            elsewhere=self.elsewhere or other.elsewhere,
            findings=findings,
        )

    def lines(self) -> list[str]:
        """Say in a line each what is not as the file alone would lead to expect."""
        lines = []
        several = len(self.layers) > 1
        if several or self.others:
            others = "".join(f"; {name} is not, it {why}" for name, why in self.others.items())
            advice = f"; one alone: {self.file}|layername={self.layers[0]}" if several else ""
            verb = "s {} are" if several else " {} is"
            lines.append(f"layer{verb.format(', '.join(self.layers))} read{others}{advice}")
        if self.without_crs:
            lines.append(
                "has no coordinate system and is taken to have that of the image; to state "
                f"another: {self.file}|crs=EPSG:CODE"
            )
        if self.pixels:
            lines.append(
                f"coordinates are taken to count pixels of the image, {self.pixels}; to state "
                f"otherwise: {self.file}|crs=EPSG:CODE"
            )
        told = []
        for text, features in self.findings.items():
            first = min(features)
            where = f" of {first[0]}" if several else ""
            told.append(f"{text}: {len(features):,} (first: feature {first[1]}{where})")
        return [f"{self.file}: {line}" for line in (*lines, *filter(None, ["; ".join(told)]))]


def tell(readings: Iterable[Reading]) -> list[str]:
    """Say in lines what was read of each file, over all images together."""
    files: dict[str, Reading] = {}
    for reading in readings:
        known = files.get(reading.file)
        files[reading.file] = reading if known is None else known.joined(reading)
    return [line for reading in files.values() for line in reading.lines()]


def tell_bare(readings: Iterable[Reading]) -> list[str]:
    """Say how many images of each file of labels have no polygon and are background throughout.

    Raises:
        SourceError: a file has polygons, and none of them touches any image.
    """
    files: dict[str, list[Reading]] = {}
    for reading in readings:
        files.setdefault(reading.file, []).append(reading)
    bare = []
    for several in files.values():
        untouched = [reading for reading in several if reading.elsewhere]
        if len(untouched) == len(several) and not all(reading.empty for reading in several):
            more = f" (nor any of {len(several)} images)" if len(several) > 1 else ""
            raise SourceError(f"{untouched[0].elsewhere}{more}")
        bare += untouched
    if not bare:
        return []
    number = sum(map(len, files.values()))
    return [
        f"{len(bare)} of {number} images have no polygon and are background throughout, such as "
        f"{bare[0].image}"
    ]
