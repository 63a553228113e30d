"""Opens image and network as the options say, and checks that they fit."""

from __future__ import annotations

from typing import Any

from tilesegm.engine.decide import Decision
from tilesegm.engine.plan import Plan, make_plan
from tilesegm.errors import ModelError, SourceError
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import ModelSpec, Predictor
from tilesegm.segmentation.options import Options
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.open import open_source
from tilesegm.source.options import DEFAULT_CACHE_BYTES

__all__ = ["open_image", "open_predictor", "plan_for"]


def open_image(image: Any, options: Options) -> Source:
    """Open an image as the options say, and refuse one without pixels."""
    source = open_source(
        image,
        bands=options.bands,
        nodata=options.nodata,
        level=options.level,
        unscale=options.unscale,
    )
    if not source.info.pixels:
        source.close()
        raise SourceError(f"{source.info.uri} has no pixels")
    return source


def open_predictor(model: Any, info: ImageInfo, options: Options) -> Predictor:
    """Open a model as the options say, and check that it takes the bands of the image."""
    from tilesegm.model.open import open_model

    return open_model(
        model,
        normalisation=options.normalisation,
        precision=options.precision,
        augment=options.augment,
        bands=info.bands,
    )


def _check_bands(spec: ModelSpec, info: ImageInfo) -> None:
    """Refuse a network that expects other bands than an image has."""
    if spec.bands is not None and spec.bands != info.bands:
        alpha = info.alpha if spec.bands == info.bands + 1 else None
        advice = (
            f"its band {alpha} is tagged alpha and taken as a mask; --bands "
            + ",".join(str(band) for band in range(1, spec.bands + 1))
            + " reads it as a band"
            if alpha
            else f"choose {spec.bands} of them, e.g. --bands "
            + ",".join(str(band) for band in range(1, spec.bands + 1))
            if spec.bands < info.bands
            else "give an image, or with --stack several, that has them all"
        )
        raise ModelError(
            f"{spec.name} expects {spec.bands} bands and {info.uri} has {info.bands}; {advice}"
        )


def plan_for(info: ImageInfo, spec: ModelSpec, tiling: Tiling, options: Options) -> Plan:
    """Plan an image with a network.

    Raises:
        InputError: they do not fit each other, or the tiling does not suit the network.
        BudgetError: the work needs more memory than allowed.
    """
    _check_bands(spec, info)
    return make_plan(
        info,
        spec,
        tiling=tiling,
        decision=Decision(
            len(spec.classes), spec.probabilities, options.confidence, options.scores
        ),
        cache=DEFAULT_CACHE_BYTES,
        budget=options.memory,
    )
