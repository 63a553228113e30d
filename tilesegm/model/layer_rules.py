"""What each kind of Keras layer does to the position of pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

from tilesegm.model.layer_graph import Key, LayerGraph, Step
from tilesegm.model.reach import Enlarge, Pad, Resampling, Slide, Spread

__all__ = ["Effect", "effects_of"]


@dataclass(frozen=True)
class Effect:
    """What one layer call does to positions."""

    rows: Resampling | None = None
    """Along the height; None where positions stay as they are."""
    cols: Resampling | None = None
    _: KW_ONLY
    reason: str | None = None
    """Why the layer sees more than a neighbourhood."""
    collapses: bool = False
    """Whether the output has no height and width."""
    known: bool = True
    """Whether what the layer does is known at all."""


_STAYS = Effect()
_VECTOR = Effect(collapses=True)
_Rule = Callable[[Step], Effect]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Dense works on the last axis, so it is a 1 x 1 convolution on a map and nothing on a vector.
_POINTWISE_LAYERS = _names("""
    Activation ActivityRegularization Add AlphaDropout Average Dense Dropout ELU GaussianDropout
    GaussianNoise Identity LeakyReLU Maximum Minimum Multiply ReLU Rescaling SpatialDropout2D
    Subtract
""")
_POINTWISE_OPERATIONS = _names("""
    Abs Absolute Add Cast Clip Divide Elu Erf Exp Expm1 Gelu HardSigmoid HardSilu LeakyRelu Log
    Log1p LogSigmoid Maximum Minimum Multiply Negative Power Reciprocal Relu Relu6 Rsqrt Selu
    Sigmoid Sign Silu Softplus Softsign Sqrt Square Subtract Tanh TrueDivide Where
