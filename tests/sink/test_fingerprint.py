from __future__ import annotations

import pytest

from tilesegm.sink.fingerprint import differences, plain


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"tile": 512}, {"tile": 512}, ()),
        ({"tile": 512}, {"tile": 1024}, ("tile: 512 -> 1024",)),
        ({"blend": "hann"}, {"blend": "crop"}, ("blend: hann -> crop",)),
        ({"tile": 512}, {}, ("tile: 512 -> (none)",)),
        ({}, {"tta": True}, ("tta: (none) -> true",)),
        (
            {"model": {"name": "a", "stride": 4}, "x": 1},
            {"model": {"name": "b", "stride": 8}, "x": 2},
            ("model changed: name a -> b, stride 4 -> 8", "x: 1 -> 2"),
        ),
        (
            {"model": {"sha256": "ab12" * 16}},
            {"model": {"sha256": "cd34" * 16}},
            ("model changed: sha256 ab12ab12ab12ab12… -> cd34cd34cd34cd34…",),
        ),
    ],
)
def test_differences_are_named(before, now, expected):
    assert differences(before, now) == expected


def test_long_values_are_shown_where_they_differ():
    before, now = ({"path": "/data/" + "long/" * 10 + name} for name in ("one.tif", "two.tif"))
    (phrase,) = differences(before, now)
    assert "one.tif" in phrase
    assert "two.tif" in phrase


def test_a_fingerprint_compares_as_it_is_stored():
    assert plain({"size": (3, 4), "image": {"mtime": 1.5}}) == {
        "size": [3, 4],
        "image": {"mtime": 1.5},
    }
