"""Numbers with their nouns."""

from __future__ import annotations

from tilesegm.counted import counted


def test_one_is_singular_and_many_have_commas() -> None:
    assert [counted(number, "tile") for number in (0, 1, 2500)] == [
        "0 tiles",
        "1 tile",
        "2,500 tiles",
    ]
    assert [counted(number, "class", "classes") for number in (1, 2)] == ["1 class", "2 classes"]
