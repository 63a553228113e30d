"""The examples in the docstrings of the public interface run, and give what they show."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pytest

import tilesegm

PUBLIC = (
    *("Normalisation", "Options", "Tiling", "Window", "audit", "open_source", "plan", "segment"),
    "segment_many",
)


@pytest.mark.parametrize("name", PUBLIC)
def test_example_of(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(getattr(tilesegm, name)) or ""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert example.examples
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append)
    assert not report, "".join(report)
