from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.sink.conftest import CLASSES
from tilesegm.errors import OutputError
from tilesegm.sink.check import check_output, check_space
from tilesegm.sink.estimate import estimate_bytes
from tilesegm.sink.geotiff import finish_geotiff
from tilesegm.sink.layer import Layer
from tilesegm.sink.ome_zarr import finish_zarr
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.staging import staging_folder


@pytest.mark.parametrize("name", ["out.tif", "out.TIFF", "out.zarr"])
def test_a_new_output_is_fine(tmp_path, name):
    check_output(tmp_path / name, str(tmp_path / "in.tif"))


def test_a_relative_name_is_fine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_output("out.tif")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.jpg", r"\.tif, \.tiff, \.zarr"),
        ("out", "cannot tell the format"),
        ("nowhere/out.tif", "nowhere .*does not exist"),
        ("in.tif", "is the input image"),
        ("link.tif", "is the input image"),
        ("folder.tif", "already a folder"),
        ("file.zarr", "already a file"),
    ],
)
def test_a_bad_output_is_refused_in_one_line(tmp_path, name, message):
    for file in ("in.tif", "old.tif", "file.zarr"):
        (tmp_path / file).touch()
    (tmp_path / "link.tif").symlink_to(tmp_path / "in.tif")
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(OutputError, match=message) as refusal:
        check_output(tmp_path / name, (tmp_path / "in.tif").as_uri())
    assert "\n" not in str(refusal.value)


def test_an_input_url_is_compared_by_the_file_it_names(tmp_path):
    image = tmp_path / "ä b.tif"
    image.touch()
    with pytest.raises(OutputError, match="is the input image"):
        check_output(image, image.as_uri())
    check_output(tmp_path / "out.tif", "https://example.org/ä%20b.tif")


def test_results_may_be_replaced_but_never_the_input(tmp_path):
    (tmp_path / "in.tif").touch()
    (tmp_path / "old.tif").touch()
    check_output(tmp_path / "old.tif", str(tmp_path / "in.tif"))
    with pytest.raises(OutputError, match="input"):
        check_output(tmp_path / "in.tif", str(tmp_path / "in.tif"))


def test_an_interrupted_replacement_goes_on(tmp_path):
    (tmp_path / "old.tif").touch()
    staging_folder(tmp_path / "old.tif").mkdir()
    check_output(tmp_path / "old.tif")


def test_a_folder_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="not writable"):
        check_output(tmp_path / "out.tif")


def test_space(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    check_space(tmp_path / "out.tif", 1000)
    with pytest.raises(OutputError, match=r"MB free and the run may need .* MB"):
        check_space(tmp_path / "out.tif", 2 * free)


def size_on_disk(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_estimate_bounds_what_noise_takes(tmp_path, staged, dtype):
    layer = Layer("scores", np.dtype(dtype), planes=2)
    noise = np.random.default_rng(0).integers(0, 256, (2, 900, 700)).astype(dtype)
    noise = (
        np.random.default_rng(0).random((2, 900, 700)).astype(dtype) if dtype[0] == "f" else noise
    )
    staging = staged({CLASSES: noise[0].astype(np.uint8), layer: noise})
    bound = estimate_bytes((900, 700), [CLASSES, layer], chunk=256)
    outputs = {"classes": tmp_path / "a.tif", "scores": tmp_path / "b.tif"}
    finish_geotiff(staging, outputs, MapFacts())
    finish_zarr(staging, tmp_path / "c.zarr", MapFacts())
    assert size_on_disk(staging.folder) <= bound.staging
    assert size_on_disk(outputs["classes"]) + size_on_disk(outputs["scores"]) <= bound.output
    assert size_on_disk(tmp_path / "c.zarr") <= bound.output
    assert bound.total == bound.staging + bound.output


def test_estimate_of_a_large_map():
    bound = estimate_bytes((40_960, 40_960), [CLASSES])
    pixels = 40_960**2
    assert 4 / 3 * pixels < bound.staging < 1.02 * 4 / 3 * pixels + 2**20 + 40 * 1024**2
