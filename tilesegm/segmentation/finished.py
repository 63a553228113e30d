"""Tells whether the outputs of a run are finished already."""

from __future__ import annotations

from pathlib import Path

from tilesegm.errors import OutputError
from tilesegm.events import Noted, OnEvent
from tilesegm.segmentation.work import Work
from tilesegm.sink.provenance import check_finished, digest, read_map_facts
from tilesegm.sink.result_check import check_result
from tilesegm.sink.staging import has_unfinished, staging_folder
from tilesegm.sink.staging_folder import remove_leftovers

__all__ = ["is_made"]


def is_made(paths: dict[str, Path], work: Work, unsent: bool, on_event: OnEvent) -> bool:
    """Tell whether the outputs lie on disk and are not to be made again.

    Args:
        paths: of the outputs.
        work: that makes them.
        unsent: whether what lies there is only on its way, so that ``overwrite`` is not about it.
        on_event: called with notes.
    """
    if not work.request.overwrite:
        return _is_finished(paths, work, on_event)
    mine = digest(work.fingerprint)
    return unsent and all(
        path.exists() and read_map_facts(path).fingerprint == mine and not check_result(path).damage
        for path in paths.values()
    )


def _is_finished(paths: dict[str, Path], work: Work, on_event: OnEvent) -> bool:
    """Tell whether the outputs are those of this work already, and whole.

    Raises:
        OutputError: the outputs exist and are something else, or are damaged.
    """
    output = paths["classes"]
    unfinished = has_unfinished(output) or not output.exists()
    there = [path for path in dict.fromkeys(paths.values()) if path.exists()]
    for path in there:
        check_finished(path, digest(work.fingerprint))
    if unfinished:
        return False
    for path in there:
        found = check_result(path)
        for damage in found.damage[:1]:
            advice = (
                "--overwrite, which makes all maps of the batch again, or another folder to keep it"
                if work.request.of_batch
                else "--overwrite, or another name to keep it"
            )
            raise OutputError(
                f"{damage}; remove {path} and give the same command again, or {advice}"
            )
        for note in found.notes:
            on_event(Noted(note))
    remove_leftovers(staging_folder(output))
    for path in paths.values():
        if not path.exists():
            on_event(Noted(f"{path} is gone; all results of {work.plan.info.uri} are made again"))
            return False
    return True
