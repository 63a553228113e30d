from __future__ import annotations

from typing import Any

import pytest

from tilesegm.errors import SettingsError
from tilesegm.grid.tiling import Tiling


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tile": 0, "overlap": 0}, "tile is 0 pixels"),
        ({"tile": 64, "overlap": 64}, "overlap is 64 and tile is 64"),
        ({"tile": 64, "overlap": -1}, "overlap is -1"),
        ({"overlap": "all"}, "overlap is 'all'"),
        ({"blend": "box"}, "blend is 'box'; it must be one of hann, linear, gaussian, crop"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Tiling(**settings)


def test_the_largest_overlap_is_one_less_than_the_tile() -> None:
    assert Tiling(tile=8, overlap=7).overlap == 7
