from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.grid.window import Window

windows = st.builds(
    Window, st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)
)


def test_a_window_knows_its_ends() -> None:
    window = Window(2, 3, 4, 5)
    assert (window.stop_row, window.stop_col, window.pixels) == (6, 8, 20)
    assert window.slices == (slice(2, 6), slice(3, 8))
    assert window.shift(1, -3) == Window(3, 0, 4, 5)


def test_a_negative_side_is_refused() -> None:
    with pytest.raises(ValueError, match="no negative sides"):
        Window(0, 0, -1, 3)


@given(windows, windows)
def test_set_operations_agree_with_masks(one: Window, other: Window) -> None:
    def mask(window: Window) -> np.ndarray:
        canvas = np.zeros((40, 40), bool)
        canvas[window.slices] = True
        return canvas

    common = one.intersect(other)
    expected = mask(one) & mask(other)
    np.testing.assert_array_equal(mask(common) if common else np.zeros((40, 40), bool), expected)
    if other.pixels:
        assert one.contains(other) == bool((mask(one) >= mask(other)).all())
