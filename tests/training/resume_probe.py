"""Trains in a process of its own, which may kill itself; run by ``test_resume``.

``python -m tests.training.resume_probe FOLDER OUTPUT [KILL_AT]`` trains in ``FOLDER/OUTPUT`` and
kills itself, as ``kill -9`` would, when that part of the run is done.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.training.scenery import settings
from tilesegm.events import Event, StageProgress
from tilesegm.training.settings.config import TrainingConfig

# Everything that has a state: averages, gathered gradients, dropout, a rule with random draws,
# hard places, augmentation.
EVERYTHING = {
    "schedule": {"epochs": 3, "steps": 8, "batch": 2, "size": 32},
    "optimizer": {"ema": 0.9, "accumulate": 2, "learning_rate": 5e-3},
    "model": {"filters": 2, "depth": 1, "dropout": 0.2},
    "sampling": {"balanced": 0.4, "hard": 0.4},
    "augmentation": {"rotate": 20.0, "noise": 0.05},
}


def everything(folder: Path, output: str, rule: str = "random") -> TrainingConfig:
    """Return settings of a run whose state has every part."""
    loss = {"weighting": {"name": rule, **({"seed": 1} if rule == "random" else {})}}
    return settings(folder, output=str(folder / output), loss=loss, **EVERYTHING)


def main(folder: str, output: str, kill_at: str = "2") -> None:
    from dataclasses import replace

    from tilesegm.training.run import train

    def watch(event: Event) -> None:
        if isinstance(event, StageProgress) and state["training"] and event.fraction > limit:
            os.kill(os.getpid(), signal.SIGKILL)
        state["training"] = state["training"] or getattr(event, "name", "") == "training"

    state, limit = {"training": False}, float(kill_at)
    config = everything(Path(folder), output)
    config = replace(config, device=replace(config.device, deterministic=True, readers=2))
    train(config, on_event=watch)


if __name__ == "__main__":
    main(*sys.argv[1:])
