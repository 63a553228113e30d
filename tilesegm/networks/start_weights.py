"""Weights of a trained network as the start of another training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.errors import ModelError
from tilesegm.model.bundle import is_bundle, read_bundle
from tilesegm.model.keras_file import load_keras
from tilesegm.model.normalisation import Normalisation

__all__ = ["StartWeights", "load_start_weights"]


@dataclass(frozen=True)
class StartWeights:
    """The outcome of copying weights."""

    copied: tuple[str, ...]
    """Layers with the weights of the file."""
    from_scratch: tuple[str, ...]
    """Layers that keep their initial weights: the file has none of their name and shapes."""
    normalisation: Normalisation | None
    """Normalisation of pixels that the copied weights expect; None if the file does not have one or
    is for another number of bands."""

    @property
    def layers(self) -> dict[str, list[str]]:
        """Names of the layers, for JSON."""
        return {"copied": list(self.copied), "from_scratch": list(self.from_scratch)}


def load_start_weights(model: Any, path: str | Path) -> StartWeights:
    """Copy weights into a network, layer by layer of the same name.

    Args:
        model: the network; changed in place.
        path: bundle or ``.keras`` file.

    Raises:
        ModelError: the file cannot be loaded, or no layer of it fits.
    """
    source = Path(path)
    bundle = read_bundle(source) if is_bundle(source) else None
    if bundle is not None:
        bundle.verify()
    donor = load_keras(bundle.weights if bundle is not None else source)
    weights = {layer.name: layer.get_weights() for layer in donor.layers}
    copied, from_scratch = [], []
    for layer in model.layers:
        if not layer.weights:
            continue
        values = weights.get(layer.name, [])
        if [value.shape for value in values] == [tuple(value.shape) for value in layer.weights]:
            layer.set_weights(values)
            copied.append(layer.name)
        else:
            from_scratch.append(layer.name)
    if not copied:
        raise ModelError(
            f"{source} has no layer that fits {model.name}: it holds {donor.name} with "
            f"{len(weights)} layers; pass a network that was built with the same model settings"
        )
    same = bundle is not None and bundle.spec.bands == model.inputs[0].shape[-1]
    normalisation = bundle.info.normalisation if bundle is not None and same else None
    return StartWeights(tuple(copied), tuple(from_scratch), normalisation)
