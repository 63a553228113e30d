"""Progress where there is no terminal: lines at intervals, with time, percentage, rate and rest."""

from __future__ import annotations

import re

import pytest

from tilesegm.cli.progress import ProgressBar
from tilesegm.events import Noted, PixelsDone, RunStarted, StageProgress, StageStarted


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_log_gets_a_line_after_10_s_30_s_and_then_once_per_minute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with ProgressBar(clock=clock) as progress:
        progress(RunStarted("city.tif", 400_000_000, 0))
        for _ in range(200):
            clock.now += 1
            progress(PixelsDone(2_000_000))
    lines = lines_of(capsys)
    shown = [re.sub(r"^\S+ \S+  ", "", line) for line in lines]
    assert shown == [
        "city.tif: 5%, 2.0 MP/s, 0:03:10 left",
        "city.tif: 20%, 2.0 MP/s, 0:02:40 left",
        "city.tif: 50%, 2.0 MP/s, 0:01:40 left",
        "city.tif: 80%, 2.0 MP/s, 0:00:40 left",
    ]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]", line) for line in lines)


def test_pixels_of_an_earlier_run_count_as_done_but_not_for_the_rate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with ProgressBar(clock=clock) as progress:
        progress(RunStarted("city.tif", 100_000_000, 60_000_000))
        clock.now += 10
        progress(PixelsDone(20_000_000))
    (line,) = lines_of(capsys)
    assert line.endswith("city.tif: 80%, 2.0 MP/s, 0:00:10 left")


def test_stages_have_no_rate_and_short_work_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with ProgressBar(clock=clock) as progress:
        progress(StageStarted("measuring"))
        clock.now += 9
        progress(StageProgress(0.5))
        progress(StageStarted("writing classes.tif"))
        clock.now += 20
        progress(StageProgress(0.25))
    (line,) = lines_of(capsys)
    assert line.endswith("writing classes.tif: 25%, 0:01:00 left")


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with ProgressBar(quiet=True, clock=clock) as progress:
        progress(RunStarted("city.tif", 100, 0))
        clock.now += 100
        progress(PixelsDone(50))
    assert lines_of(capsys) == []


def test_a_note_that_holds_for_many_images_is_printed_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ProgressBar() as progress:
        for text in ("classes: offsets 1, 0", "b.tif: no nodata", "classes: offsets 1, 0"):
            progress(Noted(text))
    assert lines_of(capsys) == ["note: classes: offsets 1, 0", "note: b.tif: no nodata"]
