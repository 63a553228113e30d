"""Splits as JSON files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from tilesegm.data.scenes import Scenes
from tilesegm.data.split.pieces import ROLES, Piece, SplitScene
from tilesegm.data.split.split import Split
from tilesegm.errors import SettingsError
from tilesegm.files import replacing
from tilesegm.grid.window import Window
from tilesegm.inputs import read_json
from tilesegm.shown import line_of

__all__ = ["load_split", "save_split"]

_FORMAT, _VERSION = "tilesegm split", 1
_LARGEST = 1 << 27
"""Bytes of a file: some three million pieces."""
_ROLE_OF = {fold: role for role, fold in ROLES.items()}


def save_split(split: Split, path: str | Path) -> None:
    """Write a split; every piece is a line ``[fold, row, col, height, width]`` of its scene.

    Raises:
        OutputError: the file cannot be written.
    """
    names = ("strategy", "folds", "buffer", "seed", "notes")
    facts = {name: getattr(split, name) for name in names}
    head = {"format": _FORMAT, "version": _VERSION} | facts
    scenes = ",\n".join(_scene_text(split, scene) for scene in split.scenes)
    text = json.dumps(head, indent=1, ensure_ascii=False)[: -len("\n}")]
    with replacing(Path(path)) as draft:
        draft.write_text(f'{text},\n "scenes": [\n{scenes}\n ]\n}}\n', encoding="utf-8")


def load_split(path: str | Path, scenes: Scenes | None = None) -> Split:
    """Read what `save_split` wrote, and check that it fits the scenes when they are given.

    Its scenes come in the order of ``scenes`` then, whatever the order in the file.

    Raises:
        SettingsError: the file is no split, or one of other scenes.
    """
    path = Path(path)
    try:
        split = _parse(read_json(path, SettingsError, _LARGEST))
    except SettingsError:
        raise
    except OSError as error:
        raise SettingsError(
            f"split file {path} cannot be read: {error.strerror}; give a file that a training run "
            "wrote, or leave split.file out to make a new split"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SettingsError(
            f"{path} is no split of version {_VERSION}: {_reason(error)}; give a file that a "
            "training run wrote, or leave split.file out to make a new split"
        ) from error
    _check_pieces(split, path)
    if scenes is None:
        return split
    return _in_order(split, [SplitScene(s.name, s.height, s.width) for s in scenes.infos], path)


def _scene_text(split: Split, scene: SplitScene) -> str:
    """One scene with a line for each piece."""
    lines = ",\n".join(
        "    " + json.dumps([_ROLE_OF.get(p.fold, p.fold), w.row, w.col, w.height, w.width])
        for p in split.pieces_of(scene.name)
        for w in (p.window,)
    )
    head = json.dumps(asdict(scene), ensure_ascii=False).rstrip("}")
    return f'  {head}, "pieces": [\n{lines}\n  ]}}'


def _parse(content: dict[str, Any]) -> Split:
    """Make a split of what the file holds; whatever is raised says that it is none."""
    if (content["format"], content["version"]) != (_FORMAT, _VERSION):
        raise ValueError(f"format {content['format']!r} of version {content['version']!r}")
    return Split(
        strategy=str(content["strategy"]),
        folds=_whole(content["folds"]),
        buffer=_whole(content["buffer"]),
        seed=_whole(content["seed"]),
        scenes=tuple(
            SplitScene(
                str(scene["name"]),
                _whole(scene["height"]),
                _whole(scene["width"]),
                str(scene.get("image", "")),
            )
            for scene in content["scenes"]
        ),
        pieces=tuple(
            Piece(
                scene=str(scene["name"]),
                window=Window(*map(_whole, window)),
                fold=ROLES[fold] if isinstance(fold, str) else _whole(fold),
            )
            for scene in content["scenes"]
            for fold, *window in scene["pieces"]
        ),
        notes=tuple(map(str, content["notes"])),
    )


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} where a whole number from 0 was expected")
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r:.80}"
    return line_of(error)


def _check_pieces(split: Split, path: Path) -> None:
    """Refuse pieces that overlap, leave pixels out, or belong to no fold."""
    if len({scene.name for scene in split.scenes}) < len(split.scenes):
        raise SettingsError(f"{path} names a scene twice; each scene must be there once")
    wrong = [piece.fold for piece in split.pieces if piece.fold >= split.folds]
    if split.folds < 1 or wrong:
        raise SettingsError(
            f"{path} has {split.folds} folds and a piece of fold {max(wrong, default=0)}; "
            "folds are numbered from 0"
        )
    for scene in split.scenes:
        windows = [piece.window for piece in split.pieces_of(scene.name)]
        if not _partition(windows, scene.window):
            raise SettingsError(
                f"pieces of scene {scene.name!r} in {path} overlap or leave pixels of "
                f"{_size(scene)} out; every pixel must lie in one piece"
            )


def _partition(windows: Sequence[Window], whole: Window) -> bool:
    """Whether every pixel of ``whole`` lies in exactly one window."""
    if not all(whole.contains(window) and window.pixels for window in windows):
        return False
    # Rectangles between all edges are covered as a whole or not at all.
    rows = np.unique([0, whole.height, *(edge for w in windows for edge in (w.row, w.stop_row))])
    cols = np.unique([0, whole.width, *(edge for w in windows for edge in (w.col, w.stop_col))])
    covered = np.zeros((len(rows) - 1, len(cols) - 1), np.int64)
    for w in windows:
        top, bottom = np.searchsorted(rows, (w.row, w.stop_row))
        left, right = np.searchsorted(cols, (w.col, w.stop_col))
        covered[top:bottom, left:right] += 1
    return bool((covered == 1).all())


def _in_order(split: Split, scenes: Sequence[SplitScene], path: Path) -> Split:
    """Give the split with its scenes in the order of these, which have to be the same ones."""
    of_split = {scene.name: scene for scene in split.scenes}
    given = {scene.name: scene for scene in scenes}
    for problem, names in (
        ("lacks", given.keys() - of_split.keys()),
        ("is of other images too:", of_split.keys() - given.keys()),
    ):
        if names:
            listed = ", ".join(sorted(names)[:5]) + (" ..." if len(names) > 5 else "")
            raise SettingsError(
                f"split {path} {problem} {listed}; make a new split, or use the images that it "
                "was made for"
            )
    for name, scene in given.items():
        if of_split[name] != scene:
            raise SettingsError(
                f"split {path} has scene {name!r} with {_size(of_split[name])} pixels and the "
                f"image has {_size(scene)}; make a new split, or use the image that it was made for"
            )
    return replace(split, scenes=tuple(of_split[scene.name] for scene in scenes))


def _size(scene: SplitScene) -> str:
    return f"{scene.height} x {scene.width}"
