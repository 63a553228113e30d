"""Settings of what is learnt from: images, labels, split, sampling and augmentation.

Every class is a section of the training file; its attribute docstrings are what users read there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import Literal

from tilesegm.checks import in_range, settings
from tilesegm.data.colour import is_colour, plain_value
from tilesegm.data.pattern import Pattern
from tilesegm.errors import SettingsError
from tilesegm.grid.resolution import Resolution
from tilesegm.source.vector.buffer import Buffer

__all__ = [
    "INSTANCES",
    "AugmentationSettings",
    "BorderWeightSettings",
    "ClassSettings",
    "DataSettings",
    "LabelSettings",
    "SamplingSettings",
    "SceneSettings",
    "SplitSettings",
]

INSTANCES = "instances"
"""Stands in place of labels that are made from instances."""


@settings("data.scenes")
class SceneSettings:
    """Images with their labels.

    Paths are relative to the settings file and may hold placeholders, which find many images at
    once: ``{name}`` matches any text without a slash, ``{name:GLOB}`` text that fits a glob. A
    placeholder stands for the same text in all paths of a scene. Braces of a file's own name are
    doubled, ``{{`` and ``}}``.
    """

    image: str | tuple[str, ...]
    """File or URL of the image, or a list of files of one grid whose bands become one image."""
    labels: str
    """Raster of ids, mask of colours, vector file, or annotations (LabelMe, COCO, CVAT, Label
    Studio); ``instances`` for 1 where an object of ``instances`` is and 0 elsewhere."""
    instances: str | None = None
    """Object ids for border weights: a raster (0 is background), polygons or annotations, or a
    pattern with ``*`` of one mask an object."""
    area: str | None = None
    """Polygons or mask raster; pixels outside are not learnt from."""
    group: str | None = None
    """What belongs together, such as a site or a patient; may hold placeholders of the image."""
    weights: str | None = None
    """Raster of one band beside the labels: how much each pixel counts in the loss. Pixels of 0 and
    of nodata are neither learnt from nor scored; every pixel counts 1 where there is no raster."""
    weight: float | None = None
    """How often a pixel of these scenes is drawn for training, compared with those of others; 1
    when not given."""
    role: Literal["train", "validation", "test"] | None = None
    """Keeps these scenes out of the split and gives them this role; an image may stand in one scene
    of each role, whose labels or areas say which places of it are learnt from and held out."""

    def __post_init__(self) -> None:
        if not self.images or not all(self.images):
            raise SettingsError(f"image={self.image!r}: give a path, or a list of paths")
        if not self.labels:
            raise SettingsError(f"labels of {self.images[0]!r} are missing; give their path")
        if self.labels == INSTANCES and self.instances is None:
            raise SettingsError(
                f"labels={INSTANCES!r} of {self.images[0]!r} needs instances; give their path"
            )
        in_range("data.scenes.weight", self.weight, 0, ends="(]")
        known = Pattern(self.images[0]).names
        others = [
            ("labels", self.labels),
            ("instances", self.instances),
            ("area", self.area),
            ("weights", self.weights),
            ("group", self.group),
            *(("image", text) for text in self.images[1:]),
        ]
        for key, text in others:
            for name in Pattern(text or "").names:
                if name not in known:
                    names = ", ".join(f"{{{each}}}" for each in known) or "no placeholder"
                    raise SettingsError(
                        f"{key}={text!r}: {{{name}}} does not occur in image={self.images[0]!r}, "
                        f"which has {names}"
                    )

    @property
    def images(self) -> tuple[str, ...]:
        """Files of the image."""
        return (self.image,) if isinstance(self.image, str) else tuple(self.image)


@settings("data.labels.classes")
class ClassSettings:
    """One class: its id is its place in the list."""

    name: str
    """What the class is called in maps and reports."""
    value: int | str | tuple[int | str, ...]
    """What stands for the class in the labels: id of a raster, ``"#RRGGBB"`` of a mask of
    colours, text or number of a vector file's attribute; several for classes that are joined."""
    colour: str | None = None
    """``"#RRGGBB"`` in maps; when not given that of the mask, the one that the name says (water
    blue), or one well apart from others."""

    def __post_init__(self) -> None:
        if not self.name:
            raise SettingsError("name of a class is empty; give it one")
        if not self.values:
            raise SettingsError(f"class {self.name!r} has no value; give what labels hold for it")
        if self.colour is not None and not is_colour(self.colour):
            raise SettingsError(
                f"colour={self.colour!r} of class {self.name!r}: expected '#RRGGBB', such as "
                "'#3C1098'"
            )

    @property
    def values(self) -> tuple[int | str, ...]:
        """All values that stand for the class, colours in upper case."""
        several = (self.value,) if isinstance(self.value, int | str) else self.value
        return tuple(plain_value(value) for value in several)


