"""Staged chunks in a finished Zarr: the same bytes, and to Zarr the same values."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tilesegm.sink.chunk_copies import CODEC, copy_chunks
from tilesegm.sink.staged_array import StagedArray

CHUNK = 16


def staged(folder: Path, values: np.ndarray, fill: float) -> StagedArray:
    array = StagedArray(folder, values.shape, CHUNK, values.dtype, fill)
    array.create()
    list(array.write(0, 0, values))
    return array


@settings(max_examples=20, deadline=None)
@given(
    sides=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    kind=st.sampled_from([("u1", 255.0), ("u2", 65535.0), ("f2", float("nan")), ("f4", 0.0)]),
    stacked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_zarr_reads_what_was_staged(
    tmp_path_factory: pytest.TempPathFactory,
    sides: tuple[int, int],
    kind: tuple[str, float],
    stacked: bool,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("copies")
    name, fill = kind
    planes = np.random.default_rng(seed).integers(0, 9, (2, *sides)).astype(name)
    planes[0, :CHUNK, :CHUNK] = fill
    target = zarr.create_group(folder / "out.zarr").create_array(
        "classes",
        shape=planes.shape if stacked else sides,
        chunks=(1, CHUNK, CHUNK) if stacked else (CHUNK, CHUNK),
        dtype=name,
        compressors=CODEC,
        fill_value=fill,
    )
    copied = 0
    for plane in range(1 + stacked):
        array = staged(folder / f"staged{plane}", planes[plane], fill)
        leading = (plane,) if stacked else ()
        copied += sum(copy_chunks(array, target, folder / "out.zarr", leading))
    expected = planes if stacked else planes[0]
    read = zarr.open_array(folder / "out.zarr" / "classes", mode="r")[...]
    np.testing.assert_array_equal(read, expected)
    assert copied == expected.size


def test_bytes_are_those_of_the_staged_chunk_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    values = np.full((CHUNK, 2 * CHUNK), 255, np.uint8)
    values[:, CHUNK:] = np.arange(CHUNK * CHUNK).reshape(CHUNK, CHUNK) % 5
    array = staged(tmp_path / "staged", values, 255)
    target = zarr.create_group(tmp_path / "out.zarr").create_array(
        "a",
        shape=values.shape,
        chunks=(CHUNK, CHUNK),
        dtype="u1",
        compressors=CODEC,
        fill_value=255,
    )
    assert list(copy_chunks(array, target, tmp_path / "out.zarr", ())) == [values.size]
    files = [file for file in (tmp_path / "out.zarr" / "a" / "c").rglob("*") if file.is_file()]
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["out.zarr/a/c/0/1"]
    assert files[0].read_bytes() == (tmp_path / "staged" / "0.1").read_bytes()
