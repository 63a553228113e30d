"""One file, everything in it, nothing interpreted."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tilesegm.errors import OutputError
from tilesegm.report.charts import bars, heat_map, lines
from tilesegm.report.page import Page
from tilesegm.report.pictures import picture


class _Reader(HTMLParser):
    """Collects addresses that a browser would fetch, and checks that tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "srcset", "data") and value
        ]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text("utf-8"))
    assert reader.open == []
    return reader


def full_page() -> Page:
    page = Page("A <b>title</b>", "what & why")
    page.section("Scores", "text with <script>alert(1)</script>")
    page.table(["class", "IoU", "pixels"], [["<i>water", 0.51234, 1234567], ["land", None, 0]])
    page.figure(lines({"a": ([0, 1, 2], [0.1, np.nan, 0.5])}, x="epoch", y="loss"), "curve <1>")
    page.figure(bars({"land": 0.8, "none": float("nan")}))
    page.figure(heat_map([[3, 1], [0, 4]], ["land", "wa<ter"]))
    page.figure(picture(np.zeros((4, 5, 3), np.uint8), alt='a "quote"'))
    page.key([("land", (1, 2, 3))])
    return page


def test_page_fetches_nothing_and_is_well_formed(tmp_path: Path) -> None:
    reader = read(full_page().save(tmp_path / "deep" / "page.html"))
    assert reader.addresses, "the picture"
    assert all(address.startswith("data:") for address in reader.addresses)


def test_policy_forbids_what_is_not_inside(tmp_path: Path) -> None:
    text = full_page().save(tmp_path / "page.html").read_text("utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|<script", text)


def test_given_text_is_shown_as_text(tmp_path: Path) -> None:
    reader = read(full_page().save(tmp_path / "page.html"))
    for shown in ("A <b>title</b>", "<script>alert(1)</script>", "<i>water", "curve <1>", "wa<ter"):
        assert shown in reader.text


def test_numbers_are_shown_for_people(tmp_path: Path) -> None:
    text = full_page().save(tmp_path / "page.html").read_text("utf-8")
    assert "<td>0.5123</td><td>1,234,567</td>" in text
    assert "<td>land</td><td>–</td><td>0</td>" in text


def test_unwritable_page_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        full_page().save(tmp_path / "file" / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