""")
_ALONG_AXIS = _names("Amax Amin Concatenate LogSoftmax Logsumexp Max Mean Min Softmax Std Sum Var")
_RANDOM_LAYERS = _names("AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout2D")
_KNOWN_PACKAGES = ("keras.", "tilesegm.networks.")
_SUPPORT = {"nearest": 0, "bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}


def effects_of(graph: LayerGraph) -> list[Effect]:
    """Return what each step does to the position of pixels.

    What happens to vectors, such as the weights of squeeze-and-excitation, moves no pixel. Layers
    from outside Keras and this package are not known, whatever their name.
    """
    maps: set[Key] = set(graph.inputs)
    effects = []
    for step in graph.steps:
        effect = _effect_of(step) if maps.intersection(step.inputs) else _VECTOR
        if not effect.collapses:
            maps.update(step.outputs)
        effects.append(effect)
    return effects


def _effect_of(step: Step) -> Effect:
    layer = step.layer
    kind = type(layer).__name__
    if not type(layer).__module__.startswith(_KNOWN_PACKAGES):
        return _unknown(step)
    if step.keywords.get("training") and kind in _RANDOM_LAYERS:
        return _breaks(step, "is called with training=True and is random")
    is_layer = hasattr(layer, "weights")
    if kind in (_POINTWISE_LAYERS if is_layer else _POINTWISE_OPERATIONS):
        return _STAYS
    if is_layer and kind.startswith("Random"):
        # Keras' augmentation layers pass pixels through when they do not train.
        return _STAYS
    rule = _RULES.get(kind)
    if rule is None and kind in _ALONG_AXIS:
        rule = _along_axis
    return rule(step) if rule else _unknown(step)


def _breaks(step: Step, what: str, collapses: bool = False) -> Effect:
    kind = type(step.layer).__name__
    return Effect(reason=f"layer '{step.layer.name}' ({kind}) {what}", collapses=collapses)


def _unknown(step: Step) -> Effect:
    return replace(_breaks(step, "is not known"), known=False)


def _channels_last(layer: Any) -> bool:
    return getattr(layer, "data_format", None) in (None, "channels_last")


def _axes(layer: Any) -> set[Any]:
    axis = getattr(layer, "axis", None)
    return set(axis) if isinstance(axis, list | tuple) else {axis}


def _slides(step: Step) -> Effect:
    layer = step.layer
    if not _channels_last(layer) or layer.padding not in ("same", "valid"):
        return _unknown(step)
    kernel = getattr(layer, "kernel_size", None) or layer.pool_size
    dilation = getattr(layer, "dilation_rate", (1, 1))
    sizes = zip(kernel, layer.strides or kernel, dilation, strict=True)
    return Effect(*(Slide(*axis, layer.padding == "same") for axis in sizes))


def _spreads(step: Step) -> Effect:
    layer = step.layer
    if not _channels_last(layer) or getattr(layer, "output_padding", None) is not None:
        return _unknown(step)
    sizes = zip(layer.kernel_size, layer.strides, layer.dilation_rate, strict=True)
    return Effect(*(Spread(*axis, layer.padding == "same") for axis in sizes))


def _upsamples(step: Step) -> Effect:
    layer = step.layer
    support = _SUPPORT.get(layer.interpolation)
    if not _channels_last(layer) or support is None:
        return _unknown(step)
    return Effect(*(Enlarge(factor, support) for factor in layer.size))


def _interpolates(step: Step) -> Effect:
    enlarged = Enlarge(step.layer.factor, _SUPPORT["bilinear"])
    return Effect(enlarged, enlarged)


def _pads(step: Step) -> Effect:
    return Effect(*(Pad(before, after) for before, after in step.layer.padding))


def _crops(step: Step) -> Effect:
    return Effect(*(Pad(-before, -after) for before, after in step.layer.cropping))


def _batch_normalises(step: Step) -> Effect:
    if step.keywords.get("training"):
        return _breaks(step, "takes statistics over the batch")
    return _STAYS if step.layer.axis in (-1, 3) else _unknown(step)


def _normalises(step: Step) -> Effect:
    return _STAYS if _axes(step.layer) <= {-1, 3} else _breaks(step, _OVER_THE_TILE)


def _scales_bands(step: Step) -> Effect:
    apart = _axes(step.layer) <= {None, -1, 3}
    return _STAYS if apart else _breaks(step, "holds a value for every pixel")


def _along_axis(step: Step) -> Effect:
    axes = _axes(step.layer)
    if axes and axes <= {-1, 3}:
        return _STAYS
    return _breaks(step, "joins pixels of the whole tile", collapses=True)


def _prelu(step: Step) -> Effect:
    shared = set(step.layer.shared_axes or ()) >= {1, 2}
    return _STAYS if shared else _breaks(step, "holds a weight for every pixel")


def _always(what: str, collapses: bool = False) -> _Rule:
    return lambda step: _breaks(step, what, collapses)


_OVER_THE_TILE = "takes statistics over the whole tile"
_attends = _always("attends over the whole tile")
_pools_all = _always("pools over the whole tile", collapses=True)
_resizes = _always("resizes to a fixed size", collapses=True)

_RULES: dict[str, _Rule] = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _slides),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), _slides),
    "Conv2DTranspose": _spreads,
    "UpSampling2D": _upsamples,
    "Bilinear": _interpolates,
    "ZeroPadding2D": _pads,
    "Cropping2D": _crops,
    "BatchNormalization": _batch_normalises,
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "UnitNormalization"), _normalises),
    "GroupNormalization": _always(_OVER_THE_TILE),
    "Normalization": _scales_bands,
    "PReLU": _prelu,
    **dict.fromkeys(("GlobalAveragePooling2D", "GlobalMaxPooling2D"), _pools_all),
    **dict.fromkeys(("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"), _pools_all),
    **dict.fromkeys(
        ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupedQueryAttention"), _attends
    ),
    "Flatten": _always("joins all pixels of the tile", collapses=True),
    **dict.fromkeys(("Resizing", "Resize", "CenterCrop"), _resizes),
}
