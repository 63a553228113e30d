"""A run that is set up, and of which nothing is written to its folder."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tilesegm.data.scenes import Scenes
from tilesegm.events import Noted, OnEvent
from tilesegm.training.run_folder import RunFolder
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import config_digest
from tilesegm.training.setup import RunSetup, open_run_scenes, set_up

__all__ = ["unwritten_setup"]


def unwritten_setup(config: TrainingConfig, folder: Path, on_event: OnEvent) -> RunSetup:
    """Set up a run in a temporary folder, which lasts as long as this process.

    Statistics that the folder of the run has are used, and its split where `train` would go on with
    it, so that windows are those of the run. What is not there is measured once in a process.

    Args:
        config: settings of the run.
        folder: where relative paths begin.
        on_event: called with progress and notes.

    Returns:
        The setup, whose scenes the caller has to close.

    Raises:
        InputError: settings, start weights, images and labels do not fit each other.
        ResumeError: the settings of the run in the folder cannot be read.
    """
    scenes = open_run_scenes(config, folder)
    try:
        run = RunFolder(folder / config.output)
        scratch = RunFolder(Path(_temporary().name) / _key(config, scenes))
        scratch.path.mkdir(exist_ok=True)
        if run.statistics.exists():
            shutil.copyfile(run.statistics, scratch.statistics)
        if run.split.exists():
            changed = run.changed_settings(config)
            if changed:
                names = ", ".join(changed)
                on_event(
                    Noted(
                        f"{run.path} holds a run with other settings ({names}); its split "
                        "is not used"
                    )
                )
            else:
                shutil.copyfile(run.split, scratch.split)
        return set_up(scenes, config, scratch, on_event=on_event)
    except BaseException:
        scenes.close()
        raise


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tilesegm-")


def _key(config: TrainingConfig, scenes: Scenes) -> str:
    """Tell settings and data from others, as a name of a folder."""
    inputs: dict[str, Any] = {info.name: dict(info.identity) for info in scenes.infos}
    facts = json.dumps([config_digest(config), inputs], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]
