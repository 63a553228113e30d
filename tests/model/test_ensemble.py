"""Several networks as one: common tiles and classes, and what does not fit together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tilesegm.classes import default_classes, named_classes
from tilesegm.errors import ModelError
from tilesegm.grid.resolution import Resolution
from tilesegm.model.base import ModelSpec
from tilesegm.model.ensemble import EnsemblePredictor, join_specs
from tilesegm.model.operating_point import OperatingPoint

LAND = named_classes(["land", "water", "road"])


def spec(**facts: Any) -> ModelSpec:
    """A network of three bands and three classes."""
    return ModelSpec(**{"name": "net", "bands": 3, "classes": LAND} | facts)


def test_tiles_suit_all() -> None:
    first = spec(stride=16, radius=90, halo=80, multiple=3, bytes_per_pixel=100)
    second = spec(stride=12, radius=50, bytes_per_pixel=70, fill=(4.0,))
    joined = join_specs([first, second], ["a", "b"])
    assert (joined.name, joined.bands, joined.classes) == ("a + b", 3, LAND)
    assert (joined.stride, joined.multiple) == (48, 3)
    assert (joined.radius, joined.halo) == (90, 80)
    assert joined.fills == ((0.0,), (4.0,))
    assert joined.bytes_per_pixel == 100 + 4 * 3 * 2
    assert [one.name for one in joined.members] == ["a", "b"]
    unknown = join_specs([first, spec(inexact=("a reason",))], ["a", "b"])
    assert (unknown.radius, unknown.halo) == (None, None)
    assert unknown.inexact == ("a reason (b)",)
    fixed = join_specs([spec(stride=8), spec(tile=(64, 64))], ["a", "b"])
    assert fixed.tile == (64, 64)


def test_the_resolution_is_the_one_that_all_know() -> None:
    fine, coarse = Resolution(0.3, 0.3), Resolution(0.5, 0.5)
    alike = join_specs([spec(), spec(resolution=fine), spec(resolution=fine)], ["a", "b", "c"])
    assert (alike.resolution, alike.notes) == (fine, ())
    differing = join_specs([spec(resolution=fine), spec(resolution=coarse)], ["a", "b"])
    assert differing.resolution is None
    assert "a from 0.3 m, b from 0.5 m" in differing.notes[0]


def test_all_are_named_in_the_identity() -> None:
    first, second = spec(identity=(("model", "12"),)), spec(identity=(("model", "34"),))
    assert join_specs([first, second], ["a", "b"]).identity == (
        ("model of model 1", "12"),
        ("outputs of model 1", "logits"),
        ("model of model 2", "34"),
        ("outputs of model 2", "logits"),
    )


@pytest.mark.parametrize(
    ("other", "line"),
    [
        (
            spec(classes=named_classes(["land", "water"])),
            r"^a has 3 classes \(land, water, road\) and b has 2 \(land, water\)",
        ),
        (
            spec(classes=named_classes(["land", "water", "tree"])),
            r"^a has 3 classes \(land, water, road\) and b has 3 \(land, water, tree\)",
        ),
        (spec(classes=default_classes(4)), r"b has 4 \(class 0, class 1, class 2, class 3\)"),
        (spec(bands=4), "^a expects 3 bands and b expects 4; average models of the same bands"),
        (spec(tile=(96, 96)), "^a takes tiles of 64 x 64 pixels only and b of 96 x 96"),
        (spec(stride=48), "a takes tiles of 64 x 64 .* b those whose sides are multiples of 48"),
    ],
)
def test_what_does_not_fit_is_refused(other: ModelSpec, line: str) -> None:
    with pytest.raises(ModelError, match=line):
        join_specs([spec(tile=(64, 64)), other], ["a", "b"])


class Constant:
    """Scores every pixel with the same numbers."""

    def __init__(self, scores: tuple[float, ...], **facts: Any) -> None:
        self.spec = spec(**facts)
        self._scores = np.array(scores, np.float32)

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch."""
        shape = (len(tiles), len(self._scores), *tiles.shape[1:3])
        return np.broadcast_to(self._scores[None, :, None, None], shape)


def test_classes_in_another_order_are_taken_by_name() -> None:
    point = OperatingPoint(measure="mean_iou", offsets=(1.0, 2.0, 3.0), temperature=None)
    turned = named_classes(["road", "land", "water"])
    both = EnsemblePredictor(
        [Constant((1, 2, 3)), Constant((30, 10, 20), classes=turned, operating_point=point)],
        ["a", "b"],
    )
    scores = both(np.zeros((2, 4, 4, 3), np.uint8))
    assert scores.shape == (2, 6, 4, 4)
    assert scores[1, :, 0, 0].tolist() == [1, 2, 3, 10, 20, 30]
    (note,) = both.spec.notes
    assert "b has its classes in another order (road, land, water) than a (land, water" in note
    second = both.spec.members[1]
    assert second.classes == LAND
    assert second.operating_point == replace(point, offsets=(2.0, 3.0, 1.0))
    assert ("order of model 2", "1 2 0") in both.spec.identity


def test_a_network_without_names_gets_those_of_the_others() -> None:
    joined = join_specs([spec(classes=default_classes(3)), spec()], ["a", "b"])
    assert joined.classes == LAND
    assert joined.notes == (
        "a does not name its classes: they are taken for those of b in the same order, land, "
        "water, road",
    )


def test_an_error_of_a_member_tells_whose_it_is() -> None:
    class Fails(Constant):
        def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
            raise ModelError("net fails")

    both = EnsemblePredictor([Constant((1, 2, 3)), Fails((1, 2, 3))], ["x/one", "y/two"])
    with pytest.raises(ModelError, match=r"^y/two: net fails$"):
        both(np.zeros((1, 4, 4, 3), np.uint8))


def test_one_network_under_two_names_is_told() -> None:
    same, code = (("model", "12"),), (("model", "f"), ("code", "12"))
    assert join_specs([spec(identity=same)] * 2, ["a", "b"]).notes == (
        "a and b are the same network, which counts 2 times",
    )
    assert join_specs([spec(identity=code)] * 2, ["a", "b"]).notes == ()
