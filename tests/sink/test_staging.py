from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sink.conftest import CLASSES, patches, stage_rows
from tilesegm.errors import OutputError, ResumeError
from tilesegm.grid.window import Window
from tilesegm.sink.journal import Journal
from tilesegm.sink.layer import Layer
from tilesegm.sink.pyramid import halve_mean, halve_mode
from tilesegm.sink.staging import Staging, staging_folder

SCORES = Layer("scores", np.dtype("float16"), planes=3, nodata=np.nan)


def open_small(folder, kind=Staging, **changes):
    settings = {
        "size": (70, 50),
        "layers": [CLASSES],
        "fingerprint": {"tile": 512, "model": {"sha256": "ab12"}},
        "chunk": 16,
    }
    return kind.open(folder, **(settings | changes))


def everything(folder: Path) -> dict[str, bytes]:
    """All pixels on disk."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted((folder / "classes").rglob("*"))
        if path.is_file()
    }


def test_pixels_and_overviews_read_back_with_zarr(tmp_path):
    ids = patches(1031, 777)
    scores = np.random.default_rng(0).random((3, 1031, 777)).astype(np.float16)
    scores[:, 100:140, 30:90] = np.nan
    with open_small(
        tmp_path / "run", size=ids.shape, layers=[CLASSES, SCORES], chunk=256
    ) as staging:
        stage_rows(staging, {"classes": ids, "scores": scores})
        staging.complete_overviews()
        for level in range(2):
            array = zarr.open_array(tmp_path / "run" / "classes" / "0" / str(level), mode="r")
            assert np.array_equal(array[:], ids)
            ids = halve_mode(ids, 255)
            for plane in range(3):
                path = tmp_path / "run" / "scores" / str(plane) / str(level)
                array = zarr.open_array(path, mode="r")
                assert np.array_equal(array[:], scores[plane], equal_nan=True)
            scores = np.stack([halve_mean(plane, np.nan) for plane in scores])


def test_deep_overviews_are_made_at_the_end(tmp_path):
    ids = patches(37, 4500)
    with open_small(tmp_path / "run", size=ids.shape, chunk=64) as staging:
        stage_rows(staging, {"classes": ids})
        staging.complete_overviews()
        levels = staging.levels("classes")
        assert len(levels) == 5
        for array in levels:
            assert np.array_equal(array.read(Window(0, 0, *array.shape)), ids)
            ids = halve_mode(ids, 255)


def test_panels_write_like_bands(tmp_path):
    ids = patches(70, 50)
    with open_small(tmp_path / "bands") as bands, open_small(tmp_path / "panels") as panels:
        stage_rows(bands, {"classes": ids})
        for col, width in ((32, 18), (0, 32)):
            for row, height in ((0, 64), (64, 6)):
                window = Window(row, col, height, width)
                panels.write("classes", window, ids[window.slices])
    assert everything(tmp_path / "bands") == everything(tmp_path / "panels")


@pytest.mark.parametrize(
    ("window", "shape", "dtype", "message"),
    [
        (Window(8, 0, 16, 50), (16, 50), "uint8", "whole chunks"),
        (Window(0, 0, 10, 50), (10, 50), "uint8", "whole chunks"),
        (Window(0, 0, 16, 40), (16, 40), "uint8", "whole chunks"),
        (Window(64, 0, 16, 50), (16, 50), "uint8", "whole chunks"),
        (Window(0, 0, 16, 50), (16, 48), "uint8", "takes"),
        (Window(0, 0, 16, 50), (16, 50), "uint16", "takes"),
    ],
)
def test_only_whole_chunks_of_the_right_kind_are_taken(tmp_path, window, shape, dtype, message):
    with (
        open_small(tmp_path / "run") as staging,
        pytest.raises(ValueError, match=message),
    ):
        staging.write("classes", window, np.zeros(shape, dtype))


def test_what_is_committed_and_noted_is_there_again(tmp_path):
    with open_small(tmp_path / "run") as staging:
        assert staging.done == frozenset()
        staging.note("precision", "bfloat16")
        staging.commit(3, {"seconds": 1.5})
        assert staging.done == {3}
    with open_small(tmp_path / "run") as staging:
        assert staging.done == {3}
        assert staging.facts == {3: {"seconds": 1.5}}
        assert staging.notes == {"precision": "bfloat16"}


def test_asking_for_finished_regions_reads_no_journal_again(tmp_path):
    with open_small(tmp_path / "run") as staging:
        facts, done = staging.facts, staging.done
        staging.commit(3, {"tiles": 7})
        assert staging.facts is facts
        assert done == staging.done == {3}
        assert facts == {3: {"tiles": 7}}


def test_a_region_is_declared_after_its_chunks_are_safe(tmp_path, monkeypatch):
    safe: set[int] = set()
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (safe.add(os.fstat(file).st_ino), fsync(file)))
    append = Journal.append

    def declare(journal, entry):
        chunks = [path for path in (tmp_path / "run" / "classes").rglob("*.*") if path.is_file()]
        assert chunks
        assert {path.stat().st_ino for path in chunks} <= safe
        folders = {folder for path in chunks for folder in path.parents}
        ours = {folder for folder in folders if tmp_path in (folder, *folder.parents)}
        assert len(ours) == 6  # of two levels, their plane, layer, run and what holds the run
        assert {folder.stat().st_ino for folder in ours} <= safe
        append(journal, entry)

    monkeypatch.setattr(Journal, "append", declare)
    with open_small(tmp_path / "run", size=(530, 50)) as staging:
        stage_rows(staging, {"classes": patches(530, 50)})
        assert len(staging.done) == 34


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fingerprint": {"tile": 1024, "model": {"sha256": "ab12"}}}, "tile: 512 -> 1024"),
        (
            {"fingerprint": {"tile": 512, "model": {"sha256": "cd34"}}},
            "model changed: sha256 ab12 -> cd34",
        ),
        ({"size": (71, 50)}, r"size: \[70, 50\] -> \[71, 50\]"),
        ({"chunk": 32}, "chunk: 16 -> 32"),
        ({"layers": [CLASSES, SCORES]}, "layers changed: scores"),
    ],
)
def test_a_different_run_is_refused_and_the_difference_named(tmp_path, change, named):
    with open_small(tmp_path / "out.tif.partial") as staging:
        staging.commit(0)
    with pytest.raises(ResumeError, match=named) as refusal:
        open_small(tmp_path / "out.tif.partial", **change)
    assert "--overwrite" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    with open_small(tmp_path / "out.tif.partial") as staging:
        assert staging.done == {0}  # the refusal harmed nothing
    with open_small(tmp_path / "out.tif.partial", overwrite=True, **change) as staging:
        assert staging.done == frozenset()


def test_overwrite_forgets_pixels_too(tmp_path):
    with open_small(tmp_path / "run") as staging:
        stage_rows(staging, {"classes": patches(70, 50)})
    with open_small(tmp_path / "run", overwrite=True) as staging:
        assert (staging.levels("classes")[0].read(Window(0, 0, 70, 50)) == 255).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_an_older_format_is_refused(tmp_path):
    open_small(tmp_path / "run").close()
    head = tmp_path / "run" / "run.json"
    head.write_text(json.dumps(json.loads(head.read_text()) | {"format": 0}))
    with pytest.raises(ResumeError, match="format: 0 -> 1"):
        open_small(tmp_path / "run")


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match=r"thesis\.txt"):
        open_small(tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "thesis.txt").read_text() == "precious"


def test_a_run_killed_before_it_began_is_no_obstacle(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").touch()
    (tmp_path / "run" / "run.json.draft").write_text('{"form')
    with open_small(tmp_path / "run") as staging:
        assert staging.done == frozenset()


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_runs_do_not_share_an_output(tmp_path, overwrite):
    folder = staging_folder(tmp_path / "out.tif")
    with open_small(folder) as first:
        with pytest.raises(ResumeError, match=r"another run is writing .*out\.tif;"):
            open_small(folder, overwrite=overwrite)
        first.commit(0)
    with open_small(folder) as second:
        assert second.done == {0}


def test_a_full_disk_is_one_line_and_the_run_goes_on_later(tmp_path):
    resource = pytest.importorskip("resource", reason="this system has no limit of file sizes")
    noise = np.random.default_rng(0).integers(0, 4, (70, 50)).astype(np.uint8)
    staging = open_small(tmp_path / "run")
    staging.write("classes", Window(0, 0, 16, 50), noise[:16])
    staging.commit(0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for limit, act in (
            (20, lambda: staging.write("classes", Window(16, 0, 16, 50), noise[16:32])),
            ((tmp_path / "run" / "journal").stat().st_size + 9, lambda: staging.commit(1)),
        ):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            with pytest.raises(OutputError, match=r"cannot write .*run: .*; free space") as failure:
                act()
            assert "\n" not in str(failure.value)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    staging.close()
    with open_small(tmp_path / "run") as staging:
        assert staging.done == {0}
        stage_rows(staging, {"classes": noise}, skip=staging.done)
        assert np.array_equal(staging.levels("classes")[0].read(Window(0, 0, 70, 50)), noise)


def test_leftovers_of_a_killed_discard_are_removed(tmp_path):
    (tmp_path / "run.trash" / "classes").mkdir(parents=True)
    open_small(tmp_path / "run").close()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_discard_leaves_nothing(tmp_path):
    with open_small(tmp_path / "run") as staging:
        stage_rows(staging, {"classes": patches(70, 50)})
        staging.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="No such file") as failure:
        open_small(tmp_path / "nowhere" / "run")
    assert "\n" not in str(failure.value)


class Killed(BaseException):
    """The process ends here."""


def run_until_killed(folder: Path, ids, writes: int) -> bool:
    """Simulate a run that is killed in the middle of its nth write; True if it came through."""
    left = [writes]

    def torn(data: bytes) -> bytes:
        left[0] -= 1
        return data[: len(data) // 2] if left[0] == 0 else data

    write_bytes = Path.write_bytes

    def write_some(path: Path, data: bytes) -> int:
        written = write_bytes(path, torn(data))
        if left[0] == 0:
            raise Killed
        return written

    append = Journal.append

    def append_some(journal: Journal, entry) -> None:
        append(journal, entry)
        left[0] -= 1
        if left[0] == 0:
            path = folder / "journal"
            os.truncate(path, path.stat().st_size - random.randint(0, 30))
            raise Killed

    staging = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)  # no power cut here, and many runs
        patch.setattr(Path, "write_bytes", write_some)
        patch.setattr(Journal, "append", append_some)
        try:
            staging = open_small(folder)
            stage_rows(staging, {"classes": ids}, skip=staging.done)
            return True
        except Killed:
            return False
        finally:
            if staging is not None:
                staging.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kills=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 3))
def test_any_kills_end_in_the_same_bytes(tmp_path_factory, kills, seed):
    base = tmp_path_factory.mktemp("kills")
    ids = patches(70, 50, seed=seed)
    with open_small(base / "calm") as staging:
        stage_rows(staging, {"classes": ids})
    for writes in kills:
        run_until_killed(base / "killed", ids, writes)
    assert run_until_killed(base / "killed", ids, 10**9)
    assert everything(base / "killed") == everything(base / "calm")


ROOT = str(Path(__file__).resolve().parents[2])
RUN = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.sink.test_staging import TALL, Staging, open_small, patches, stage_rows

class Telling(Staging):
    def commit(self, region, facts=None):
        super().commit(region, facts)
        print(region, flush=True)

with open_small(Path(sys.argv[1]), kind=Telling, size=TALL) as staging:
    stage_rows(staging, {"classes": patches(*TALL)}, skip=staging.done)
"""
TALL = (1600, 50)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_kill_9_frees_the_lock_and_keeps_finished_regions(tmp_path):
    with open_small(tmp_path / "calm", size=TALL) as staging:
        stage_rows(staging, {"classes": patches(*TALL)})
    command = [sys.executable, "-c", RUN, str(tmp_path / "killed"), ROOT]
    told: set[int] = set()
    for regions in (3, 17):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(regions):
                told.add(int(process.stdout.readline()))
            process.kill()
    assert len(told) == 20  # no finished region was computed again
    with open_small(tmp_path / "killed", size=TALL) as staging:
        assert told <= staging.done
        stage_rows(staging, {"classes": patches(*TALL)}, skip=staging.done)
    assert everything(tmp_path / "killed") == everything(tmp_path / "calm")
