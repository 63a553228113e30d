"""Checkpoints that are damaged are found, and the state before is taken; see `checkpoints`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.compat.make import FILES
from tests.faults.checkpoints import EPOCHS, checkpoints, make_states, state_of
from tilesegm.data.split.file import load_split
from tilesegm.data.statistics.cache import load_statistics
from tilesegm.errors import ResumeError, SettingsError
from tilesegm.events import Event, Noted
from tilesegm.training.checkpoint import Checkpoint
from tilesegm.training.states import keep_best, keep_state, newest_state


def test_many_faults(tmp_path: Path) -> None:
    tally = checkpoints(tmp_path, 800)
    print(tally.row())
    assert not tally.wrong, "\n".join(tally.wrong[:20])


def test_the_state_before_is_taken_and_said(tmp_path: Path) -> None:
    folder = make_states(tmp_path / "run")
    data = bytearray(folder.last.read_bytes())
    data[len(data) // 3] ^= 4
    folder.last.write_bytes(data)
    events: list[Event] = []
    state = newest_state(folder, events.append)
    assert state is not None
    assert state.facts == state_of(EPOCHS - 1).facts
    (note,) = (event.text for event in events if isinstance(event, Noted))
    assert str(folder.last) in note
    assert f"goes on from the state after epoch {EPOCHS - 1}" in note
    assert not folder.best(EPOCHS).exists()  # it is trained again


def test_a_state_without_its_best_weights_is_not_taken(tmp_path: Path) -> None:
    folder = make_states(tmp_path / "run")
    folder.best(EPOCHS).unlink()
    state = newest_state(folder, lambda event: None)
    assert state is not None
    assert state.facts["epoch"] == EPOCHS - 1
    folder.best(EPOCHS - 2).unlink()
    with pytest.raises(ResumeError, match="pass overwrite to train from scratch"):
        newest_state(folder, lambda event: None)


def test_what_is_kept_is_two_states_and_the_best_weights_of_both(tmp_path: Path) -> None:
    folder = make_states(tmp_path / "run")
    kept = ["before.npz", f"best-{EPOCHS - 2:06d}.npz", f"best-{EPOCHS:06d}.npz", "last.npz"]
    assert sorted(path.name for path in folder.last.parent.iterdir()) == kept
    keep_state(folder, state_of(EPOCHS + 1))
    keep_best(folder, EPOCHS + 2, Checkpoint({"weights/0": np.zeros(2)}, {}))
    keep_state(folder, state_of(EPOCHS + 2))
    kept = ["before.npz", f"best-{EPOCHS:06d}.npz", f"best-{EPOCHS + 2:06d}.npz", "last.npz"]
    assert sorted(path.name for path in folder.last.parent.iterdir()) == kept


def test_training_that_lost_all_its_states_says_so(tmp_path: Path) -> None:
    folder = make_states(tmp_path / "run")
    folder.log.write_text("epoch,loss\n")
    folder.last.unlink()
    folder.before.unlink()
    events: list[Event] = []
    assert newest_state(folder, events.append) is None
    assert events == [Noted(f"{folder.last} is gone, so training begins with the first epoch")]


def test_damaged_statistics_are_measured_again(tmp_path: Path) -> None:
    """Of a compressed archive, whose decoder has errors of its own."""
    whole = (FILES / "training" / "stopped" / "statistics.npz").read_bytes()
    path = tmp_path / "statistics.npz"
    path.write_bytes(whole)
    with np.load(path) as file:
        key = str(file["key"])
    expected = load_statistics(path, key)
    assert expected is not None
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(500):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        read = load_statistics(path, key)
        found += read is None
        assert read is None or repr(read) == repr(expected)
    assert found > 250


@pytest.mark.parametrize("text", ["", "null", "[]", "[" * 100_000, '{"format": 1}', "\0" * 99])
def test_a_damaged_split_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"split\.json is no split") as refusal:
        load_split(path)
    assert "\n" not in str(refusal.value)
