"""Options that commands take together, as one value with the settings that follow from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

from tilesegm.cli.shared import (
    Aoi,
    At,
    Augment,
    Bands,
    BlendChoice,
    ClassNames,
    ConfidenceChoice,
    DecisionChoice,
    GridChoice,
    Head,
    Level,
    Memory,
    NetworkOutputs,
    Nodata,
    Normalise,
    Offsets,
    Overlap,
    PrecisionChoice,
    ResolutionChoice,
    Scheduler,
    ScoresChoice,
    SkipBackground,
    Stack,
    Temperature,
    Threshold,
    Tile,
    Trust,
    Unscale,
    WorkerResource,
    Workers,
)
from tilesegm.cli.values import (
    parse_augment,
    parse_bytes,
    parse_class_names,
    parse_normalisation,
    parse_offsets,
    parse_overlap,
)
from tilesegm.cluster.cluster import Cluster
from tilesegm.errors import SettingsError
from tilesegm.grid.tiling import Tiling
from tilesegm.products.class_map import MapOptions
from tilesegm.segmentation.options import Options
from tilesegm.source.open import parse_nodata
from tilesegm.source.words import parse_at, parse_bands

__all__ = [
    "InferenceOptions",
    "MapReading",
    "SegmentationOptions",
    "make_tiling",
    "with_option_groups",
]


def make_tiling(tile: int | None, overlap: str | None, blend: str) -> Tiling:
    """Make a tiling from the words of the command line."""
    pixels = None if overlap is None else parse_overlap(overlap)
    return Tiling(tile=tile, overlap=pixels, blend=blend)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class InferenceOptions:
    """Options of every command that runs a network over the tiles of an image."""

    stack: Stack = False
    tile: Tile = None
    overlap: Overlap = None
    blend: BlendChoice = "hann"
    bands: Bands = None
    nodata: Nodata = None
    level: Level = 0
    resolution: ResolutionChoice = None
    at: At = None
    unscale: Unscale = False
    normalise: Normalise = None
    network_outputs: NetworkOutputs = "auto"
    head: Head = None
    precision: PrecisionChoice = "float32"
    tta: Augment = None
    decision: DecisionChoice = "model"
    threshold: Threshold = None
    offsets: Offsets = None
    temperature: Temperature = None
    trust: Trust = False

    def image(self, images: list[str]) -> str | list[str]:
        """Return the one image that a command takes, which may be a stack of files."""
        if len(images) > 1 and not self.stack:
            raise SettingsError(
                f"{len(images)} images are given; give one, or --stack to read them as the bands "
                "of one image"
            )
        return images if self.stack else images[0]

    @property
    def tiling(self) -> Tiling:
        """Size, overlap and blending of tiles."""
        return make_tiling(self.tile, self.overlap, self.blend)

    def options(self, **more: Any) -> Options:
        """All other options, and ``more`` that one command alone has."""
        return Options(
            bands=parse_bands(self.bands),
            nodata=parse_nodata(self.nodata),
            level=self.level,
            resolution=self.resolution,
            at=parse_at(self.at),
            unscale=self.unscale,
            normalisation=parse_normalisation(self.normalise),
            network_outputs=self.network_outputs,  # type: ignore[arg-type]
            head=self.head,
            precision=self.precision,  # type: ignore[arg-type]
            augment=parse_augment(self.tta),
            decision=self.decision,  # type: ignore[arg-type]
            threshold=self.threshold,
            offsets=parse_offsets(self.offsets),
            temperature=self.temperature,
            **more,
        )


@dataclass(frozen=True, kw_only=True)
class SegmentationOptions(InferenceOptions):
    """The same, with what is segmented, the results that are written and the memory to use."""

    aoi: Aoi = None
    skip: SkipBackground = None
    grid: GridChoice = "model"
    confidence: ConfidenceChoice = None
    scores: ScoresChoice = None
    memory: Memory = None
    workers: Workers = None
    scheduler: Scheduler = None
    worker_resource: WorkerResource = None

    def options(self, **more: Any) -> Options:
        """All other options, and ``more`` that one command alone has."""
        memory = parse_bytes(self.memory)
        return super().options(
            area=self.aoi,
            skip=self.skip,
            grid=self.grid,
            confidence=self.confidence,
            scores=self.scores,
            memory=memory,
            cluster=self._cluster(),
            **more,
        )

    def _cluster(self) -> Cluster | None:
        resource = self.worker_resource
        if self.workers is None and self.scheduler is None and resource is None:
            return None
        return Cluster(workers=self.workers, address=self.scheduler, resource=resource)


@dataclass(frozen=True, kw_only=True)
class MapReading:
    """How commands about a finished class map read it."""

    classes: ClassNames = None
    nodata: Nodata = None
    aoi: Aoi = None

    @property
    def options(self) -> MapOptions:
        """The same as the library takes them."""
        return MapOptions(
            classes=parse_class_names(self.classes),
            nodata=parse_nodata(self.nodata),
            area=self.aoi,
        )


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each parameter whose type is a group of options.

    Typer reads options from parameters only, so the fields of a group stand in the signature in
    place of the parameter, and the command gets them back as one value.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = []
    groups: dict[str, type[Any]] = {}
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        if is_dataclass(hint) and isinstance(hint, type):
            groups[parameter.name] = hint
            inner = get_type_hints(hint, include_extras=True)
            options = [(field.name, inner[field.name], field.default) for field in fields(hint)]
        else:
            options = [(parameter.name, hint, parameter.default)]
        parameters += [
            inspect.Parameter(name, parameter.KEYWORD_ONLY, annotation=annotation, default=default)
            for name, annotation, default in options
        ]

    @wraps(command)
    def flat(**words: Any) -> None:
        values = {
            name: group(**{field.name: words.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**words, **values)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return flat
