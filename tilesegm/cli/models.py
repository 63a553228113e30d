"""The models and images of a command line, as they were meant."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from tilesegm.errors import SettingsError
from tilesegm.events import Noted, OnEvent

__all__ = ["find_models", "sort_inputs"]


def sort_inputs(
    models: list[str], images: list[str], on_event: OnEvent
) -> tuple[list[str], list[str]]:
    """Return the models and the images of a command line.

    A shell expands ``--model runs/*/model`` to several paths, of which the first alone follows the
    option: the others stand among the images, and are told by what they are.

    Args:
        models: paths or patterns given with ``--model``.
        images: what was given as images.
        on_event: told which of them are models.

    Raises:
        SettingsError: no path fits a pattern.
    """
    strays = [path for path in images if _is_model(Path(path))]
    if strays:
        on_event(
            Noted(
                f"{', '.join(strays)} {'is a model' if len(strays) == 1 else 'are models'} among "
                "the images, as of a pattern after --model that the shell expanded: taken with it"
            )
        )
    images = [path for path in images if path not in strays]
    if not images:
        raise SettingsError(f"no image is given, but {', '.join(strays)}; give the image first")
    return [*find_models(models), *strays], images


def _is_model(path: Path) -> bool:
    folder = (path / "bundle.json").is_file() or (path / "saved_model.pb").is_file()
    return folder or (path.suffix.lower() == ".keras" and path.is_file())


def find_models(models: list[str]) -> list[str]:
    """Return the paths of models, those that fit a pattern in the order of their names.

    Raises:
        SettingsError: no path fits a pattern.
    """
    found: list[str] = []
    for given in models:
        if os.path.lexists(given) or not glob.has_magic(given) or "://" in given:
            found.append(given)
            continue
        fitting = sorted(glob.glob(given, recursive=True))
        if not fitting:
            raise SettingsError(
                f"no model fits the pattern {given!r}; look at the folders with `ls`, or give a "
                "path"
            )
        found += fitting
    return found
