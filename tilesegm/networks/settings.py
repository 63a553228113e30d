"""Settings of the network."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from tilesegm.checks import in_range, one_of, settings
from tilesegm.errors import SettingsError

__all__ = ["EncoderSettings", "ModelSettings"]

_ENCODERS = (
    "resnet50",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_v2_b0",
    "efficientnet_v2_s",
)
_STAGES = ("encoder", "encoder1", "encoder2", "encoder3", "encoder4", "encoder5")


@settings("model.encoder")
class EncoderSettings:
    """A pretrained network in place of the U-Net's own way down."""

    name: str
    """``resnet50``, ``mobilenet_v3_small``, ``mobilenet_v3_large``, ``efficientnet_v2_b0`` or
    ``efficientnet_v2_s`` from `keras.applications`; or the file of a Keras model, ending in
    ``.keras``, that turns an image into maps of strides 2, 4, 8 ..."""
    weights: str | None = "imagenet"
    """``"imagenet"`` (fetched by Keras on first use), a weights file, or null for random ones.
    The file of a Keras model brings its own."""
    frozen: tuple[str, ...] = ()
    """Stages that are not trained: ``"encoder"``, or its parts; ``"encoder1"`` is the finest."""
    learning_rate: float = 1.0
    """Factor on the learning rate of the encoder's weights."""
    stage_rates: dict[str, float] = field(default_factory=dict)
    """Factors of single stages in place of it, such as ``{encoder1: 0.01, encoder5: 0.3}``."""

    def __post_init__(self) -> None:
        if not self.name.endswith(".keras"):
            one_of("model.encoder.name", self.name, _ENCODERS)
        for stage in self.frozen:
            one_of("model.encoder.frozen", stage, _STAGES)
        for stage in self.stage_rates:
            one_of("model.encoder.stage_rates", stage, _STAGES[1:])
        for name, rate in {"learning_rate": self.learning_rate, **self.stage_rates}.items():
            if not 0 < rate < float("inf"):
                raise SettingsError(
                    f"model.encoder.{name} has the factor {rate}; pass a number above 0, or list "
                    "the stage under model.encoder.frozen"
                )


@settings("model")
class ModelSettings:
    """A network for dense prediction."""

    name: Literal["unet", "unet++", "unet3+"] = "unet"
    """U-Net, UNet++ or UNet 3+."""
    filters: int = 16
    """Filters of the finest level; they double on the way down."""
    depth: int | None = None
    """Number of halvings; 4 when not given, and 5 with an encoder."""
    norm: Literal["batch", "group", "none"] = "batch"
    """Normalisation after each convolution. ``group`` depends on the extent of a tile, so its tiled
    result is not exact."""
    dropout: float = 0.0
    """Share of the coarsest features dropped while training."""
    residual: bool = False
    """Add the input of each level to its output."""
    attention: bool = False
    """Gate the skip connections of a U-Net by what the coarser level sees (Oktay et al. 2018)."""
    aspp: tuple[int, ...] = ()
    """Dilations of an atrous pyramid at the bottom, such as [2, 4, 6]; none when empty."""
    upsampling: Literal["transpose", "nearest", "bilinear"] | None = "bilinear"
    """How maps get finer; null is as in the papers: ``transpose``, and ``bilinear`` in a
    UNet 3+."""
    deep_supervision: bool = False
    """Score coarser levels too while training; the saved network has the finest output alone."""
    encoder: EncoderSettings | None = None
    weights: str | None = None
    """Bundle or Keras file of the same architecture to start from; layers whose shapes differ,
    such as the scores of other classes, start from scratch."""

    def __post_init__(self) -> None:
        in_range("model.filters", self.filters, 1)
        in_range("model.dropout", self.dropout, 0, 1, "[)", what="a fraction")
        deepest = 5 if self.encoder else 8
        if not 1 <= self.halvings <= deepest:
            what = "an encoder" if self.encoder else "a network"
            raise SettingsError(
                f"model.depth is {self.depth}; {what} halves its input 1 to {deepest} times"
            )
        if any(dilation < 1 for dilation in self.aspp):
            raise SettingsError(
                f"model.aspp is {list(self.aspp)}; pass dilations of at least 1, such as [2, 4, 6]"
            )
        if self.attention and self.name != "unet":
            raise SettingsError(
                f"model.attention is for 'unet' and model.name is {self.name!r}; turn one of them "
                f"off"
            )

    @property
    def halvings(self) -> int:
        """The depth that is meant."""
        if self.depth is not None:
            return self.depth
        return 5 if self.encoder else 4
