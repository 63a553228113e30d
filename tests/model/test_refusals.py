"""Each refusal of a network gives the real reason, and its advice works when followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.images import read
from tests.model.refusals import IMAGE, ROWS, Row, refusal

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@every_row
def test_the_line_is_the_one_of_the_page(row: Row) -> None:
    line = refusal(row)
    assert "\n" not in line
    assert f"| {row.name} | {line} | {row.how} |" in PAGE
    assert not Path("map.tif").exists()


@pytest.mark.filterwarnings("ignore:[\\s\\S]*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize("row", [row for row in ROWS if row.follow], ids=lambda row: row.name)
def test_following_the_advice_works(row: Row) -> None:
    run = row.follow(row.make())
    run()
    classes = read(Path("map.tif"))
    assert classes.shape == IMAGE.shape[:2]
    if row.exact:
        np.testing.assert_array_equal(classes, IMAGE.argmax(axis=2))
