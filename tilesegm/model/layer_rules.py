"""What each kind of Keras layer does to the position of pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tilesegm.model.layer_graph import Key, LayerGraph, Step
from tilesegm.model.reach import Crop, Interpolate, Pad, Repeat, Resampling, Slide, Spread

__all__ = ["Effect", "effects_of"]


@dataclass(frozen=True)
class Effect:
    """What one layer call does to positions."""

    rows: Resampling | None = None
    """Along the height; None where positions stay as they are."""
    cols: Resampling | None = None
    reason: str | None = None
    """Why the layer sees more than a neighbourhood."""
    collapses: bool = False
    """Whether the output has no height and width."""
    known: bool = True
    """Whether what the layer does is known at all."""


_STAYS = Effect()
_VECTOR = Effect(collapses=True)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_POINTWISE_LAYERS = _names("""
    Activation ActivityRegularization Add AlphaDropout Average Dropout ELU GaussianDropout
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
_SUPPORT = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}


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
        return _unknown(layer, kind)
    if step.keywords.get("training") and kind in _RANDOM_LAYERS:
        return _breaks(layer, kind, "is called with training=True and is random")
    is_layer = hasattr(layer, "weights")
    if kind in (_POINTWISE_LAYERS if is_layer else _POINTWISE_OPERATIONS):
        return _STAYS
    if is_layer and kind.startswith("Random"):
        # Keras' augmentation layers pass pixels through when they do not train.
        return _STAYS
    rule = _RULES.get(kind)
    if rule is None and kind in _ALONG_AXIS:
        rule = _along_axis
    return rule(step) if rule else _unknown(layer, kind)


def _unknown(layer: Any, kind: str) -> Effect:
    return Effect(reason=f"layer '{layer.name}' ({kind}) is not known", known=False)


def _breaks(layer: Any, kind: str, what: str, collapses: bool = False) -> Effect:
    return Effect(reason=f"layer '{layer.name}' ({kind}) {what}", collapses=collapses)


def _channels_last(layer: Any) -> bool:
    return getattr(layer, "data_format", None) in (None, "channels_last")


def _slides(step: Step) -> Effect:
    layer = step.layer
    if not _channels_last(layer) or layer.padding not in ("same", "valid"):
        return _unknown(layer, type(layer).__name__)
    kernel = getattr(layer, "kernel_size", None) or layer.pool_size
    strides = layer.strides or kernel
    dilation = getattr(layer, "dilation_rate", (1, 1))
    rows, cols = (
        Slide(kernel[axis], strides[axis], dilation[axis], layer.padding == "same")
        for axis in (0, 1)
    )
    return Effect(rows, cols)


def _spreads(step: Step) -> Effect:
    layer = step.layer
    if not _channels_last(layer) or getattr(layer, "output_padding", None) is not None:
        return _unknown(layer, type(layer).__name__)
    rows, cols = (
        Spread(
            layer.kernel_size[axis],
            layer.strides[axis],
            layer.dilation_rate[axis],
            layer.padding == "same",
        )
        for axis in (0, 1)
    )
    return Effect(rows, cols)


def _upsamples(step: Step) -> Effect:
    layer = step.layer
    if not _channels_last(layer):
        return _unknown(layer, type(layer).__name__)
    rows, cols = layer.size
    if layer.interpolation == "nearest":
        return Effect(Repeat(rows), Repeat(cols))
    support = _SUPPORT.get(layer.interpolation)
    if support is None:
        return _unknown(layer, type(layer).__name__)
    return Effect(Interpolate(rows, support), Interpolate(cols, support))


def _interpolates(step: Step) -> Effect:
    enlarged = Interpolate(step.layer.factor, _SUPPORT["bilinear"])
    return Effect(enlarged, enlarged)


def _pads(step: Step) -> Effect:
    (top, bottom), (left, right) = step.layer.padding
    return Effect(Pad(top, bottom), Pad(left, right))


def _crops(step: Step) -> Effect:
    (top, bottom), (left, right) = step.layer.cropping
    return Effect(Crop(top, bottom), Crop(left, right))


def _batch_normalises(step: Step) -> Effect:
    layer = step.layer
    if step.keywords.get("training"):
        return _breaks(layer, type(layer).__name__, "takes statistics over the batch")
    if layer.axis not in (-1, 3):
        return _unknown(layer, type(layer).__name__)
    return _STAYS


def _normalises(step: Step) -> Effect:
    layer = step.layer
    axis = layer.axis
    axes = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    if set(axes) <= {-1, 3}:
        return _STAYS
    return _breaks(layer, type(layer).__name__, "takes statistics over the whole tile")


def _scales_bands(step: Step) -> Effect:
    axis = step.layer.axis
    axes = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    if set(axes) <= {None, -1, 3}:
        return _STAYS
    return _breaks(step.layer, type(step.layer).__name__, "holds a value for every pixel")


def _along_axis(step: Step) -> Effect:
    layer = step.layer
    axis = getattr(layer, "axis", None)
    axes = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    if axes and set(axes) <= {-1, 3}:
        return _STAYS
    return _breaks(layer, type(layer).__name__, "joins pixels of the whole tile", collapses=True)


def _dense(step: Step) -> Effect:
    # Dense works on the last axis, so it is a 1 x 1 convolution on a map and nothing on a vector.
    return _STAYS


def _prelu(step: Step) -> Effect:
    layer = step.layer
    if set(layer.shared_axes or ()) >= {1, 2}:
        return _STAYS
    return _breaks(layer, type(layer).__name__, "holds a weight for every pixel")


def _statistics(step: Step) -> Effect:
    return _breaks(step.layer, type(step.layer).__name__, "takes statistics over the whole tile")


def _pools_all(step: Step) -> Effect:
    what = "pools over the whole tile"
    return _breaks(step.layer, type(step.layer).__name__, what, collapses=True)


def _attends(step: Step) -> Effect:
    return _breaks(step.layer, type(step.layer).__name__, "attends over the whole tile")


def _flattens(step: Step) -> Effect:
    what = "joins all pixels of the tile"
    return _breaks(step.layer, type(step.layer).__name__, what, collapses=True)


def _resizes(step: Step) -> Effect:
    what = "resizes to a fixed size"
    return _breaks(step.layer, type(step.layer).__name__, what, collapses=True)


_RULES: dict[str, Callable[[Step], Effect]] = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _slides),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), _slides),
    "Conv2DTranspose": _spreads,
    "UpSampling2D": _upsamples,
    "Bilinear": _interpolates,
    "ZeroPadding2D": _pads,
    "Cropping2D": _crops,
    "BatchNormalization": _batch_normalises,
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "UnitNormalization"), _normalises),
    "GroupNormalization": _statistics,
    "Normalization": _scales_bands,
    "Dense": _dense,
    "PReLU": _prelu,
    **dict.fromkeys(("GlobalAveragePooling2D", "GlobalMaxPooling2D"), _pools_all),
    **dict.fromkeys(("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D"), _pools_all),
    **dict.fromkeys(
        ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupedQueryAttention"), _attends
    ),
    "Flatten": _flattens,
    **dict.fromkeys(("Resizing", "Resize", "CenterCrop"), _resizes),
}
