"""The states of a run on disk: the last one, the one before it, and the best weights of both."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from tilesegm.events import Noted, OnEvent
from tilesegm.files import output_errors, remove, replace
from tilesegm.training.checkpoint import (
    Checkpoint,
    DamagedCheckpointError,
    load_checkpoint,
    save_checkpoint,
)
from tilesegm.training.progress import Progress
from tilesegm.training.run_folder import RunFolder

__all__ = ["best_weights", "keep_best", "keep_state", "newest_state"]


def keep_best(folder: RunFolder, epoch: int, weights: Checkpoint) -> None:
    """Write the weights after ``epoch`` epochs, the best so far.

    Raises:
        OutputError: they cannot be written.
    """
    facts = {**weights.facts, "epoch": epoch, "run": folder.identity()}
    save_checkpoint(folder.best(epoch), Checkpoint(weights.arrays, facts))


def best_weights(folder: RunFolder, epoch: int) -> Checkpoint:
    """Read the weights after ``epoch`` epochs.

    Raises:
        DamagedCheckpointError: they cannot be read, or are others.
    """
    kept = load_checkpoint(folder.best(epoch))
    if kept.facts.get("epoch") != epoch or kept.facts.get("run") not in (None, folder.identity()):
        raise DamagedCheckpointError(
            f"the checkpoint {folder.best(epoch)} is of another epoch or run; pass overwrite to "
            "train from scratch"
        )
    return kept


def keep_state(folder: RunFolder, state: Checkpoint) -> None:
    """Write the state after an epoch, and keep the one before, each with its best weights.

    Raises:
        OutputError: it cannot be written.
    """
    facts = {**state.facts, "run": folder.identity()}
    save_checkpoint(folder.following, Checkpoint(state.arrays, facts))
    with output_errors(folder.last):
        if folder.last.exists():
            replace(folder.last, folder.before)
        replace(folder.following, folder.last)
        # The best epoch of the state before is that of this one, or the best before it.
        for path in _best_files(folder)[:-2]:
            path.unlink()


def newest_state(folder: RunFolder, on_event: OnEvent) -> Checkpoint | None:
    """Return the last state that is whole, with its best weights; None where a run begins.

    Raises:
        ResumeError: what there is is damaged, or of a newer version.
    """
    remove(folder.following)
    found = [path for path in (folder.last, folder.before) if path.exists()]
    if not found:
        if folder.log.exists():
            on_event(Noted(f"{folder.last} is gone, so training begins with the first epoch"))
        return None
    try:
        path, state = found[0], _whole_state(folder, found[0])
        reason = f"{folder.last} is gone"
    except DamagedCheckpointError as error:
        if len(found) == 1:
            raise
        path, state = found[1], _whole_state(folder, found[1])
        reason = str(error).partition("; pass")[0]
    epoch = state.facts["epoch"]
    if path == folder.before:
        on_event(Noted(f"{reason}; training goes on from the state after epoch {epoch}"))
    for best in _best_files(folder):
        if best > folder.best(epoch):
            best.unlink()  # of an epoch that is trained again
    return state


def _whole_state(folder: RunFolder, path: Path) -> Checkpoint:
    state = load_checkpoint(path)
    facts = dict(state.facts)
    run = facts.pop("run", None)  # version 0.1 wrote none
    wrong = None
    if facts.keys() != {field.name for field in fields(Progress)}:
        wrong = "holds no state of a run"
    elif run not in (None, folder.identity()):
        wrong = "is of another run"
    if wrong:
        raise DamagedCheckpointError(
            f"the checkpoint {path} {wrong}; pass overwrite to train from scratch"
        )
    if facts["best_epoch"]:
        best_weights(folder, facts["best_epoch"])
    return Checkpoint(state.arrays, facts)


def _best_files(folder: RunFolder) -> list[Path]:
    return sorted(folder.last.parent.glob("best-*.npz"))
