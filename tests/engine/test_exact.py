"""Exact means exact: tiles of real networks against one pass over the whole image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.engine.jobs import Cut, assemble, run_whole
from tests.images import blobs
from tilesegm.engine.batches import Reading
from tilesegm.engine.decide import Decision
from tilesegm.engine.plan import make_plan
from tilesegm.engine.stream import Job
from tilesegm.errors import ModelError
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import Predictor
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.open import open_model
from tilesegm.networks.build import unet
from tilesegm.source.open import open_source

Build = Callable[[], keras.Model]


def conv(filters: int = 4, kernel: int = 3, **settings: Any) -> Any:
    return layers.Conv2D(filters, kernel, padding="same", **settings)


def chain(*steps: Any) -> keras.Model:
    return keras.Sequential([keras.Input((None, None, 3)), *steps, conv(3, 1)])


def plain() -> keras.Model:
    return chain(conv(kernel=5, activation="relu"), conv(activation="tanh"))


def dilated() -> keras.Model:
    return chain(conv(dilation_rate=3, activation="relu"), conv(kernel=(1, 5)), conv(kernel=(3, 1)))


def strided() -> keras.Model:
    return chain(
        conv(strides=2, activation="relu"),
        conv(activation="relu"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
    )


def pooled() -> keras.Model:
    return chain(
        conv(activation="relu"),
        layers.MaxPooling2D(4),
        conv(),
        layers.UpSampling2D(4, interpolation="bilinear"),
        layers.BatchNormalization(),
    )


def u_shaped() -> keras.Model:
    return unet(3, 3, filters=4, depth=2)


NORMALISATION = Normalisation((100.0,), (0.01,))


def opened(build: Build, seed: int) -> Predictor:
    keras.utils.set_random_seed(seed)
    return open_model(build(), normalisation=NORMALISATION)


def whole_pass(image: np.ndarray, predictor: Predictor) -> np.ndarray:
    """Score an image in one pass, filled up to the network's stride as the engine fills it."""
    spec = predictor.spec
    height, width = (-(-side // spec.stride) * spec.stride for side in image.shape[:2])
    padded = np.empty((1, height, width, 3), image.dtype)
    padded[:] = np.float64(spec.fill).astype(image.dtype)
    padded[0, : image.shape[0], : image.shape[1]] = image
    return np.asarray(predictor(padded))[0, :, : image.shape[0], : image.shape[1]]


def tiled(image: np.ndarray, predictor: Predictor, tiling: Tiling) -> tuple[np.ndarray, bool]:
    """Score an image by tiles; return the scores, and whether the plan calls them exact."""
    spec = predictor.spec
    with open_source(image) as source:
        plan = make_plan(
            source.info,
            spec,
            tiling=tiling,
            # Logits are taken as they are, to be compared before a softmax.
            decision=Decision(3, probabilities=True, scores="float32"),
            cache=1,
        )
        reading = Reading(source, plan.grid, batch=2, fill=spec.fill)
        job = Job(reading, predictor, plan.decision)
        cut = Cut(tiling, batch=2, chunk=32, panel=64)
        return assemble(run_whole(job, cut), "scores"), plan.exact


@pytest.mark.parametrize("build", [plain, dilated, strided, pooled, u_shaped])
@pytest.mark.parametrize(("size", "seed"), [((101, 147), 0), ((64, 210), 1), ((37, 19), 2)])
def test_exact_tiles_equal_one_pass(build: Build, size: tuple[int, int], seed: int) -> None:
    predictor = opened(build, seed)
    image = blobs(*size, seed=seed)
    found, exact = tiled(image, predictor, Tiling(tile=64, overlap="exact"))
    assert exact
    expected = whole_pass(image, predictor)
    scale = max(float(np.abs(expected).max()), 1.0)
    assert np.abs(found - expected).max() <= 1e-5 * scale
    np.testing.assert_array_equal(found.argmax(axis=0), expected.argmax(axis=0))


@pytest.mark.parametrize("build", [plain, strided, u_shaped])
def test_what_is_called_inexact_differs_and_what_is_called_exact_does_not(build: Build) -> None:
    predictor = opened(build, 3)
    image = blobs(110, 140, seed=3)
    expected = whole_pass(image, predictor)
    told = []
    for overlap in (0, 4, 8, 16, 32, 48, 56):
        found, exact = tiled(image, predictor, Tiling(tile=64, overlap=overlap, blend="crop"))
        difference = float(np.abs(found - expected).max())
        assert (difference <= 1e-5) if exact else (difference > 1e-5), overlap
        told.append(exact)
    assert not told[0]
    assert told[-1]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda: layers.GroupNormalization(groups=-1), "group_norm"),
        (lambda: layers.GlobalAveragePooling2D(keepdims=True), "global_average"),
        (lambda: layers.LayerNormalization(axis=(1, 2, 3)), "layer_norm"),
    ],
)
def test_layers_that_see_all_of_a_tile_are_refused_by_name(
    step: Callable[[], Any], reason: str
) -> None:
    pixels = keras.Input((64, 64, 3))
    features = conv()(pixels)
    scores = conv(3, 1)(layers.Add()([features, step()(features)]))
    predictor = open_model(keras.Model(pixels, scores))
    with pytest.raises(ModelError, match=f"not exact because .*{reason}"):
        tiled(blobs(100, 100), predictor, Tiling(tile=64, overlap="exact"))
    _, exact = tiled(blobs(100, 100), predictor, Tiling(tile=64, overlap=32))
    assert not exact
