"""What is on disk when something is declared finished, and what is left when a run is over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.tiny_run import REGIONS, TinyRun, tiny
from tests.training.scenery import settings
from tilesegm.errors import OutputError
from tilesegm.files import make_folder, replace
from tilesegm.sink.journal import Journal
from tilesegm.sink.staging import has_unfinished
from tilesegm.sink.staging_folder import StagingFolder, remove_leftovers
from tilesegm.training.run import train
from tilesegm.training.run_folder import open_run


class Disk:
    """What would be there after a power cut: files that were flushed, and entries of folders."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.files: set[int] = set()
        self.entries: dict[int, set[str]] = {}
        patch.setattr(os, "fsync", self._fsync)

    def _fsync(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        number = os.fstat(descriptor).st_ino
        if path.is_dir():
            self.entries[number] = set(os.listdir(path))
        else:
            self.files.add(number)

    def holds(self, path: Path, root: Path) -> bool:
        """Tell whether a file or folder would be there, with all folders from the root to it."""
        if path == root:
            return True
        if path.name not in self.entries.get(path.parent.stat().st_ino, ()):
            return False
        whole = path.is_dir() or path.stat().st_ino in self.files
        return whole and self.holds(path.parent, root)

    def lacks(self, paths: Iterator[Path], root: Path) -> list[str]:
        """Return what would not be there."""
        return [str(path.relative_to(root)) for path in paths if not self.holds(path, root)]


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="this system does not tell the path of a descriptor"
)


@needs_proc
@pytest.mark.parametrize("output", ["out.tif", "out.zarr"])
def test_a_map_is_on_disk_before_its_staging_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    with tiny():
        run = TinyRun(tmp_path, output)
        run.clear()
        disk = Disk(monkeypatch)
        append, clear = Journal.append, StagingFolder.clear
        lines, cleared = [], []

        def declare(journal: Journal, entry: dict[str, object]) -> None:
            chunks = (path for path in run.staging.rglob("*.*") if path.parent.name.isdigit())
            assert disk.lacks(chunks, run.folder) == []
            assert disk.holds(run.staging / "run.json", run.folder)
            # The journal itself is flushed with each line; that it is there at all, before.
            assert "journal" in disk.entries[run.staging.stat().st_ino]
            lines.append(entry)
            append(journal, entry)

        def go(folder: StagingFolder) -> None:
            if run.output.exists():
                made = (p for p in run.folder.rglob("*") if run.staging not in (p, *p.parents))
                assert disk.lacks(made, run.folder) == []
                cleared.append(True)
            clear(folder)

        monkeypatch.setattr(Journal, "append", declare)
        monkeypatch.setattr(StagingFolder, "clear", go)
        assert run.start().error is None
    regions = [entry for entry in lines if "region" in entry]
    assert (len(regions), len(cleared)) == (REGIONS, 1)


@needs_proc
def test_a_model_and_its_report_are_on_disk_before_the_result_says_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    config = settings(
        tmp_path,
        output=str(tmp_path / "runs" / "one"),
        schedule={"epochs": 1, "steps": 2, "batch": 2, "size": 32},
        model={"filters": 2, "depth": 1},
    )
    folder, seen = tmp_path / "runs" / "one", []
    moved = os.replace

    def move(source: Path, target: Path) -> None:
        if Path(target) == folder / "result.json":
            written = [p for p in folder.rglob("*") if "tensorboard" not in p.parts]
            own = (p for p in written if not p.name.startswith("."))
            assert disk.lacks(own, tmp_path) == []
            assert Path(source).stat().st_ino in disk.files
            names = {str(path.relative_to(folder)) for path in written}
            assert {"model/bundle.json", "model/model.keras", "report.html"} <= names
            seen.append(True)
        moved(source, target)

    monkeypatch.setattr(os, "replace", move)
    train(config)
    assert seen
    assert disk.holds(folder / "result.json", tmp_path)


def test_the_lock_is_held_until_the_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, held = StagingFolder(tmp_path / "out.tif.partial", ["classes"]), []
    folder.claim()
    folder.head.write_text("{}")
    (folder.path / "classes").mkdir()
    rmdir = os.rmdir

    def watch(path: object, **more: int) -> None:
        held.append(folder._lock.is_locked)
        rmdir(path, **more)

    monkeypatch.setattr(os, "rmdir", watch)
    folder.remove()
    assert held
    assert all(held) or os.name == "nt"
    assert not folder.path.exists()
    assert not folder._lock.is_locked


def test_a_folder_that_goes_while_it_is_claimed_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, left = StagingFolder(tmp_path / "out.tif.partial"), [2]
    acquire = folder._lock.acquire

    def slow() -> None:
        acquire()
        left[0] -= 1
        if left[0] >= 0:
            shutil.rmtree(folder.path)  # as the run does that had the lock until now

    monkeypatch.setattr(folder._lock, "acquire", slow)
    folder.claim()
    assert (folder.path / "lock").exists()
    folder.release()


def test_a_folder_half_removed_is_no_run_and_goes(tmp_path: Path) -> None:
    path = tmp_path / "out.tif.partial"
    (path / "classes" / "0").mkdir(parents=True)
    (path / "journal").touch()
    (tmp_path / "out.tif.partial.trash").mkdir()
    assert not has_unfinished(tmp_path / "out.tif")
    remove_leftovers(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["thesis.txt", "run.json"])
def test_files_of_somebody_else_and_runs_stay(tmp_path: Path, name: str) -> None:
    path = tmp_path / "out.tif.partial"
    path.mkdir()
    (path / name).write_text("precious")
    remove_leftovers(path)
    assert (path / name).read_text() == "precious"


def test_discarding_a_run_keeps_files_of_somebody_else(tmp_path: Path) -> None:
    folder = StagingFolder(tmp_path / "out.tif.partial")
    folder.claim()
    folder.head.touch()
    (folder.path / "thesis.txt").write_text("precious")
    folder.remove()
    assert [path.name for path in folder.path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "out.tif.partial"
    path.write_text("precious")
    with pytest.raises(OutputError, match=r"is a file; move it away"):
        StagingFolder(path).claim()


def test_a_folder_set_aside_by_a_killed_run_goes(tmp_path: Path) -> None:
    (tmp_path / ".out.old.zarr" / "0").mkdir(parents=True)
    (tmp_path / ".out.draft.zarr").mkdir()
    replace(tmp_path / ".out.draft.zarr", tmp_path / "out.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["out.zarr"]


@needs_proc
def test_entries_of_new_folders_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    make_folder(tmp_path / "a" / "b" / "c")
    assert disk.holds(tmp_path / "a" / "b" / "c", tmp_path)


def test_drafts_of_a_killed_training_go(tmp_path: Path) -> None:
    path = tmp_path / "run"
    config = settings(tmp_path, output=str(path))
    with open_run(path, config, overwrite=False):
        pass
    (path / "checkpoints").mkdir()
    (path / ".model.123draft").mkdir()
    for name in (".result.7draft.json", "checkpoints/.next.12draft.npz", ".mine.draft.txt"):
        (path / name).touch()
    with open_run(path, config, overwrite=False):
        names = {str(entry.relative_to(path)) for entry in path.rglob("*")}
        assert names == {"checkpoints", "settings.json", ".lock", ".mine.draft.txt"}
