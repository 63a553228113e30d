"""The files of an evaluation: what is said against them before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tilesegm.errors import OutputError
from tilesegm.evaluation.inputs import MapPair
from tilesegm.ownership import check_apart, check_place, check_unread
from tilesegm.report.page import PAGE_MARK
from tilesegm.source.names import file_of
from tilesegm.source.parts import files_of
from tilesegm.source.vector.address import VectorAddress, is_vector

__all__ = ["SCORES_MARK", "check_outputs"]

SCORES_MARK = b'"mean_iou_of_images":'
"""What tells the scores of an evaluation as JSON."""


def check_outputs(
    outputs: Mapping[str, Path], pairs: Sequence[MapPair], others: Iterable[tuple[str, Any]]
) -> None:
    """Refuse a report and scores that cannot be written, are read, or would replace other files.

    Args:
        outputs: path by option: ``--report`` and ``--json-file``.
        pairs: maps and what they are compared with.
        others: what else is read: what it is, and where.

    Raises:
        SettingsError: both have one path.
        OutputError: with what is wrong and how to mend it.
    """
    check_apart(outputs.items())
    read = [*others]
    for pair in pairs:
        read += [
            ("the prediction", pair.prediction),
            ("the truth", pair.truth),
            ("the area of interest", pair.area),
            ("the confidence", pair.confidence),
            ("the scores", pair.scores),
        ]
    named = [(what, _file(os.fspath(v))) for what, v in read if isinstance(v, str | os.PathLike)]
    check_unread(outputs.values(), named)
    for option, path in outputs.items():
        check_place(path, PAGE_MARK if option == "--report" else SCORES_MARK)
        if os.path.lexists(path):
            parts = [("a file that is read", part) for _, name in named for part in files_of(name)]
            check_unread([path], parts)
        folder = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{option} {path}: {folder} is no folder that may be written")


def _file(name: str) -> str:
    return str(VectorAddress.parse(name).path) if is_vector(name) else file_of(name)
