"""Names are written in letters that can be read, or numbered and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tilesegm.classes import ClassInfo
from tilesegm.events import Noted
from tilesegm.pictures import fonts
from tilesegm.pictures.fonts import font_for
from tilesegm.pictures.sheet import Panel, Sheet, write_sheet

PANEL = Panel("a", np.full((40, 200, 3), 200, np.uint8))


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without fonts of its own."""
    monkeypatch.setattr(fonts, "_KNOWN", ())
    monkeypatch.setattr(fonts.shutil, "which", lambda _: None)
    font_for.cache_clear()
    yield
    font_for.cache_clear()


@pytest.mark.parametrize("text", ["дорога", "Gewässer", "水体", "植被", "한국어", "كتاب", "😀"])
def test_a_font_has_all_letters_or_none_is_given(text: str) -> None:
    if (font := font_for(text, 20)) is None:
        pytest.skip("no font of this machine has these letters")
    shapes = {bytes(font.getmask(letter)) for letter in text}
    assert len(shapes) == len(set(text)), "boxes would be alike"
    assert bytes(font.getmask("\U0010ffff")) not in shapes


def test_fontconfig_finds_fonts_of_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    if not fonts.shutil.which("fc-list") or not [*fonts._installed("ж")]:
        pytest.skip("fontconfig is not here, or knows no Cyrillic")
    monkeypatch.setattr(fonts, "_KNOWN", ())
    font_for.cache_clear()
    found = font_for("ж", 20)
    font_for.cache_clear()
    assert found is not None


def test_plain_names_are_written_without_other_fonts(no_fonts: None, tmp_path: Path) -> None:
    events: list[object] = []
    sheet = Sheet([[PANEL]], [ClassInfo("water, 12 %", (0, 0, 99))], "a note")
    write_sheet(tmp_path / "a.png", sheet, events.append)
    assert not sheet.unwritable
    assert not events


def test_names_without_a_font_are_numbered_and_told(no_fonts: None, tmp_path: Path) -> None:
    events: list[object] = []
    legend = [ClassInfo(name, (0, 0, 99)) for name in ("水体", "road", "植被", "дорога", "水体")]
    sheet = Sheet([[PANEL]], legend)
    assert sheet.unwritable == ("水体", "植被", "дорога")
    path = write_sheet(tmp_path / "a.png", sheet, events.append)
    (note,) = events
    assert isinstance(note, Noted)
    assert "3 names: in the picture, name 1 is 水体, name 2 is 植被, name 3 is дорога" in note.text
    assert "install a font" in note.text
    numbers = ["name 1", "road", "name 2", "name 3", "name 1"]
    same = Sheet(
        [[PANEL]],
        [ClassInfo(name, (0, 0, 99)) for name in numbers],
        "Numbered names: no font has their letters; the command lists them",
    )
    other = write_sheet(tmp_path / "b.png", same)
    assert path.read_bytes() == other.read_bytes()


def test_scripts_that_need_layout_are_not_torn_apart(
    monkeypatch: pytest.MonkeyPatch, no_fonts: None
) -> None:
    monkeypatch.setattr(fonts, "_KNOWN", ("DejaVuSans.ttf",))
    monkeypatch.setattr(fonts.features, "check", lambda _: False)
    assert font_for("كتاب", 20) is None
