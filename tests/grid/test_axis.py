from __future__ import annotations

from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilesegm.grid.axis import Axis, plan_axis
from tilesegm.grid.tiling import Blend


@st.composite
def axes(draw: st.DrawFn) -> tuple[Axis, dict[str, int | str]]:
    """Any axis that `plan_axis` allows, and what it was made of."""
    stride = draw(st.sampled_from([1, 1, 2, 4, 16]))
    size = draw(st.integers(1, 300))
    tile = stride * draw(st.integers(1, -(-size // stride)))
    overlap = stride * draw(st.integers(0, tile // stride - 1))
    margin = draw(st.integers(0, overlap // 2))
    blend = draw(st.sampled_from(get_args(Blend)))
    if blend == "crop":
        margin = overlap // 2
    axis = plan_axis(size, tile, overlap, stride=stride, margin=margin, blend=blend)
    made_of = {"stride": stride, "overlap": overlap, "margin": margin, "blend": blend}
    return axis, made_of


def summed(axis: Axis) -> np.ndarray:
    total = np.zeros(axis.spans[-1].last)
    for span in axis.spans:
        total[span.first : span.last] += span.weights
    return total


@given(axes())
def test_weights_sum_to_one_at_every_pixel(planned: tuple[Axis, dict]) -> None:
    axis, _ = planned
    np.testing.assert_allclose(summed(axis), 1, atol=1e-6)


@given(axes())
def test_tiles_start_on_the_stride_and_stay_inside(planned: tuple[Axis, dict]) -> None:
    axis, made_of = planned
    starts = [span.start for span in axis.spans]
    assert starts[0] == 0
    assert all(start % made_of["stride"] == 0 for start in starts)
    assert axis.size <= axis.spans[-1].last < axis.size + made_of["stride"]
    assert all(
        0 < later - earlier <= axis.tile - made_of["overlap"] for earlier, later in pairwise(starts)
    )


@given(axes())
def test_inner_margins_have_no_weight_and_outer_edges_have_all(
    planned: tuple[Axis, dict],
) -> None:
    axis, made_of = planned
    margin = made_of["margin"]
    for number, span in enumerate(axis.spans):
        assert span.low >= (margin if number else 0)
        assert span.high <= axis.tile - (margin if number + 1 < len(axis.spans) else 0)
        assert span.weights.min() >= 0
        assert span.weights[0] > 0
        assert span.weights[-1] > 0
        assert not span.weights.flags.writeable
    assert axis.spans[0].first == 0
    assert axis.spans[-1].last == axis.spans[-1].start + axis.tile


@given(axes())
def test_alone_names_a_run_of_weights_that_are_exactly_one(planned: tuple[Axis, dict]) -> None:
    axis, _ = planned
    for span in axis.spans:
        assert (span.weights[span.alone] == 1).all()
        if (span.weights == 1).any():
            assert span.alone.stop > span.alone.start


@given(axes(), st.data())
def test_cover_finds_the_tiles_that_contribute(
    planned: tuple[Axis, dict], data: st.DataObject
) -> None:
    axis, _ = planned
    start = data.draw(st.integers(0, axis.size - 1))
    stop = data.draw(st.integers(start + 1, axis.size))
    touching = [
        number
        for number, span in enumerate(axis.spans)
        if set(range(span.first, span.last)) & set(range(start, stop))
    ]
    assert list(axis.cover(start, stop)) == touching


@given(axes())
def test_crop_gives_each_pixel_to_one_tile(planned: tuple[Axis, dict]) -> None:
    axis, made_of = planned
    if made_of["blend"] == "crop":
        assert all((span.weights == 1).all() for span in axis.spans)


@given(st.sampled_from(get_args(Blend)), st.integers(0, 8))
def test_fades_are_alike_from_both_sides(blend: Blend, margin: int) -> None:
    # Three tiles on a regular grid: the middle one fades in as it fades out.
    axis = plan_axis(96, 48, 24, margin=12 if blend == "crop" else margin, blend=blend)
    middle = axis.spans[1].weights
    np.testing.assert_allclose(middle, middle[::-1], atol=1e-7)
    rise = middle[: 24 - margin]
    assert (np.diff(rise) >= 0).all()


def test_a_linear_fade_by_hand() -> None:
    # Tiles [0, 8) and [4, 12) share 4 pixels, the outer one of each side is margin: two fade.
    axis = plan_axis(12, 8, 4, margin=1, blend="linear")
    first, second = axis.spans
    assert (first.start, first.low, first.high) == (0, 0, 7)
    assert (second.start, second.low, second.high) == (4, 1, 8)
    np.testing.assert_allclose(first.weights, [1, 1, 1, 1, 1, 0.75, 0.25])
    np.testing.assert_allclose(second.weights, [0.25, 0.75, 1, 1, 1, 1, 1])
    assert (first.alone, second.alone) == (slice(0, 5), slice(2, 7))


def test_a_hann_fade_by_hand() -> None:
    axis = plan_axis(12, 8, 4, margin=1, blend="hann")
    # sin² of a quarter and of three quarters of a right angle.
    low, high = (2 - 2**0.5) / 4, (2 + 2**0.5) / 4
    np.testing.assert_allclose(axis.spans[0].weights[-2:], [high, low], rtol=1e-6)


def test_the_last_tile_moves_back_and_takes_over_late() -> None:
    # The third tile begins at 6, not at 8: its first pixels lie deep in the second tile, which
    # keeps them.
    axis = plan_axis(14, 8, 4, margin=2, blend="crop")
    assert [span.start for span in axis.spans] == [0, 4, 6]
    assert [(span.first, span.last) for span in axis.spans] == [(0, 6), (6, 10), (10, 14)]


def test_an_image_of_one_pixel_has_one_tile_of_the_stride() -> None:
    axis = plan_axis(1, 16, 0, stride=16, margin=0, blend="hann")
    assert (axis.spans[-1].last, len(axis.spans)) == (16, 1)
    assert axis.spans[0].alone == slice(0, 16)


@pytest.mark.parametrize("blend", get_args(Blend))
@settings(max_examples=20)
@given(st.integers(1, 100_000))
def test_giant_axes_sum_to_one_as_well(blend: Blend, size: int) -> None:
    overlap = min(64, size - 1)
    axis = plan_axis(size, min(512, size), overlap, margin=3 * overlap // 8, blend=blend)
    np.testing.assert_allclose(summed(axis), 1, atol=1e-6)


def test_seams_lie_in_the_middle_of_what_neighbours_share() -> None:
    # As above: tiles change over at 6 and 10; a fade shifts no seam, nor does a wider margin.
    assert plan_axis(14, 8, 4, margin=2, blend="crop").seams.tolist() == [6, 10]
    assert plan_axis(14, 8, 4, margin=0, blend="hann").seams.tolist() == [6, 10]
    assert plan_axis(8, 8, 4, margin=2, blend="crop").seams.tolist() == []
