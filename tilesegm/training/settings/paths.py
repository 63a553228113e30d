"""Makes the paths of settings independent of where they are read."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from tilesegm.data.settings import INSTANCES
from tilesegm.source.remote import is_remote
from tilesegm.training.settings.config import TrainingConfig

__all__ = ["anchored"]


def anchored(config: TrainingConfig, folder: Path) -> TrainingConfig:
    """Return settings whose relative paths begin at ``folder``; URLs stay as they are."""
    folder = Path(os.path.abspath(folder))

    def one(path: str) -> str:
        return path if is_remote(path) else os.path.normpath(folder / path)

    def maybe(path: str | None) -> str | None:
        return None if path is None else one(path)

    scenes = tuple(
        replace(
            scene,
            image=one(scene.image)
            if isinstance(scene.image, str)
            else tuple(map(one, scene.image)),
            labels=scene.labels if scene.labels == INSTANCES else one(scene.labels),
            instances=maybe(scene.instances),
            area=maybe(scene.area),
        )
        for scene in config.data.scenes
    )
    model, encoder = config.model, config.model.encoder
    if encoder is not None and encoder.weights != "imagenet":
        encoder = replace(encoder, weights=maybe(encoder.weights))
    if encoder is not None and encoder.name.endswith(".keras"):
        encoder = replace(encoder, name=one(encoder.name))
    return replace(
        config,
        data=replace(config.data, scenes=scenes),
        output=one(config.output),
        split=replace(config.split, file=maybe(config.split.file)),
        loss=replace(
            config.loss, terms=tuple(_anchored_term(t, folder) for t in config.loss.terms)
        ),
        model=replace(model, weights=maybe(model.weights), encoder=encoder),
    )


def _anchored_term(term: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Name the file of a user's own loss, where it lies beside the settings, by its whole path."""
    module, colon, attribute = str(term.get("name")).rpartition(":")
    if not colon:
        return term
    path = folder / module
    if not module.endswith(".py"):
        path = folder.joinpath(*module.split(".")).with_suffix(".py")
        if not path.is_file():
            return term  # an installed module
    return {**term, "name": f"{os.path.normpath(path)}:{attribute}"}
