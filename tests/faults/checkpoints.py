"""Checkpoints of training that are damaged, and what is made of them."""

from __future__ import annotations

import random
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tests.faults.tally import Tally
from tilesegm.errors import ResumeError
from tilesegm.training.checkpoint import Checkpoint
from tilesegm.training.progress import Progress
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.states import keep_best, keep_state, newest_state

__all__ = ["checkpoints", "make_states", "state_of"]

EPOCHS = 4


def state_of(epoch: int) -> Checkpoint:
    """Return the state of an epoch; every second one is the best."""
    rng = np.random.default_rng(epoch)
    arrays = {f"model/{n}": rng.random((3, 5)).astype(np.float32) for n in range(4)}
    progress = Progress(epoch=epoch, best=float(epoch), best_epoch=epoch // 2 * 2)
    return Checkpoint(arrays, asdict(progress))


def make_states(path: Path) -> RunFolder:
    """Make the folder of a run after some epochs."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    folder = RunFolder(path)
    folder.settings.write_text('{"output": "run"}')
    folder.inputs.write_text(f'{{"a": "{path.name}"}}')
    for epoch in range(1, EPOCHS + 1):
        if epoch % 2 == 0:
            keep_best(folder, epoch, Checkpoint({"weights/0": np.full(9, epoch)}, {}))
        keep_state(folder, state_of(epoch))
    return folder


def checkpoints(base: Path, count: int, seed: int = 0) -> Tally:
    """Flip bits, cut and swap files of checkpoints; the state must be that of its epoch."""
    tally, rng = (
        Tally("a checkpoint of training is flipped, cut, swapped or gone"),
        random.Random(seed),
    )
    folder = make_states(base / "run")
    names = sorted(path.name for path in folder.last.parent.iterdir())
    whole = {name: (folder.last.parent / name).read_bytes() for name in names}
    other = make_states(base / "other")
    for number in range(count):
        shutil.rmtree(folder.last.parent)
        folder.last.parent.mkdir()
        files = dict(whole)
        name = rng.choice(names)
        data = files[name]
        match number % 8:
            case 0:
                files[name] = data[: rng.randrange(len(data))]
            case 1:
                two = rng.choice(names)
                files[name], files[two] = files[two], files[name]
            case 2:
                files[name] = (other.last.parent / name).read_bytes()
            case 3:
                del files[name]
            case _:
                flipped = bytearray(data)
                flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                files[name] = bytes(flipped)
        for file, content in files.items():
            (folder.last.parent / file).write_bytes(content)
        tally.count(f"{name} in way {number % 8}", _judge(folder))
    return tally


def _judge(folder: RunFolder) -> str:
    try:
        state = newest_state(folder, lambda event: None)
    except ResumeError as error:
        return "clear error" if "\n" not in str(error) and "overwrite" in str(error) else str(error)
    if state is None:
        return "WRONG: begins from the start"
    expected = state_of(state.facts["epoch"])
    same = state.facts == expected.facts and state.arrays.keys() == expected.arrays.keys()
    same = same and all(np.array_equal(expected.arrays[n], a) for n, a in state.arrays.items())
    return "right" if same else f"WRONG: {state.facts}"
