"""What values of labels mean, and how they are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.images import write
from tilesegm.classes import Meaning
from tilesegm.data.labels import values as module
from tilesegm.data.labels.values import count_values, explain, read_meaning
from tilesegm.errors import SourceError
from tilesegm.source.open import open_source


@pytest.mark.parametrize(
    ("values", "classes", "foreground", "unlabelled"),
    [
        ([0, 1], None, None, ()),
        ([0, 255], None, 255, ()),
        ([0, 255], 2, 255, ()),
        ([0, 255], 21, None, (255,)),
        ([0, -1], 2, -1, ()),
        ([0, 65535], None, 65535, ()),
        ([0, 1, 255], 2, None, (255,)),
        ([1, 255], 2, None, (255,)),
        ([-1, 0, 1, 255], 2, None, (-1, 255)),
        ([*range(20), 255], None, None, (255,)),
        ([*range(256)], None, None, ()),
        ([*range(200), 254, 255], 256, None, ()),
        ([0, 128], 2, None, ()),
        ([0, 2], 2, None, ()),
    ],
)
def test_the_rule(
    values: list[int], classes: int | None, foreground: int | None, unlabelled: tuple[int, ...]
) -> None:
    assert read_meaning(values, classes) == Meaning(foreground, unlabelled)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_every_pixel_is_counted(tmp_path: Path, monkeypatch: Any, dtype: str) -> None:
    monkeypatch.setattr(module, "_STRIP", 500)
    ids = np.random.default_rng(1).integers(0, 7, (130, 90)).astype(dtype)
    path = write(tmp_path / "ids.tif", ids, nodata=3)
    with open_source(str(path)) as source:
        census = count_values(source)
    assert dict(census.counts) == {n: int((ids == n).sum()) for n in range(7) if n != 3}
    assert (census.nodata, census.by_nodata) == (3, (ids == 3).sum())
    assert census.pixels == ids.size


def test_what_holds_too_many_values_is_no_label() -> None:
    with pytest.raises(SourceError, match="more than 10 values"):
        count_values(open_source(np.arange(64, dtype=np.uint8).reshape(8, 8)), most=10)


def test_the_rule_in_words() -> None:
    assert explain({0: 5, 255: 1200}) == (
        "0 (5 px), 255 (1,200 px): as labels a mask of background and foreground"
    )
    assert explain({0: 1, 1: 1, 255: 2}).endswith("and 255 without a label")
