"""Opens whatever holds a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tilesegm.errors import ModelError, SettingsError
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.model.bundle import Bundle, is_bundle, read_bundle, sha256_of
from tilesegm.model.callable_predictor import CallablePredictor
from tilesegm.model.keras_file import load_keras
from tilesegm.model.keras_model import (
    as_graph,
    describe,
    hash_of_model,
    predictor_of,
    stated,
)
from tilesegm.model.keras_shape import channels_of, input_of, limits_of
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.outputs import Outputs, state
from tilesegm.model.precision import check_precision
from tilesegm.model.saved_model import is_saved_model, open_saved_model
from tilesegm.model.tta import AugmentedPredictor, parse_augment

__all__ = ["is_keras", "open_model", "read_spec"]

_KINDS = "a bundle folder, a .keras file or a SavedModel folder"


def open_model(
    model: str | Path | Predictor | Callable[[Any], Any],
    *,
    normalisation: Normalisation | None = None,
    precision: str = "float32",
    augment: Sequence[str | float] = (),
    outputs: Outputs | None = None,
    bands: int | None = None,
) -> Predictor:
    """Open a network for prediction.

    Args:
        model: path of a bundle folder, a ``.keras`` file or a SavedModel folder; a Keras model;
            a function ``float32 (N, H, W, bands) -> scores (N, H, W, classes)``; or a predictor,
            which is returned as it is.
        normalisation: what pixel values go through before the network. A bundle brings its own;
            for anything else None leaves values as they are.
        precision: ``"float32"``, ``"bfloat16"``, or ``"auto"`` for bfloat16 where it is native and
            agrees with float32 on the first batch. Only layers can be rebuilt: anything but a
            bundle or a Keras model stays float32, and refuses ``"bfloat16"``.
        augment: test-time augmentation: ``"flips"``, ``"rotations"``, ``"scales"``, or numbers.
        outputs: what is known of its outputs; None to find out whether they are probabilities.
        bands: bands of the image, for models that do not say: a function is tried on noise.

    Raises:
        ModelError: the model cannot be opened or is no segmentation.
        SettingsError: a setting is out of range or does not suit the model.
    """
    variants = parse_augment(augment)
    check_precision(precision)
    predictor: Predictor
    said = outputs or Outputs()
    if isinstance(model, str | Path):
        if re.match(r"\w+://", str(model)):
            raise ModelError(
                f"{model} is an address, and a model is opened from a disk; download it and pass "
                "the file"
            )
        if not str(model):
            raise ModelError(f"the path of the model is empty; pass {_KINDS}")
        predictor = _open_path(Path(model), normalisation, precision, said, bands)
    elif isinstance(getattr(model, "spec", None), ModelSpec):
        chosen = said.meaning != "auto" or said.head is not None
        if normalisation or precision != "float32" or augment or chosen:
            raise SettingsError(
                "a predictor is used as it is; give normalisation, precision, augment and outputs "
                "when opening the model"
            )
        return model  # type: ignore[return-value]
    elif is_keras(model):
        graph = as_graph(model, bands, said.head)
        spec = describe(graph, graph.name)
        spec = replace(spec, identity=(("model", hash_of_model(graph)),))
        spec = stated(graph, spec, said)
        predictor = predictor_of(graph, spec, normalisation or Normalisation(), precision)
    elif callable(model):
        _refuse_bfloat16(precision, "a function")
        if bands is None:
            raise SettingsError(
                "a function says nothing of its bands; pass bands=, as in the image"
            )
        predictor = CallablePredictor(model, bands, said, normalisation or Normalisation())
    else:
        raise ModelError(f"{model!r:.80} is no model; pass {_KINDS}, a Keras model or a function")
    return AugmentedPredictor(predictor, variants) if len(variants) > 1 else predictor


def read_spec(path: str | Path, outputs: Outputs | None = None) -> ModelSpec | None:
    """Return what is known about a network without opening it; None where only opening tells.

    Only bundles tell, and they need no Keras.

    Args:
        path: whatever `open_model` opens.
        outputs: what is known of its outputs beside.

    Raises:
        ModelError: the bundle is damaged or of a newer version.
    """
    folder = Path(path)
    if not is_bundle(folder):
        return None
    return state(read_bundle(folder).spec, (outputs or Outputs()).meaning)


def _open_path(
    path: Path,
    normalisation: Normalisation | None,
    precision: str,
    outputs: Outputs,
    bands: int | None,
) -> Predictor:
    if is_bundle(path):
        return _open_bundle(path, normalisation, precision, outputs)
    normalisation = normalisation or Normalisation()
    if is_saved_model(path):
        _refuse_bfloat16(precision, "a SavedModel")
        return open_saved_model(path, normalisation, outputs, bands)
    model = as_graph(load_keras(path), bands, outputs.head, path.name)
    spec = replace(describe(model, path.name), identity=(("model", sha256_of(path)),))
    return predictor_of(model, stated(model, spec, outputs), normalisation, precision)


def _open_bundle(
    path: Path, normalisation: Normalisation | None, precision: str, outputs: Outputs
) -> Predictor:
    bundle = read_bundle(path)
    if normalisation not in (None, bundle.info.normalisation):
        raise SettingsError(f"{path} brings its own normalisation; leave normalisation out")
    bundle.verify()
    model = as_graph(load_keras(bundle.weights), bundle.spec.bands, outputs.head, path.name)
    _check_card(bundle, input_of(model, path.name)[0], channels_of(model, path.name))
    spec = replace(bundle.spec, **limits_of(model))
    spec = stated(model, spec, outputs)
    return predictor_of(model, spec, bundle.info.normalisation, precision)


def _check_card(bundle: Bundle, bands: int | None, channels: int) -> None:
    """Refuse a card that tells of another network than the weights hold."""
    for what, told, found in (
        ("bands", bundle.spec.bands, bands),
        ("classes", len(bundle.spec.classes), max(channels, 2)),
    ):
        if told != found:
            raise ModelError(
                f"{bundle.path} is damaged: bundle.json tells of {told} {what} and the network has "
                f"{found}; copy the folder again"
            )


def is_keras(model: Any) -> bool:
    """Tell whether a model is one of Keras."""
    # Without importing Keras: a model of it can only come from where it is imported already.
    return any(
        base.__module__.startswith("keras.") and base.__name__ == "Model"
        for base in type(model).__mro__
    )


def _refuse_bfloat16(precision: str, what: str) -> None:
    if precision == "bfloat16":
        raise SettingsError(f"{what} cannot be rebuilt in bfloat16; use precision='float32'")
