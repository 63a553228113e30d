"""Opens image and network as the options say, and checks that they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tilesegm.engine.on_grid import scores_alone
from tilesegm.engine.plan import Plan, make_plan, plan_on_grid
from tilesegm.errors import SettingsError, SourceError
from tilesegm.events import Noted, OnEvent
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.model.bundle import is_bundle
from tilesegm.model.checked_predictor import CheckedPredictor
from tilesegm.model.ensemble import EnsemblePredictor, join_specs
from tilesegm.model.named_predictor import NamedPredictor
from tilesegm.segmentation.bands import band_note, check_bands
from tilesegm.segmentation.decision import decision_note, make_decision
from tilesegm.segmentation.models import check_models, models_of, names_of
from tilesegm.segmentation.opening import Opening, outputs_of
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.outputs import UNSURE
from tilesegm.segmentation.result_grid import grid_note, image_grid
from tilesegm.segmentation.scale import at_scale
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.open import open_source
from tilesegm.source.options import DEFAULT_CACHE_BYTES

__all__ = [
    "notes_of",
    "open_image",
    "open_predictor",
    "open_scaled",
    "open_whole",
    "plan_for",
    "read_specs",
]


class _Described(Protocol):
    @property
    def spec(self) -> ModelSpec: ...


_Network = TypeVar("_Network", bound=_Described)


@contextmanager
def open_scaled(
    image: Any, options: Options, opener: Callable[[ImageInfo], _Network], on_event: OnEvent
) -> Iterator[tuple[Source, _Network]]:
    """Open an image at the resolution that the options or the network say.

    Args:
        image: as in `open_source`.
        options: of the run.
        opener: gives the network, or whatever describes it, for the image as it is stored.
        on_event: called with what is assumed of the image and its resolution.

    Raises:
        InputError: the image cannot be opened, or not at that resolution.
    """
    source = open_image(image, options)
    try:
        for note in source.info.notes:
            on_event(Noted(f"{source.info.uri}: {note}"))
        network = opener(source.info)
    except BaseException:
        source.close()
        raise
    reopen = partial(open_image, image, options)
    source, notes = at_scale(source, reopen, network.spec, options)
    with source:
        for note in notes:
            on_event(Noted(note))
        yield source, network


@contextmanager
def open_whole(image: Any, source: Source, options: Options) -> Iterator[Source | None]:
    """Open an image once more, to tell which of its own pixels are missing.

    None where results do not lie on them, or none can be missing.
    """
    grid = image_grid(source, options)
    if grid is None or not grid.masked:
        yield None
        return
    with open_image(image, options) as whole:
        yield whole


def open_image(image: Any, options: Options, level: int | None = None) -> Source:
    """Open an image as the options say, or another level of it, and refuse one without pixels."""
    source = open_source(
        image,
        bands=options.bands,
        nodata=options.nodata,
        level=options.level if level is None else level,
        at=options.at,
        unscale=options.unscale,
    )
    if not source.info.pixels:
        source.close()
        raise SourceError(f"{source.info.uri} has no pixels")
    return source


def open_predictor(model: Any, info: ImageInfo, options: Options) -> Predictor:
    """Open a model, or several as one, as the options say.

    Args:
        model: a model as in `segment`, or a list of them.
        info: the image.
        options: of the run.

    Raises:
        InputError: a model cannot be opened, or several do not fit each other.
    """
    models = models_of(model)
    check_models(models, options)
    opening = Opening.of(options)
    opened = [_open_one(one, info, opening, several=len(models) > 1) for one in models]
    if len(opened) == 1:
        return opened[0]
    return EnsemblePredictor(opened, names_of(models, [one.spec for one in opened]))


def _open_one(model: Any, info: ImageInfo, opening: Opening, several: bool) -> Predictor:
    from tilesegm.model.open import open_model

    # Beside bare networks, a bundle keeps what it brings.
    bundle = isinstance(model, str | Path) and is_bundle(Path(model))
    kept = several and bundle
    outputs = replace(opening.outputs, needed=several or opening.outputs.needed)
    predictor = open_model(
        model,
        normalisation=None if kept else opening.normalisation,
        precision=opening.precision,
        augment=opening.augment,
        outputs=outputs,
        bands=info.bands,
    )
    if opening.classes is not None and not kept:
        predictor = NamedPredictor(predictor, opening.classes)
    return CheckedPredictor(predictor) if outputs.needed and predictor.spec.probed else predictor


def read_specs(model: Any, options: Options) -> ModelSpec | None:
    """Return what is known about a model, or several as one, without opening it.

    None where only opening tells.
    """
    from tilesegm.model.open import read_spec

    models = models_of(model)
    check_models(models, options)
    specs = [read_spec(one, outputs_of(options)) for one in models if isinstance(one, str | Path)]
    known = [spec for spec in specs if spec is not None]
    if len(known) < len(models):
        return None
    return known[0] if len(known) == 1 else join_specs(known, names_of(models, known))


def _check_tile(spec: ModelSpec, tiling: Tiling) -> None:
    """Refuse a size of tiles that is not the only one that a network takes."""
    if spec.tile and tiling.tile is not None and spec.tile != (tiling.tile, tiling.tile):
        raise SettingsError(
            f"{spec.name} takes tiles of {spec.tile[0]} x {spec.tile[1]} pixels only and tile is "
            f"{tiling.tile}; leave --tile out"
        )


def notes_of(plan: Plan) -> tuple[str, ...]:
    """Say what was assumed about networks, and what follows from what they take."""
    networks = plan.spec.networks
    bands = [band_note(spec, plan.info) for spec in networks]
    notes = [*plan.spec.notes, *filter(None, [*bands, decision_note(plan), grid_note(plan)])]
    for spec in networks:
        notes += _notes_of_one(spec, plan)
    return tuple(notes)


def _notes_of_one(spec: ModelSpec, plan: Plan) -> Iterator[str]:
    if spec.probed and (plan.decision.needs_probabilities or plan.spec.members):
        kinds = ("probabilities", "logits")
        taken, other = kinds if spec.probabilities else kinds[::-1]
        yield (
            f"outputs of {spec.name} {spec.probed}: taken as {taken}; --network-outputs {other} "
            "changes it"
        )
    if spec.raw and plan.info.dtype.kind in "iu":
        pair = "0:255" if plan.info.dtype == "uint8" else "0:10000 or whatever became 0 and 1"
        yield (
            f"{spec.name} gets the {plan.info.dtype} values of the image as they are; if it was "
            f"trained on values of 0 to 1, give --normalise {pair}"
        )
    if spec.tile and plan.grid.tiles > 1:
        yield (
            f"{spec.name} takes tiles of {spec.tile[0]} x {spec.tile[1]} pixels only; they overlap "
            f"by {plan.grid.overlap} pixels, which --overlap changes"
        )
    if spec.batch:
        yield f"{spec.name} takes {spec.batch} tile{'s'[: spec.batch - 1]} at a time only"


def plan_for(
    info: ImageInfo,
    spec: ModelSpec,
    tiling: Tiling,
    options: Options,
    image: ImageInfo | None = None,
) -> Plan:
    """Plan an image with a network.

    Args:
        info: the image as it is read.
        spec: the network.
        tiling: size, overlap and blending of tiles.
        options: everything else.
        image: whose pixels results have, where not those that are read.

    Raises:
        InputError: they do not fit each other, or the tiling does not suit the network.
        BudgetError: the work needs more memory than allowed.
    """
    for network in spec.networks:
        check_bands(network, info, options.bands)
    _check_tile(spec, tiling)
    if options.min_confidence is not None and UNSURE.name in [one.name for one in spec.classes]:
        raise SettingsError(
            f"{spec.name} has a class called {UNSURE.name}, as min_confidence calls pixels of low "
            "probability; rename the class, or leave min_confidence out"
        )
    decision = make_decision(options, spec)
    plan = make_plan(
        info,
        spec,
        tiling=tiling,
        decision=decision if image is None else scores_alone(decision),
        cache=DEFAULT_CACHE_BYTES,
        budget=options.memory,
    )
    return plan if image is None else plan_on_grid(plan, image, decision, options.memory)