@settings("data.labels")
class LabelSettings:
    """How labels are read."""

    classes: tuple[ClassSettings, ...]
    ignore: tuple[int | str, ...] = ()
    """Further values that occur and are not learnt from; a raster's nodata always is one."""
    nodata: float | Literal["none"] | None = None
    """Value of a raster that is not learnt from, in place of its own nodata; ``none`` to read
    the nodata value as any other, such as that of a mask whose background is declared nodata."""
    unknown: Literal["error", "ignore"] = "error"
    """What becomes of values that are neither a class nor ignored; they are counted either way."""
    attribute: str | None = None
    """Attribute of a vector file that holds the class."""
    layer: str | None = None
    """Layer of vector files; when not given all of a file that have polygons with the attribute."""
    all_touched: bool = False
    """Whether a polygon covers every pixel that it touches, or those whose centre it holds."""
    background: str | None = None
    """Class of pixels outside every polygon; when not given they are not learnt from."""
    buffer: float | str | None = None
    """Distance around points and lines of a vector file that is drawn: pixels, or metres such as
    ``2.5m``; when not given they are left out and counted."""
    snap: Literal["nearest"] | None = None
    """Whether colours of a mask that settings do not name become those of the nearest class or
    ignored value, as along the smoothed edges of an image editor; they are counted."""

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.classes]
        if len(names) < 2:
            raise SettingsError(
                f"labels.classes={names}: a network tells two classes or more apart; name what is "
                "not the class too"
            )
        values = [value for entry in self.classes for value in entry.values]
        values += [plain_value(value) for value in self.ignore]
        for what, listed in (("name", names), ("value", values)):
            for each, times in Counter(listed).items():
                if times > 1:
                    raise SettingsError(
                        f"labels.classes: {what} {each!r} stands {times} times among classes and "
                        "ignored values; each may occur once"
                    )
        if self.buffer is not None:
            Buffer.parse(self.buffer)
        if self.background is not None and self.background not in names:
            raise SettingsError(
                f"labels.background={self.background!r} is no class; choose from {', '.join(names)}"
            )


@settings("data")
class DataSettings:
    """What is learnt from."""

    scenes: tuple[SceneSettings, ...]
    labels: LabelSettings
    bands: tuple[int, ...] | None = None
    """Bands to use, counted from 1; all when not given."""
    nodata: float | Literal["none"] | None = None
    """Value of missing pixels, in place of what the image says; ``none``: no value."""
    at: dict[str, int] | None = None
    """Step to read of each axis beside rows, columns and bands of volumes and films, counted from
    0, such as ``{z: 3}``; the first of others."""
    unscale: bool | None = None
    """Whether the scale and offset that images tell are applied to their stored values; not when
    nothing is given."""
    resolution: str | None = None
    """Size of the pixels that images are read at, such as ``0.5um`` or ``0.3m``, whatever they are
    stored in, which the bundle tells then; their own pixels when not given."""

    def __post_init__(self) -> None:
        if not self.scenes:
            raise SettingsError("data.scenes is empty; name at least one image with its labels")
        if self.bands is not None and (not self.bands or min(self.bands) < 1):
            raise SettingsError(
                f"data.bands={list(self.bands)}: bands are counted from 1, e.g. [3, 2, 1]"
            )
        if self.resolution is not None:
            Resolution.parse(self.resolution, "data.resolution")


@settings("split")
class SplitSettings:
    """Which pixels are learnt from and which are held out."""

    strategy: Literal["blocks", "image", "group", "range", "random"] = "blocks"
    """``blocks``: squares of an image, with a buffer; ``image`` and ``group``: whole ones;
    ``range``: runs of neighbouring images in natural order, for slices and frames; ``random``:
    tiles anywhere without a buffer, which leaks and is there to be compared with."""
    folds: int = 5
    """Parts of the split, of which one is held out."""
    fold: int = 0
    """The part that is held out."""
    block: int = 1024
    """Side of a block in pixels; a window's side suits ``random``."""
    buffer: int | None = None
    """Pixels around held-out ones that are not learnt from; the receptive field's radius of the
    network when not given."""
    seed: int = 0
    """Another seed deals the parts out differently."""
    file: str | None = None
    """A split that was saved before, used as it is."""

    def __post_init__(self) -> None:
        in_range("split.folds", self.folds, 2)
        for key, least in (("fold", 0), ("block", 1), ("buffer", 0), ("seed", 0)):
            in_range(f"split.{key}", getattr(self, key), least)
        if self.file is None and self.fold >= self.folds:
            raise SettingsError(
                f"split.fold is {self.fold}; it must be from 0 to {self.folds - 1}, one less than "
                "split.folds"
            )


