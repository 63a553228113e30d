"""The folder of a comparison: what lies where in it, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tilesegm.comparison.plan import Plan
from tilesegm.errors import OutputError, ResumeError
from tilesegm.files import make_folder, output_errors, remove, write_file
from tilesegm.ownership import check_place
from tilesegm.training.settings.settings_file import changed_keys

__all__ = ["ComparisonFolder", "check_claim", "claim"]

_AGAIN = (
    "set that again to go on with it, pass --overwrite to begin from scratch, or choose another "
    "folder (-o FOLDER)"
)


@dataclass(frozen=True)
class ComparisonFolder:
    """Where a comparison keeps its files."""

    path: Path

    @property
    def facts(self) -> Path:
        """All that decides the numbers."""
        return self.path / "comparison.json"

    @property
    def rows(self) -> Path:
        """Table of runs."""
        return self.path / "rows.csv"

    @property
    def report(self) -> Path:
        """Page for people; the same as JSON beside it."""
        return self.path / "report.html"

    @property
    def statistics(self) -> Path:
        """Statistics of the scenes, which every run uses again."""
        return self.path / "statistics.npz"

    def look(self, name: str, epoch: int) -> Path:
        """Counts of a run after some epochs."""
        return self.path / "looks" / f"{name}-e{epoch:05d}.npz"

    def run(self, name: str) -> Path:
        """Folder of a run of `tilesegm train`."""
        return self.path / "runs" / name

    @contextmanager
    def lock(self, name: str, wait: bool = False) -> Iterator[bool]:
        """Hold the lock of that name, and tell whether it is held: others may have it."""
        lock = FileLock(self.path / "locks" / f"{name}.lock")
        with output_errors(self.path):
            make_folder(self.path / "locks")
            with suppress(Timeout):
                lock.acquire(timeout=-1 if wait else 0)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def _clear(self) -> None:
        """Remove what comparisons write; files of others stay."""
        for path in (self.report, self.report.with_suffix(".json"), self.rows, self._anew):
            remove(path)
        for name in ("looks", "runs"):
            remove(self.path / name)

    @property
    def _anew(self) -> Path:
        """Tells a comparison that was begun with ``overwrite``."""
        return self.path / ".overwrite"


def claim(plan: Plan, *, overwrite: bool) -> ComparisonFolder:
    """Take the folder for a comparison, or go on with the one that is there.

    Raises:
        ResumeError: it holds a comparison with other settings.
        OutputError: it holds something else, or cannot be written.
    """
    check_claim(plan, overwrite=overwrite)
    folder, facts = ComparisonFolder(plan.folder), plan.facts()
    with folder.lock("folder", wait=True):
        before = check_claim(plan, overwrite=overwrite)
        # Given again after an interruption it goes on.
        if (
            before
            and overwrite
            and (changed_keys(before, facts) or folder.report.exists() or not folder._anew.exists())
        ):
            folder._clear()
            write_file(folder._anew, "")
            before = None
        if before is None:
            write_file(folder.facts, json.dumps(facts, indent=1) + "\n")
    return folder


def check_claim(plan: Plan, *, overwrite: bool) -> dict[str, Any] | None:
    """Refuse a folder that a comparison cannot have, and write nothing.

    Returns:
        What decides the numbers of the comparison that is there; None where there is none.

    Raises:
        ResumeError: it holds a comparison with other settings.
        OutputError: it holds something else.
    """
    folder = ComparisonFolder(plan.folder)
    check_place(folder.path, folder=True)
    names = {entry.name for entry in folder.path.iterdir()} if folder.path.exists() else set()
    if names - {"locks", "statistics.npz"} and "comparison.json" not in names:
        raise OutputError(
            f"{folder.path} exists and holds no comparison; choose a name that is free"
        )
    if not folder.facts.exists():
        return None
    before, facts = _read(folder), plan.facts()
    changed = changed_keys(before, facts)
    if changed and not overwrite:
        _refuse_others(folder, before, facts)
        some = list(changed.items())[:3]
        said = ", ".join(f"{key} is {value[:80]} there" for key, value in some)
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ResumeError(
            f"{folder.path} holds a comparison with other settings: {said}{more}; {_AGAIN}"
        )
    return before


def _refuse_others(folder: ComparisonFolder, before: dict[str, Any], facts: dict[str, Any]) -> None:
    """Refuse a comparison of other values by their names, which say more than their settings."""
    there, here = (list(one.get("variants", {})) for one in (before, facts))
    if there != here:
        raise ResumeError(
            f"{folder.path} holds a comparison of {', '.join(there)[:200]}, and this one is of "
            f"{', '.join(here)[:200]}; {_AGAIN}"
        )


def _read(folder: ComparisonFolder) -> dict[str, Any]:
    try:
        plain = json.loads(folder.facts.read_text("utf-8"))
        if not isinstance(plain, dict):
            raise ValueError("it holds no names and values")
    except (OSError, ValueError, RecursionError) as error:
        raise ResumeError(f"{folder.facts} cannot be read ({error}); {_AGAIN}") from error
    return plain
