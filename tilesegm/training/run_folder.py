"""The folder of a run: what lies where in it, and whose it is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tilesegm.errors import OutputError, ResumeError
from tilesegm.files import make_folder, output_errors, remove, write_file
from tilesegm.model.bundle import check_bundle, remove_bundle
from tilesegm.ownership import check_place
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import changed_keys, dump_config, plain_config

__all__ = ["TRAIN_FROM_SCRATCH", "RunFolder", "open_run"]

TRAIN_FROM_SCRATCH = (
    "pass overwrite (--overwrite) to train from scratch in its place, or choose another output "
    "(-o FOLDER)"
)
"""What to do where a run is in the way."""

_LOCK = ".lock"
_BEGUN = ".overwrite"
_DRAFT = re.compile(
    r"\.(settings|inputs|split|result|report|log|model|statistics|last|before|next|best-\d+)"
    r"\.(\d*draft|old)(\.\w+)?"
)
"""What `files.replacing` leaves where it is killed."""
# A change of these leaves every number of the run as it is.
_FREE = ("output", "device.readers")


class _Entry:
    """A file or folder of a run, by its path inside of the run's folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, run: RunFolder, owner: type[RunFolder]) -> Path:
        return run.path / self._name


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its files."""

    path: Path
    statistics_in: Path | None = None
    """Folder of the statistics, where that is another one."""

    last = _Entry("checkpoints/last.npz")
    """State at the end of the last epoch."""
    before = _Entry("checkpoints/before.npz")
    """State one epoch earlier, for when the last is damaged."""
    following = _Entry("checkpoints/next.npz")
    """State that is being written."""
    inputs = _Entry("inputs.json")
    """What the run learns from, by identity."""
    split = _Entry("split.json")
    """The split as a file."""
    split_picture = _Entry("split.png")
    """The split as a picture."""
    log = _Entry("log.csv")
    """Table of epochs."""
    tensorboard = _Entry("tensorboard")
    """Folder for TensorBoard."""
    model = _Entry("model")
    """The bundle."""
    result = _Entry("result.json")
    """Result of a finished run."""
    report = _Entry("report.html")
    """Report for people."""
    begun_anew = _Entry(_BEGUN)
    """Tells a run that was begun with ``overwrite``."""
    settings = _Entry("settings.json")
    """Settings of the run."""

    @property
    def statistics(self) -> Path:
        """Cache of statistics, which checks for itself that it still fits."""
        return (self.statistics_in or self.path) / "statistics.npz"

    def best(self, epoch: int) -> Path:
        """Weights after ``epoch`` epochs, when they were the best ones."""
        return self.path / "checkpoints" / f"best-{epoch:06d}.npz"

    def identity(self) -> str:
        """Return what tells checkpoints of this run from those of others."""
        files = [path.read_bytes() for path in (self.settings, self.inputs) if path.exists()]
        return hashlib.sha256(b"\0".join(files)).hexdigest()

    def claim_inputs(
        self, identities: Mapping[str, Any], config: TrainingConfig, overwrite: bool = False
    ) -> None:
        """Note what the run learns from, or check that it still is the same.

        With ``overwrite`` a run on other data is dropped.

        Raises:
            ResumeError: something has changed since the run began.
            OutputError: the note cannot be written.
        """
        plain = json.loads(json.dumps(identities))
        if self.inputs.exists():
            before = _read(self.inputs)
            changed = [key for key in {**before, **plain} if before.get(key) != plain.get(key)]
            if changed and overwrite:
                self._begin_anew(config)
            elif changed:
                raise ResumeError(
                    f"{self.path} holds a run on other data: {', '.join(changed[:5])} "
                    f"{'has' if len(changed) == 1 else 'have'} changed since; {TRAIN_FROM_SCRATCH}"
                )
            else:
                return
        write_file(self.inputs, json.dumps(plain, indent=1) + "\n")

    def changed_settings(self, config: TrainingConfig) -> dict[str, str]:
        """Return the keys in which the run of this folder has other settings, and its values.

        Keys that leave every number of a run as it is are left out, and without a run there are
        none.

        Raises:
            ResumeError: the settings of the run cannot be read.
        """
        if not self.settings.exists():
            return {}
        changed = changed_keys(_read(self.settings), plain_config(config))
        return {key: value for key, value in changed.items() if key not in _FREE}

    def _remove_drafts(self) -> None:
        """Remove what a kill left of files that were being written."""
        for folder in filter(Path.is_dir, (self.path, self.last.parent)):
            for entry in tuple(folder.iterdir()):
                if _DRAFT.fullmatch(entry.name):
                    remove(entry)

    def goes_on(self, config: TrainingConfig, overwrite: bool) -> bool:
        """Tell whether a call goes on with the run of this folder.

        With ``overwrite`` it does where an equal call with it began that run, and it is unfinished.
        """
        if not self.settings.exists():
            return False
        if not overwrite:
            return True
        with suppress(ResumeError):
            begun = self.begun_anew.exists() and not self.result.exists()
            return begun and not self.changed_settings(config)
        return False

    def forget(self) -> None:
        """Let ``overwrite`` begin from scratch the next time."""
        self.begun_anew.unlink(missing_ok=True)

    @property
    def written(self) -> tuple[Path, ...]:
        """All that a run writes and replaces."""
        folders = (self.last.parent, self.tensorboard, self.model)
        return (*folders, *self._files, self.settings, self.statistics)

    @property
    def _files(self) -> tuple[Path, ...]:
        pages = (self.report, self.report.with_suffix(".json"))
        return (self.result, *pages, self.split, self.split_picture, self.log, self.inputs)

    def _check_ours(self) -> None:
        """Refuse a folder of somebody else, and what he put where the run will write.

        Raises:
            OutputError: there is something that no run wrote.
        """
        check_place(self.path, folder=True)
        if self.path.exists() and not self._is_run():
            raise OutputError(
                f"{self.path} exists and holds no training run; choose a name that is free"
            )
        for folder in (self.last.parent, self.tensorboard, self.model):
            check_place(folder, folder=True)
        if self.model.exists():
            check_bundle(self.model)

    def _is_run(self) -> bool:
        if (self.path / _LOCK).is_file() and (self.path / _LOCK).stat().st_size:
            return False  # ours is empty, and taking the lock would empty this one
        if not self.settings.exists():
            free = {_LOCK, _BEGUN, "statistics.npz"}
            names = {entry.name for entry in self.path.iterdir()}
            return all(name in free or _DRAFT.fullmatch(name) for name in names)
        try:
            return _read(self.settings).keys() >= {"data", "output", "schedule"}
        except ResumeError:  # ours where it is damaged
            return (self.path / _LOCK).exists() or self.inputs.exists()

    def _clear(self) -> None:
        """Remove what runs write, but for settings and the cache of statistics; others stay."""
        for pattern in ("last.npz", "before.npz", "next.npz", "best-*.npz"):
            for path in self.last.parent.glob(pattern):
                remove(path)
        for path in self.tensorboard.glob("**/events.out.tfevents.*"):
            remove(path)
        for path in (*self.tensorboard.glob("*"), self.tensorboard, self.last.parent):
            with suppress(OSError):
                path.rmdir()
        remove_bundle(self.model)
        for path in self._files:
            remove(path)

    def _begin_anew(self, config: TrainingConfig) -> None:
        """Drop the run that is here, and begin one that goes on when ``overwrite`` is given again.

        Settings are replaced, never missing: without them the folder would be somebody else's.
        """
        self.forget()
        self._clear()
        write_file(self.settings, dump_config(config))
        write_file(self.begun_anew, "")


@contextmanager
def open_run(path: Path, config: TrainingConfig, *, overwrite: bool) -> Iterator[RunFolder]:
    """Open the folder of a run, for this process alone.

    Args:
        path: the folder; made if it is not there.
        config: settings, which an unfinished run there must have too.
        overwrite: whether another run there is dropped; one that an equal call with it began goes
            on.

    Raises:
        ResumeError: the folder holds a run with other settings, or another process is at it.
        OutputError: the folder holds something else, or cannot be written.
    """
    folder = RunFolder(path)
    folder._check_ours()
    with output_errors(path):
        make_folder(path)
    lock = FileLock(path / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ResumeError(f"another process trains in {path}; wait for it, or stop it") from None
    try:
        folder._remove_drafts()
        if overwrite and not folder.goes_on(config, overwrite):
            folder._begin_anew(config)
        changed = folder.changed_settings(config)
        if changed:
            values = ", ".join(f"{key} is {value} there" for key, value in changed.items())
            raise ResumeError(
                f"{path} holds a run with other settings: {values}; set that again to go on with "
                f"it, {TRAIN_FROM_SCRATCH}"
            )
        if not folder.settings.exists():
            write_file(folder.settings, dump_config(config))
        yield folder
    finally:
        lock.release()


def _read(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(path.read_text("utf-8"))
        if not isinstance(plain, dict):
            raise ValueError(f"it holds {type(plain).__name__}, not names and values")
    except (OSError, ValueError, RecursionError) as error:
        raise ResumeError(f"{path} cannot be read ({error}); {TRAIN_FROM_SCRATCH}") from error
    return plain