@settings("sampling")
class SamplingSettings:
    """Where training windows lie; what shares leave is drawn evenly over all labelled pixels."""

    balanced: float = 0.5
    """Share of windows around a pixel of a class that is drawn evenly."""
    foreground: float = 0.0
    """Share around a pixel of any class but the first."""
    border: float = 0.0
    """Share around a pixel on the border between two classes."""
    hard: float = 0.0
    """Share around places where the last epoch's network failed."""

    def __post_init__(self) -> None:
        shares = {field.name: getattr(self, field.name) for field in fields(self)}
        for key, value in shares.items():
            in_range(f"sampling.{key}", value, 0, 1, what="a share")
        if sum(shares.values()) > 1 + 1e-9:
            given = ", ".join(f"{key}={value}" for key, value in shares.items() if value)
            raise SettingsError(
                f"shares of sampling add up to {sum(shares.values()):g}; lower some of {given} "
                f"until their sum is at most 1"
            )


@settings("augmentation")
class AugmentationSettings:
    """How far training windows are changed; 0 leaves a property alone."""

    flip: bool = True
    """Mirror and turn by quarters; off where up and down have a meaning."""
    rotate: float = 0.0
    """Largest turn to either side in degrees."""
    scale: float = 0.0
    """Ground size varies by a factor ``(1 + scale) ** uniform(-1, 1)``; at most 1, since beyond a
    factor of two pixels would be skipped."""
    elastic: float = 0.0
    """Largest shift in pixels of a smooth random deformation."""
    elastic_grain: float = 32.0
    """Distance in pixels over which that deformation varies."""
    exposure: float = 0.0
    """All bands are multiplied by ``(1 + exposure) ** uniform(-1, 1)``: black stays black."""
    tint: float = 0.0
    """Each band is multiplied by a factor of its own, likewise."""
    brightness: float = 0.0
    """All bands are shifted by up to this part of their range."""
    contrast: float = 0.0
    """Distance from the mean varies by a factor ``(1 + contrast) ** uniform(-1, 1)``."""
    gamma: float = 0.0
    """Values in their range are raised to ``(1 + gamma) ** uniform(-1, 1)``."""
    noise: float = 0.0
    """Largest deviation of Gaussian noise, as a part of the range."""
    blur: float = 0.0
    """Largest deviation of a Gaussian blur in pixels."""
    cutmix: float = 0.0
    """Share of windows of which a rectangle comes from another window."""
    mixup: float = 0.0
    """Share of windows that are a blend of two; the labels stay those of the stronger one, weighted
    by its share, because ids cannot be blended."""
    copy_paste: float = 0.0
    """Share of windows into which a rare class is pasted from another window."""

    def __post_init__(self) -> None:
        for names, low, high, what in (
            (("rotate",), 0, 180, "degrees"),
            (("scale",), 0, 1, "a number"),
            (("exposure", "tint", "contrast", "gamma"), 0, 3, "a number"),
            (("brightness", "noise"), 0, 1, "a part of the range"),
            (("blur",), 0, 32, "pixels"),
            (("elastic_grain",), 1, 4096, "pixels"),
            (("cutmix", "mixup", "copy_paste"), 0, 1, "a share"),
        ):
            for name in names:
                in_range(f"augmentation.{name}", getattr(self, name), low, high, what=what)
        if not 0 <= self.elastic <= self.elastic_grain / 3:
            raise SettingsError(
                f"augmentation.elastic is {self.elastic}; pass pixels from 0 to "
                f"{self.elastic_grain / 3:g}, a third of elastic_grain, beyond which the image "
                "folds, or raise elastic_grain"
            )


@settings("loss.border_weights")
class BorderWeightSettings:
    """Weights that press a network to keep touching objects apart; they need instances."""

    kind: Literal["ronneberger", "falk"] = "ronneberger"
    """Formula of Ronneberger et al. (2015), or of Falk et al. (2019)."""
    w0: float | None = None
    """Height of the ridge between two objects; when not given that of the paper, 10, or 50 for
    ``falk``."""
    sigma: float | None = None
    """Width of the ridge in pixels; when not given that of the paper, 5, or 6 for ``falk``."""

    def __post_init__(self) -> None:
        height, width = self.ridge
        in_range("loss.border_weights.w0", height, 0, what="a finite number")
        in_range("loss.border_weights.sigma", width, 0, ends="(]", what="pixels")

    @property
    def ridge(self) -> tuple[float, float]:
        """Height and width that are meant."""
        height, width = (50.0, 6.0) if self.kind == "falk" else (10.0, 5.0)
        return (height if self.w0 is None else self.w0, width if self.sigma is None else self.sigma)
