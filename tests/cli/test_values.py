from __future__ import annotations

from collections.abc import Callable

import pytest

from tilesegm.cli.values import (
    parse_augment,
    parse_bytes,
    parse_normalisation,
    parse_overlap,
)
from tilesegm.errors import SettingsError
from tilesegm.source.words import parse_bands


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (None, None),
        ("4GB", 4_000_000_000),
        ("1.5g", 1_500_000_000),
        ("800 MiB", 800 * 2**20),
        ("123", 123),
        ("2 TB", 2 * 10**12),
        ("7kb", 7000),
    ],
)
def test_bytes(text: str | None, size: int | None) -> None:
    assert parse_bytes(text) == size


def test_bands() -> None:
    assert parse_bands("3,2, 1") == (3, 2, 1)
    assert parse_bands(None) is None


def test_overlap() -> None:
    assert parse_overlap("exact") == "exact"
    assert parse_overlap("64") == 64


def test_augment() -> None:
    assert parse_augment("flips, 0.75,1.25") == ("flips", 0.75, 1.25)
    assert parse_augment(None) == parse_augment("") == ()


def test_normalisation() -> None:
    made = parse_normalisation("0:255,-1:1")
    assert made is not None
    assert made.offset == (0.0, -1.0)
    assert made.scale == (1 / 255, 0.5)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_bytes, "4 elephants"),
        (parse_bytes, "-4GB"),
        (parse_bytes, ""),
        (parse_bytes, "nan"),
        (parse_bands, "red"),
        (parse_bands, "1,,2"),
        (parse_overlap, "1.5"),
        (parse_overlap, "most"),
        (parse_normalisation, "255"),
        (parse_normalisation, "0:0"),
        (parse_normalisation, "0:1:2"),
        (parse_normalisation, "nan:1"),
        (parse_normalisation, "0:inf"),
    ],
)
def test_words_that_make_no_sense_are_refused_in_one_line(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(SettingsError, match="give") as caught:
        parse(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)
