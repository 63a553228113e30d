"""Settings of what is learnt from: images, labels, split, sampling and augmentation.

Every class is a section of the training file; its attribute docstrings are what users read there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AugmentationSettings",
    "BorderWeightSettings",
    "ClassSettings",
    "DataSettings",
    "LabelSettings",
    "SamplingSettings",
    "SceneSettings",
    "SplitSettings",
]


@dataclass(frozen=True)
class SceneSettings:
    """Images with their labels.

    Paths are relative to the settings file and may hold placeholders, which find many images at
    once: ``{name}`` matches any text without a slash, ``{name:GLOB}`` text that fits a glob. A
    placeholder stands for the same text in all paths of a scene.
    """

    image: str | tuple[str, ...]
    """File or URL of the image, or a list of files of one grid whose bands become one image."""
    labels: str
    """Raster of ids, mask of colours, or vector file."""
    instances: str | None = None
    """Object ids for border weights: a raster (0 is background), or a pattern with ``*`` of one
    mask an object."""
    area: str | None = None
    """Polygons or mask raster; pixels outside are not learnt from."""
    group: str | None = None
    """What belongs together, such as a site or a patient; may hold placeholders of the image."""
    role: Literal["train", "validation", "test"] | None = None
    """Keeps these scenes out of the split and gives them this role."""


@dataclass(frozen=True)
class ClassSettings:
    """One class: its id is its place in the list."""

    name: str
    value: int | str | tuple[int | str, ...]
    """What stands for the class in the labels: id of a raster, ``"#RRGGBB"`` of a mask of
    colours, text or number of a vector file's attribute; several for classes that are joined."""
    colour: str | None = None
    """``"#RRGGBB"`` in maps; when not given that of the mask, or one well apart from others."""


@dataclass(frozen=True)
class LabelSettings:
    """How labels are read."""

    classes: tuple[ClassSettings, ...]
    ignore: tuple[int | str, ...] = ()
    """Further values that occur and are not learnt from; a raster's nodata always is one."""
    unknown: Literal["error", "ignore"] = "error"
    """What becomes of values that are neither a class nor ignored; they are counted either way."""
    attribute: str | None = None
    """Attribute of a vector file that holds the class."""
    layer: str | None = None
    """Layer of a vector file; the first when not given."""
    all_touched: bool = False
    """Whether a polygon covers every pixel that it touches, or those whose centre it holds."""
    background: str | None = None
    """Class of pixels outside every polygon; when not given they are not learnt from."""


@dataclass(frozen=True)
class DataSettings:
    """What is learnt from."""

    scenes: tuple[SceneSettings, ...]
    labels: LabelSettings
    bands: tuple[int, ...] | None = None
    """Bands to use, counted from 1; all when not given."""
    nodata: float | None = None
    """Value of missing pixels, in place of what the image says."""


@dataclass(frozen=True)
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
    file: str | None = None
    """A split that was saved before, used as it is."""


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class AugmentationSettings:
    """How far training windows are changed; 0 leaves a property alone."""

    flip: bool = True
    """Mirror and turn by quarters; off where up and down have a meaning."""
    rotate: float = 0.0
    """Largest turn to either side in degrees."""
    scale: float = 0.0
    """Ground size varies by a factor ``(1 + scale) ** uniform(-1, 1)``."""
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


@dataclass(frozen=True)
class BorderWeightSettings:
    """Weights that press a network to keep touching objects apart; they need instances."""

    kind: Literal["ronneberger", "falk"] = "ronneberger"
    w0: float = 10.0
    """Height of the ridge between two objects."""
    sigma: float = 5.0
    """Width of the ridge in pixels."""
