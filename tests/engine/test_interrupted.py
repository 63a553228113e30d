"""Processes that are killed in the middle of a run, and go on where they stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images import GEO, blobs, write

ROOT = Path(__file__).parents[2]
REGIONS = 6
TIMEOUT = 120.0


def hear_interrupts() -> None:
    """Undo that a shell lets what it starts in the background, such as tests, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Work:
    """One image, and runs on it in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image = write(folder / "image.tif", blobs(1024 * REGIONS - 300, 260), **GEO)
        self.log = folder / "calls"

    def start(self, output: str, *more: str, seconds: float = 0.03) -> subprocess.Popen[str]:
        """Start a run."""
        words = ["predict", str(self.image), "-m", "slow", "-o", str(self.folder / output)]
        command = [sys.executable, "-m", "tests.engine.slow_run", str(seconds), str(self.log)]
        return subprocess.Popen(
            [*command, *words, "--tile", "128", "--overlap", "32", "--json", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            preexec_fn=hear_interrupts,
        )

    def finish(self, output: str, *more: str) -> dict[str, int]:
        """Run to the end and return what was said."""
        said, errors = self.start(output, *more, seconds=0).communicate(timeout=TIMEOUT)
        assert not errors
        result: dict[str, int] = json.loads(said)
        return result

    def done(self, output: str) -> int:
        """Regions that are safe."""
        journal = self.folder / f"{output}.partial" / "journal"
        return journal.read_bytes().count(b'"region"') if journal.exists() else 0

    def calls(self) -> int:
        """Calls of the network by all runs so far."""
        return self.log.stat().st_size if self.log.exists() else 0


def wait(until: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + TIMEOUT
    while not until():
        if process.poll() is not None:
            pytest.fail(f"ended too soon: {process.communicate()}")
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    return Work(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def straight(work: Work) -> tuple[bytes, int]:
    """File and number of calls of a run that nothing interrupts."""
    before = work.calls()
    assert work.finish("straight.tif")["resumed_pixels"] == 0
    return (work.folder / "straight.tif").read_bytes(), work.calls() - before


def test_killed_runs_end_with_the_same_bytes(work: Work, straight: tuple[bytes, int]) -> None:
    dice = random.Random(1)
    output = "killed.tif"
    before = work.calls()
    for kill in range(3):
        process = work.start(output)
        wanted = kill + 1
        wait(lambda wanted=wanted: work.done(output) >= wanted, process)
        time.sleep(dice.uniform(0, 0.3))
        process.kill()
        process.communicate()
        assert not (work.folder / output).exists()
    done = work.done(output)
    result = work.finish(output)
    assert result["resumed_pixels"] == done * 1024 * 260
    expected, calls = straight
    assert (work.folder / output).read_bytes() == expected
    # A kill costs at most the region under way, and what the pipeline was ahead of it.
    region = -(-calls // REGIONS)
    assert work.calls() - before <= calls + 3 * (region + 6)
    assert not list(work.folder.glob("*.partial*"))
    assert not list(work.folder.glob(".*draft*"))


def test_one_run_at_a_time_ctrl_c_ends_it_and_it_goes_on(
    work: Work, straight: tuple[bytes, int]
) -> None:
    output = "stopped.tif"
    process = work.start(output, seconds=0.3)
    wait(lambda: work.done(output) >= 1, process)
    second = work.start(output)
    said, errors = second.communicate(timeout=TIMEOUT)
    assert second.returncode == 5
    assert said == ""
    assert len(errors.splitlines()) == 1
    assert "another run is writing" in errors
    assert process.poll() is None, "the first run goes on"

    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert errors == "tilesegm: interrupted; the same command goes on where it stopped\n"
    assert not (work.folder / output).exists()

    refused = work.start(output, "--blend", "linear")
    _, errors = refused.communicate(timeout=TIMEOUT)
    assert refused.returncode == 5
    assert "blend" in errors
    assert len(errors.splitlines()) == 1
    done = work.done(output)
    assert work.finish(output)["resumed_pixels"] == done * 1024 * 260
    assert (work.folder / output).read_bytes() == straight[0]
