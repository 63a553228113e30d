"""The settings of the study, as Python reads them: everything but the loss is held fixed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tilesegm.advice.study import STUDIED

if TYPE_CHECKING:
    from tilesegm.training.settings.config import TrainingConfig

__all__ = ["DATASETS", "LOSSES", "STEPS", "settings_file", "study_config"]

DATASETS = ("drive", "isbi2012", "dsb2018", "dubai")
STEPS = 400
"""Updates of a run, where rows do not say."""

# Deep supervision is a setting of the network: `--vary model.deep_supervision=false,true`.
_BEFORE = [*STUDIED].index("border_pyramid")
LOSSES = (*[*STUDIED][:_BEFORE], "deep_ce", *[*STUDIED][_BEFORE:])
"""Losses in the order of tables."""


def settings_file(data: str, root: Path) -> Path:
    """Return the settings of a data set, and let them find their images below ``root``."""
    os.environ["DATA"] = str(root.absolute())
    return Path(__file__).with_name("settings") / f"{data}.yaml"


def study_config(data: str, root: Path, changes: Sequence[str] = ()) -> TrainingConfig:
    """Return the settings of a run, with ``key.path=value`` each in place of theirs."""
    from tilesegm.training.settings.settings_file import load_config

    return load_config(settings_file(data, root), changes)
