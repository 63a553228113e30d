"""No file dies of a training run that did not come from one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.trees import THINGS, snapshot
from tests.training.scenery import settings
from tilesegm.errors import OutputError, ResumeError, TilesegmError
from tilesegm.events import EpochEnded, Event, Noted, StageStarted
from tilesegm.training.run import train
from tilesegm.training.settings.config import TrainingConfig

SMALL = {"model": {"filters": 2, "depth": 1}, "schedule": {"epochs": 2, "steps": 2}}


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def stopped(config: TrainingConfig, at: type[Event] = EpochEnded, **more: object) -> int:
    """Train until the first event of a kind, and return the number of epochs that ended."""
    epochs = 0

    def stop(event: Event) -> None:
        nonlocal epochs
        epochs += isinstance(event, EpochEnded)
        if isinstance(event, at):
            raise StoppedError

    with pytest.raises(StoppedError):
        train(config, on_event=stop, **more)
    return epochs


def epochs_of(config: TrainingConfig, **more: object) -> list[int]:
    seen: list[int] = []
    train(
        config,
        on_event=lambda event: seen.append(event.epoch) if isinstance(event, EpochEnded) else None,
        **more,
    )
    return seen


def _project(run: Path, text: str) -> None:
    for name in ("settings.json", "model/weights.bin", "checkpoints/last.npz", "report.html"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("precious")
    (run / "settings.json").write_text(text)


FOREIGN: dict[str, Callable[[Path], None]] = {
    "a project with settings": lambda run: _project(run, '{"lr": 1}'),
    "a project with a list": lambda run: _project(run, "[]"),
    "a project with other text": lambda run: _project(run, "lr = 1"),
    "a lock that is not empty": lambda run: (run.mkdir(), (run / ".lock").write_text("mine")),
    "a file of statistics and more": lambda run: (
        run.mkdir(),
        (run / "statistics.npz").write_text("mine"),
        (run / "notes.txt").write_text("mine"),
    ),
    **{f"a {name}": make for name, make in THINGS.items()},
}


@pytest.mark.parametrize("overwrite", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("thing", FOREIGN)
def test_a_folder_of_somebody_else_stays(tmp_path: Path, thing: str, overwrite: bool) -> None:
    config = settings(tmp_path, **SMALL)
    FOREIGN[thing](tmp_path / "run")
    before = snapshot(tmp_path)
    with pytest.raises(TilesegmError) as caught:
        train(config, overwrite=overwrite)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, OutputError)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("overwrite", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "place",
    ["model", *(pytest.param(at, marks=pytest.mark.slow) for at in ("checkpoints", "tensorboard"))],
)
@pytest.mark.parametrize("thing", ["text", "link to a folder", "dangling link", "folder"])
def test_what_is_in_the_way_of_a_run_stays(
    tmp_path: Path, place: str, thing: str, overwrite: bool
) -> None:
    config = settings(tmp_path, **SMALL)
    stopped(config, StageStarted)
    THINGS[thing](tmp_path / "run" / place)
    before = snapshot(tmp_path)
    if thing == "folder" and place != "model":
        stopped(config, overwrite=overwrite)  # other files in it are no hindrance
        assert snapshot(tmp_path)[f"run/{place}/thesis.txt"] == b"precious"
        return
    with pytest.raises(OutputError):
        train(config, overwrite=overwrite)
    assert snapshot(tmp_path) == before


def test_overwrite_removes_files_of_the_run_alone(tmp_path: Path) -> None:
    config = settings(tmp_path, **SMALL)
    train(config)
    run = tmp_path / "run"
    for name in ("notes.txt", "checkpoints/mine.npz", "tensorboard/mine.txt", "figures/a.png"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("precious")
    other = replace(config, seed=1)
    assert epochs_of(other, overwrite=True) == [1, 2]
    for name in ("notes.txt", "checkpoints/mine.npz", "tensorboard/mine.txt", "figures/a.png"):
        assert (run / name).read_text() == "precious"
    (run / "model" / "notes.txt").write_text("precious")
    before = snapshot(tmp_path)
    with pytest.raises(OutputError, match=r"model is needed .* holds notes\.txt"):
        train(config, overwrite=True)
    assert snapshot(tmp_path) == before


@pytest.mark.slow
def test_a_page_that_appears_stays_and_ours_is_kept(tmp_path: Path) -> None:
    config = settings(tmp_path, **SMALL)
    page = tmp_path / "run" / "report.html"

    def appear(event: Event) -> None:
        if isinstance(event, StageStarted) and event.name == "training":
            page.write_text("precious")

    with pytest.raises(OutputError, match=r"report\.new\.html"):
        train(config, on_event=appear)
    assert page.read_text() == "precious"
    assert "<footer>tilesegm" in (tmp_path / "run" / "report.new.html").read_text()
    page.rename(tmp_path / "moved.html")
    assert epochs_of(config) == []
    assert (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("key", ["weights", pytest.param("file", marks=pytest.mark.slow)])
def test_a_run_does_not_write_over_what_it_reads(tmp_path: Path, key: str) -> None:
    config = settings(tmp_path, **SMALL)
    train(config)
    changes = {
        "weights": {"model": replace(config.model, weights=str(tmp_path / "run" / "model"))},
        "file": {"split": replace(config.split, file=str(tmp_path / "run" / "split.json"))},
    }
    before = snapshot(tmp_path)
    with pytest.raises(OutputError, match=rf"is the input \w+\.{key}.*choose another output"):
        train(replace(config, **changes[key]), overwrite=True)
    assert snapshot(tmp_path) == before


def test_overwrite_goes_on_with_the_run_that_it_began(tmp_path: Path) -> None:
    config = settings(tmp_path, **SMALL)
    train(config)
    assert stopped(config, overwrite=True) == 1
    assert epochs_of(config, overwrite=True) == [2]
    assert epochs_of(config, overwrite=True) == [1, 2]


@pytest.mark.slow
def test_overwrite_drops_what_others_began(tmp_path: Path) -> None:
    config = settings(tmp_path, **SMALL)
    assert stopped(config) == 1
    assert stopped(config, overwrite=True) == 1
    assert epochs_of(replace(config, seed=1), overwrite=True) == [1, 2]


@pytest.mark.slow
def test_overwrite_drops_a_run_on_data_that_changed(tmp_path: Path) -> None:
    config = settings(tmp_path, **SMALL)
    stopped(config, overwrite=True)
    shutil.copy(tmp_path / "a_labels.tif", tmp_path / "a_labels.new")
    (tmp_path / "a_labels.new").replace(tmp_path / "a_labels.tif")
    with pytest.raises(ResumeError, match="other data"):
        train(config)
    assert epochs_of(config, overwrite=True) == [1, 2]


@pytest.mark.slow
def test_the_advice_about_damaged_checkpoints_works(tmp_path: Path) -> None:
    config = settings(tmp_path, **SMALL)
    stopped(config, overwrite=True)
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TilesegmError, match="overwrite"):
        train(config, overwrite=True)
    assert epochs_of(config, overwrite=True) == [1, 2]


@pytest.mark.slow
def test_a_dry_run_says_what_overwrite_does(tmp_path: Path) -> None:
    from tilesegm.training.setup import set_up_aside

    config = settings(tmp_path, **SMALL)
    stopped(config, overwrite=True)
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    split["buffer"] += 1
    (tmp_path / "run" / "split.json").write_text(json.dumps(split))
    notes: list[Event] = []
    with set_up_aside(config, overwrite=True, on_event=notes.append) as setup:
        assert setup.data.split.buffer == split["buffer"]
    assert not [note for note in notes if isinstance(note, Noted) and "refuses" in note.text]
