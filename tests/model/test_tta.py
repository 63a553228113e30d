"""Test-time augmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.model.networks import conv_net, pointwise
from tilesegm.classes import default_classes
from tilesegm.errors import SettingsError
from tilesegm.model.base import ModelSpec
from tilesegm.model.open import open_model
from tilesegm.model.resize import resize
from tilesegm.model.tta import AugmentedPredictor, Variant, parse_augment

_TILES = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3)).astype(np.uint8)


class _Spy:
    """Gives the pixels as scores and remembers the shapes of tiles."""

    def __init__(self, stride: int = 1, tile: tuple[int, int] | None = None) -> None:
        self.spec = ModelSpec("spy", 3, default_classes(3), stride, 9, 8, tile=tile)
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        self.shapes.append(tiles.shape)
        planes = np.moveaxis(tiles, 3, 1).astype(np.float32, order="C")
        planes.flags.writeable = False
        return planes


@pytest.mark.parametrize(
    ("augment", "count"),
    [
        ((), 1),
        (("flips",), 4),
        (("rotations",), 8),
        (("flips", "rotations"), 8),
        ((0.75, 1.25), 3),
        (("0.75", 0.75, 1), 2),
        (("scales",), 3),
        (("flips", "scales"), 12),
    ],
)
def test_variants(augment: Any, count: int) -> None:
    variants = parse_augment(augment)
    assert len(variants) == len(set(variants)) == count
    assert variants[0] == Variant()


@pytest.mark.parametrize("entry", ["flip", "nan", 0.1, 5, -1])
def test_bad_augment(entry: Any) -> None:
    with pytest.raises(SettingsError, match="augment has"):
        parse_augment([entry])


def test_the_eight_turns_are_the_square_s_symmetries() -> None:
    seen = {v.forward(_TILES, 1).tobytes() for v in parse_augment(["rotations"])}
    assert len(seen) == 8
    flips = {v.forward(_TILES, 1).tobytes() for v in parse_augment(["flips"])}
    assert flips == {
        np.ascontiguousarray(x).tobytes()
        for x in (_TILES, _TILES[:, ::-1], _TILES[:, :, ::-1], _TILES[:, ::-1, ::-1])
    }


@pytest.mark.parametrize("augment", [["flips"], ["rotations"]])
@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (1, 4, 6, 3)])
def test_identity_network_gives_the_pixels(augment: Any, shape: tuple[int, ...]) -> None:
    tiles = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    predictor = AugmentedPredictor(_Spy(), parse_augment(augment))
    planes = predictor(tiles)
    np.testing.assert_array_equal(planes, np.moveaxis(tiles, 3, 1))
    assert planes.flags.c_contiguous
    assert planes.dtype == np.float32


def test_mean_equals_a_stack() -> None:
    model = conv_net(3, 4)
    plain = open_model(model)
    stack = []
    for quarters in range(4):
        for mirrored in (False, True):
            turned = np.rot90(_TILES, quarters, (1, 2))
            turned = turned[:, ::-1] if mirrored else turned
            planes = plain(np.ascontiguousarray(turned))
            planes = planes[:, :, ::-1] if mirrored else planes
            stack.append(np.rot90(planes, -quarters, (2, 3)))
    np.testing.assert_allclose(
        open_model(model, augment=["rotations"])(_TILES), np.mean(stack, 0), rtol=1e-4, atol=1e-4
    )


def test_averaged_scores_do_not_depend_on_orientation() -> None:
    predictor = open_model(conv_net(3, 4), augment=["rotations"])
    turned = predictor(np.ascontiguousarray(np.rot90(_TILES, 1, (1, 2))))
    np.testing.assert_allclose(
        np.rot90(turned, -1, (2, 3)), predictor(_TILES), rtol=1e-4, atol=1e-4
    )


def test_scales_keep_to_the_stride() -> None:
    spy = _Spy(stride=4)
    planes = AugmentedPredictor(spy, parse_augment([0.75, 1.3]))(np.zeros((1, 16, 8, 3), np.uint8))
    assert spy.shapes == [(1, 16, 8, 3), (1, 12, 8, 3), (1, 20, 12, 3)]
    assert planes.shape == (1, 3, 16, 8)


def test_scales_keep_a_constant() -> None:
    predictor = AugmentedPredictor(_Spy(), parse_augment([0.5, 0.75, 1.25, 2.0]))
    planes = predictor(np.full((1, 16, 16, 3), 7, np.uint8))
    np.testing.assert_allclose(planes, 7.0, rtol=1e-6)


def test_spec_of_augmented_networks() -> None:
    plain = _Spy(stride=4).spec
    flips = AugmentedPredictor(_Spy(stride=4), parse_augment(["flips"])).spec
    assert (flips.radius, flips.halo, flips.inexact) == (plain.radius, plain.halo, ())
    scales = AugmentedPredictor(_Spy(stride=4), parse_augment([0.75])).spec
    assert (scales.radius, scales.halo) == (12 + 4, 11 + 4)
    assert scales.inexact == ("test-time scales resize every tile on its own",)
    assert flips.identity != scales.identity
    assert open_model(lambda x: x, bands=3, augment=[0.5]).spec.radius is None


def test_networks_of_one_size() -> None:
    AugmentedPredictor(_Spy(tile=(8, 8)), parse_augment(["rotations"]))
    AugmentedPredictor(_Spy(tile=(8, 4)), parse_augment(["flips"]))
    for tile, augment in (((8, 4), ["rotations"]), ((8, 8), [0.5])):
        with pytest.raises(SettingsError, match="pixels only; augment it with 'flips'"):
            AugmentedPredictor(_Spy(tile=tile), parse_augment(augment))


def test_precision_shows_through() -> None:
    predictor = open_model(pointwise(), augment=["flips"], precision="bfloat16")
    assert predictor.precision == "bfloat16"  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(5, 7), (16, 9), (8, 8)])
def test_resize_equals_interpolation_between_pixel_centres(size: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    rows, cols = ((np.arange(new) + 0.5) * 8 / new - 0.5 for new in size)
    expected = ndimage.map_coordinates(
        values, np.meshgrid(rows, cols, indexing="ij"), order=1, mode="nearest"
    )
    np.testing.assert_allclose(resize(values, size, (0, 1)), expected, rtol=1e-5, atol=1e-6)


def test_resize_of_integers_is_not_rounded() -> None:
    values = np.array([[0, 1]], np.uint8)
    np.testing.assert_allclose(resize(values, (1, 4), (0, 1)), [[0, 0.25, 0.75, 1]])
