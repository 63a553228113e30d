"""The models of a run: one, or several whose probabilities are averaged."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tilesegm.errors import SettingsError
from tilesegm.model.base import ModelSpec
from tilesegm.model.bundle import is_bundle
from tilesegm.segmentation.options import Options

__all__ = ["check_models", "models_of", "names_of", "path_of"]


def models_of(model: Any) -> list[Any]:
    """Return the models of a run, of which a list holds several."""
    return list(model) if isinstance(model, list | tuple) else [model]


def path_of(model: Any) -> str | list[str] | None:
    """Return the absolute path of a model, or of each of several; None where one has none."""
    models = models_of(model)
    paths = [os.path.abspath(one) for one in models if isinstance(one, str | os.PathLike)]
    if len(paths) < len(models):
        return None
    return paths[0] if len(paths) == 1 else paths


def check_models(models: Sequence[Any], options: Options) -> None:
    """Refuse what does not suit the models of a run, before any of them is opened.

    Raises:
        SettingsError: there is none, one is given twice, or an option is of bare networks alone or
            of several models.
    """
    if not models:
        raise SettingsError("the list of models is empty; give at least one")
    places = [
        os.path.realpath(one) if isinstance(one, str | os.PathLike) else f"<{id(one)}>"
        for one in models
    ]
    twice = [one for one, count in Counter(places).items() if count > 1]
    if twice:
        given = models[places.index(twice[0])]
        raise SettingsError(
            f"the model {given!s:.80} is given twice and would count double; give each model once"
        )
    bundles = [one for one in models if isinstance(one, str | Path) and is_bundle(Path(one))]
    if options.classes is not None and len(bundles) == len(models):
        raise SettingsError(
            f"{bundles[0]} is a bundle, which names its classes; give no other names"
        )
    if len(models) > 1 and options.normalisation and len(bundles) == len(models):
        raise SettingsError(
            f"{bundles[0]} and the other models bring their own normalisation; leave normalisation "
            "out"
        )
    if len(models) == 1 and options.confidence == "agreement":
        raise SettingsError(
            "confidence 'agreement' is that of several models and one is given; give more "
            "(--model A --model B), or take 'top', 'margin' or 'entropy'"
        )


def names_of(models: Sequence[Any], specs: Sequence[ModelSpec]) -> list[str]:
    """Return different names for models: as much of the end of each path as tells them apart.

    Args:
        models: as they were given.
        specs: of the same, whose names are taken where there is no path.
    """
    parts = [
        Path(os.path.abspath(one)).parts if isinstance(one, str | os.PathLike) else (spec.name,)
        for one, spec in zip(models, specs, strict=True)
    ]
    names = [one[-1] for one in parts]
    for depth in range(2, max(map(len, parts)) + 1):
        counts = Counter(names)
        names = [
            str(Path(*one[-depth:])) if counts[name] > 1 else name
            for one, name in zip(parts, names, strict=True)
        ]
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[place] = f"{name} ({seen[name]})"
    return names
