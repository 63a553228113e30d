"""Options of a segmentation, beside the image, the model and the tiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tilesegm.checks import in_range, one_of
from tilesegm.cluster.cluster import Cluster
from tilesegm.decision_rule import DecisionRule
from tilesegm.engine.decide import Confidence, ScoreType
from tilesegm.errors import SettingsError
from tilesegm.grid.resolution import Resolution
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.outputs import OutputKind
from tilesegm.sink.shards import Shards
from tilesegm.source.options import Nodata

__all__ = ["Compression", "DecisionKind", "Grid", "Options", "Precision", "Skip"]

Precision = Literal["float32", "bfloat16", "auto"]
Compression = Literal["deflate", "zstd", "lzw"]
DecisionKind = Literal["model", "argmax"]
Grid = Literal["model", "image"]
Skip = Literal["background", "glass"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything optional, with defaults that suit most images.

    Example:
        >>> import numpy as np
        >>> import tilesegm as ts
        >>> options = ts.Options(bands=(3, 2, 1), nodata=0, confidence="margin")
        >>> image = np.zeros((60, 80, 4), np.uint8)
        >>> result = ts.segment(image, lambda pixels: pixels, "classes.tif", options=options)
        >>> [(name, path.name) for name, path in result.extras]
        [('confidence', 'classes_confidence.tif')]
    """

    bands: tuple[int, ...] | None = None
    """Bands to read, counted from 1, in the order that the network expects; None: all."""
    nodata: Nodata | None = None
    """Value of missing pixels, instead of the one that the image declares; may be NaN, and
    ``"none"`` reads the declared one as a value."""
    level: int = 0
    """Resolution level of a multi-resolution image; 0 is the finest."""
    at: Mapping[str, int] | None = None
    """Index of the step to read of each axis beside rows, columns and bands, counted from 0, such
    as ``{"z": 3}``; of others the first is read."""
    unscale: bool = False
    """Apply the scale and offset that the image tells, as xarray's ``mask_and_scale`` does."""
    resolution: str | None = None
    """Size of the pixels that the image is read at: a length with its unit such as ``"0.3m"`` or
    ``"0.5um"``, ``"model"`` for that of the pixels that the model learnt from, or ``"native"`` for
    the image's own. None for the model's, where both the model and the image tell theirs."""
    grid: Grid = "model"
    """Pixels of the results, where the image is read at another resolution than its own: those
    that the ``"model"`` sees, or those of the ``"image"``, whose scores are resampled before
    classes are decided."""
    area: Any = None
    """Area of interest: path of a polygon file (any CRS), or a mask of any resolution, as the path
    of a raster or as an array. Pixels outside become nodata."""
    skip: Skip | None = None
    """``"background"`` leaves out what shows nothing and is connected to the border: margins of one
    colour, and glass of slides; ``"glass"`` looks for glass in images that do not tell that they
    are slides too. Pixels that are skipped become nodata, and all others are what they are without.
    """
    normalisation: Normalisation | None = None
    """Applied to the pixels of a bare network; a bundle carries its own."""
    network_outputs: OutputKind = "auto"
    """Outputs of the network are ``"logits"`` or ``"probabilities"``; ``"auto"`` finds out."""
    classes: tuple[str, ...] | None = None
    """Names of the classes of a bare network, in the order of ids; a bundle brings its own."""
    head: str | int | None = None
    """Output to use of a network that has several, by name or number."""
    precision: Precision = "float32"
    """``"auto"`` takes bfloat16 where it is native and agrees with float32 on the first tiles."""
    augment: tuple[str | float, ...] = ()
    """Test-time augmentation: ``"flips"``, ``"rotations"``, and scales such as ``0.75``."""
    decision: DecisionKind = "model"
    """Classes are decided as was chosen when the ``"model"`` was trained, and by the highest score
    where nothing was; ``"argmax"`` for the highest score in any case."""
    threshold: float | None = None
    """Probability from which on a pixel belongs to class 1 of two, in steps of 1/4096, in place of
    the model's own."""
    offsets: tuple[float, ...] | None = None
    """Added to the logarithm of each class's probability before the highest is taken, likewise."""
    temperature: float | None = None
    """Divides logits before they become probabilities, in place of the model's own; 1 for none."""
    confidence: Confidence | None = None
    """Also write the probability of the class, its margin, one minus the entropy, or of several
    models the share that choose the class (``"agreement"``), as uint8."""
    scores: ScoreType | None = None
    """Also write the probabilities of all classes."""
    min_confidence: float | None = None
    """Probability of its class below which a pixel is ``unsure``, which has an id of its own after
    those of the classes."""
    memory: int | None = None
    """Memory limit of the process in bytes; None for about 1 GB beside the network's own."""
    cluster: Cluster | None = None
    """Workers of Dask that compute, here or elsewhere; None for this process. It changes no
    pixel, and what was begun with one can be finished without."""
    hash_input: bool = False
    """Hash all bytes of the image's files before and after the run: a change is noticed that leaves
    size and times of a file as they were."""
    update: bool = False
    """Keep digests in the map of what each region was made of, and of an earlier map at the place
    of the output all regions whose input is the same."""
    compress: Compression = "deflate"
    """Codec of GeoTIFF outputs."""
    shards: Shards = "auto"
    """Whether many chunks of a Zarr output share a file: ``auto`` where it has over 10 000."""
    staging: str | Path | None = None
    """Place for unfinished work: ``s3://BUCKET/FOLDER`` for any output, so that workers and a later
    run need no disk of this machine; or a folder for that of an output in a store. None: beside an
    output on a disk, and for one in a store in the current folder."""

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("network_outputs", self.network_outputs, OutputKind),
            ("skip", self.skip, Skip),
            ("precision", self.precision, Precision),
            ("decision", self.decision, DecisionKind),
            ("grid", self.grid, Grid),
            ("confidence", self.confidence, Confidence),
            ("scores", self.scores, ScoreType),
            ("compress", self.compress, Compression),
            ("shards", self.shards, Shards),
        ):
            if value is not None:
                one_of(name, value, allowed)
        if self.resolution not in (None, "model", "native"):
            Resolution.parse(self.resolution)
        in_range("memory", self.memory, 1, what="a number of bytes")
        in_range("min_confidence", self.min_confidence, 0, 1, "(]", what="a probability")
        given = [
            name
            for name, value in (
                ("decision argmax", self.decision == "argmax"),
                ("threshold", self.threshold is not None),
                ("offsets", self.offsets is not None),
            )
            if value
        ]
        if len(given) > 1:
            raise SettingsError(
                f"{' and '.join(given)} are given, and each says how classes are decided; give one"
            )
        temperature = 1.0 if self.temperature is None else self.temperature
        DecisionRule(tuple(self.offsets or ()), temperature)
        if self.threshold is not None:
            DecisionRule.of_threshold(self.threshold)
