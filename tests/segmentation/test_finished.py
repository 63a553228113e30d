"""What was finished before is checked, and images that change while they are read are refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.faults.tiny_run import TinyRun, network, tiny
from tests.images import GEO, blobs, write
from tilesegm.errors import OutputError, ResumeError, SourceError
from tilesegm.events import Event, Noted, PixelsDone
from tilesegm.grid.tiling import Tiling
from tilesegm.segmentation.many import segment_many
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.segment import segment
from tilesegm.source.file_states import FileStates

TILING = Tiling(tile=48, overlap=16)


@pytest.fixture(autouse=True)
def _tiny() -> Iterator[None]:
    with tiny():
        yield


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-100],
    "zeros at its end": lambda data: data[:-100] + bytes(100),
    "a bit": lambda data: data[:-50] + bytes([data[-50] ^ 4]) + data[-49:],
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["out.tif", "out_scores.tif"])
def test_a_damaged_result_is_not_said_to_be_finished(tmp_path: Path, name: str, fault: str) -> None:
    run = TinyRun(tmp_path)
    expected = run.expected()
    run.restore(expected)
    assert run.start().computed == 0
    (run.folder / name).write_bytes(FAULTS[fault](expected[name]))
    outcome = run.start()
    assert isinstance(outcome.error, OutputError)
    assert f"{run.folder / name} is not as it was written" in str(outcome.error)
    assert "--overwrite, or another name to keep it" in str(outcome.error)
    again = run.start(overwrite=True)
    assert again.error is None
    assert again.files == expected


def test_an_extra_output_that_is_gone_is_made_again(tmp_path: Path) -> None:
    run = TinyRun(tmp_path)
    expected = run.expected()
    run.restore({name: data for name, data in expected.items() if name != "out_confidence.tif"})
    outcome = run.start()
    assert outcome.error is None
    assert outcome.files == expected
    assert f"{run.folder / 'out_confidence.tif'} is gone; all results of" in outcome.notes[0]


def test_a_chunk_of_a_zarr_that_is_gone(tmp_path: Path) -> None:
    run = TinyRun(tmp_path, "out.zarr")
    expected = run.expected()
    gone = "out.zarr/0/classes/c/1/1"
    run.restore({name: data for name, data in expected.items() if name != gone})
    outcome = run.start()
    assert isinstance(outcome.error, OutputError)
    assert "0/classes/c/1: a file in it is not as it was written" in str(outcome.error)
    assert run.start(overwrite=True).files == expected


def test_a_batch_tells_the_damaged_one(tmp_path: Path) -> None:
    images = [write(tmp_path / f"{n}.tif", blobs(90, 80, seed=n), **GEO) for n in range(2)]
    segment_many(images, network, tmp_path / "maps", tiling=TILING)
    damaged = tmp_path / "maps" / "0_classes.tif"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    first, second = segment_many(images, network, tmp_path / "maps", tiling=TILING)
    assert isinstance(first.error, OutputError)
    assert second.result is not None
    assert second.result.tiles == 0
    # What it advises works, and costs that map alone.
    assert f"remove {damaged} and give the same command again" in str(first.error)
    assert "all maps of the batch" in str(first.error)
    damaged.unlink()
    again = segment_many(images, network, tmp_path / "maps", tiling=TILING)
    assert [item.reason for item in again] == ["failed before", "finished before"]


def rewriting(path: Path, change: Callable[[], object]) -> tuple[Exception, list[Path]]:
    """Run on an image that changes after its first region, and return what was raised and left."""
    done = 0

    def once(event: Event) -> None:
        nonlocal done
        done += isinstance(event, PixelsDone)
        if done == 1 and isinstance(event, PixelsDone):
            change()

    output = path.parent / "maps" / "out.tif"
    output.parent.mkdir(exist_ok=True)
    with pytest.raises((SourceError, ResumeError)) as raised:
        segment(path, network, output, tiling=TILING, on_event=once)
    return raised.value, list(output.parent.iterdir())


def other_content(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-9] + bytes(9))


def same_times(path: Path) -> None:
    """Write another content and set the times as they were; the kernel notes that in ctime."""
    state = path.stat()
    other_content(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def replaced(path: Path) -> None:
    state = path.stat()
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    os.utime(copy, ns=(state.st_atime_ns, state.st_mtime_ns))
    os.replace(copy, path)


@pytest.mark.parametrize("change", [other_content, same_times, replaced, os.utime])
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    image = write(tmp_path / "image.tif", blobs(200, 150), **GEO)
    error, left = rewriting(image, lambda: change(image))
    assert f"{image} changed while it was read" in str(error)
    assert left == []
    # What the message advises.
    segment(image, network, tmp_path / "maps" / "out.tif", tiling=TILING)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_part_of_a_mosaic(tmp_path: Path, depth: int) -> None:
    part = write(tmp_path / "part.tif", blobs(200, 150), **GEO)
    for level in range(depth):
        vrt = tmp_path / f"{level}.vrt"
        bands = "".join(
            f'<VRTRasterBand dataType="Byte" band="{n}"><SimpleSource><SourceFilename '
            f'relativeToVRT="1">{part.name}</SourceFilename><SourceBand>{n}</SourceBand>'
            "</SimpleSource></VRTRasterBand>"
            for n in (1, 2, 3)
        )
        vrt.write_text(f'<VRTDataset rasterXSize="150" rasterYSize="200">{bands}</VRTDataset>')
        part = vrt
    error, left = rewriting(part, lambda: other_content(tmp_path / "part.tif"))
    assert f"{tmp_path / 'part.tif'} changed while it was read" in str(error)
    assert left == []


def test_a_zarr_and_an_array_on_disk(tmp_path: Path) -> None:
    image = blobs(200, 150)
    store = tmp_path / "image.zarr"
    array = zarr.create_array(store, shape=image.shape, chunks=(100, 150, 3), dtype="uint8")
    array[:] = image

    def change() -> None:
        array[150:] = 0

    error, left = rewriting(store, change)
    assert f"{store / 'c' / '1' / '0' / '0'} changed" in str(error)
    assert left == []


def test_several_files(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.tif", blobs(200, 150, 1, seed=n), **GEO) for n in range(3)]
    output = tmp_path / "out.tif"
    changed = False

    def once(event: Event) -> None:
        nonlocal changed
        if isinstance(event, PixelsDone) and not changed:
            changed = True
            other_content(files[2])

    with pytest.raises(SourceError, match=r"2\.tif changed while it was read"):
        segment(files, network, output, tiling=TILING, on_event=once)
    assert not output.exists()


def test_a_run_is_not_resumed_with_a_file_that_was_replaced(tmp_path: Path) -> None:
    run = TinyRun(tmp_path)
    expected = run.expected()
    staged = run.interrupted(2)
    run.restore(staged)
    assert run.start().files == expected
    run.restore(staged)
    same_times(run.image)
    outcome = run.start()
    assert isinstance(outcome.error, ResumeError)
    assert "was written or replaced since the unfinished run" in str(outcome.error)
    again = run.start(overwrite=True)
    assert again.error is None
    assert again.files != expected


def test_content_is_hashed_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = write(tmp_path / "image.tif", blobs(200, 150), **GEO)
    output, options = tmp_path / "out.tif", Options(hash_input=True)
    segment(image, network, output, tiling=TILING, options=options)
    events: list[Event] = []
    again = segment(image, network, output, tiling=TILING, options=options)
    assert again.tiles == 0
    same_times(image)
    with pytest.raises(OutputError, match="is not the result of this image"):
        segment(image, network, output, tiling=TILING, options=options, on_event=events.append)
    # As on a disk that keeps no ctime.
    before = FileStates.of([str(image)], content=True)
    data = image.read_bytes()
    image.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    after = FileStates(before.states, FileStates.of([str(image)], content=True).content)
    assert after.changed_since(before) == ("the content of the image's files",)


def test_arrays_in_memory_have_no_files(tmp_path: Path) -> None:
    result = segment(blobs(60, 50), network, tmp_path / "out.tif", tiling=TILING)
    assert result.tiles
    image = np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=(200, 150, 3))
    image[:] = blobs(200, 150)

    def once(event: Event) -> None:
        if isinstance(event, PixelsDone):
            image[190:] = 0
            image.flush()
            os.utime(tmp_path / "pixels")

    with pytest.raises(SourceError, match="pixels changed while it was read"):
        segment(image, network, tmp_path / "other.tif", tiling=TILING, on_event=once)


def test_notes_are_told_of_results_without_digests(tmp_path: Path) -> None:
    run = TinyRun(tmp_path)
    run.clear()
    run.start()
    (run.folder / "out.tif.aux.xml").unlink()
    events: list[Event] = []
    run.run(events.append)
    assert any(isinstance(event, Noted) and "aux.xml is gone" in event.text for event in events)
