"""Every kind of bad input gets one clear line, an exit code, and nothing under the final name."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tifffile

from tests.cli.conftest import Cli, Said
from tests.images import GEO, blobs, write

OUTPUT = "out.tif"


def refused(said: Said, code: int, *words: str) -> None:
    """Check that all that was said is one line on standard error."""
    assert said.code == code, said.err
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("tilesegm: ")
    for word in words:
        assert word in line
    assert "Traceback" not in line
    assert "Error(" not in line


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write(tmp_path / "image.tif", blobs(300, 200), **GEO)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / OUTPUT


def predict(cli: Cli, image: Path, model: Path, output: Path, *more: str) -> Said:
    return cli(
        "predict", image, "-m", model, "-o", output, "--tile", "128", "--overlap", "32", *more
    )


def absent(folder: Path) -> Path:
    return folder / "absent.tif"


def no_image(folder: Path) -> Path:
    path = folder / "text.tif"
    path.write_text("I am no image.")
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "empty.tif"
    path.touch()
    return path


def truncated(folder: Path) -> Path:
    path = write(folder / "cut.tif", blobs(300, 200), **GEO)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    return path


def unknown_codec(folder: Path) -> Path:
    """Name a codec in the header that no build of GDAL knows."""
    path = folder / "codec.tif"
    tifffile.imwrite(path, blobs(32, 32), photometric="rgb")
    data = bytearray(path.read_bytes())
    entry = data.find(struct.pack("<HHIH", 259, 3, 1, 1))
    data[entry + 8 : entry + 10] = struct.pack("<H", 65432)
    path.write_bytes(data)
    return path


def two_bands(folder: Path) -> Path:
    return write(folder / "two.tif", blobs(64, 64, 2), **GEO)


def complex_pixels(folder: Path) -> Path:
    return write(folder / "complex.tif", np.ones((32, 32, 3), np.complex64), **GEO)


def nothing_but_a_folder(folder: Path) -> Path:
    (folder / "folder").mkdir()
    return folder / "folder"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (absent, ["absent.tif", "no such file"]),
        (no_image, ["text.tif"]),
        (empty_file, ["empty.tif"]),
        (truncated, ["cut.tif"]),
        (unknown_codec, ["codec.tif"]),
        (two_bands, ["expects 3 bands", "has 2", "--stack"]),
        (complex_pixels, ["complex"]),
        (nothing_but_a_folder, ["folder"]),
    ],
)
def test_images(
    cli: Cli, models: Path, tmp_path: Path, make: Callable[[Path], Path], words: list[str]
) -> None:
    source = make(tmp_path)
    refused(predict(cli, source, models / "b3.keras", tmp_path / OUTPUT), 2, *words)
    assert not (tmp_path / OUTPUT).exists()


def test_an_image_without_pixels(cli: Cli, models: Path, tmp_path: Path) -> None:
    import zarr

    zarr.create_array(tmp_path / "none.zarr", shape=(0, 10, 3), dtype="uint8", chunks=(1, 1, 1))
    said = predict(cli, tmp_path / "none.zarr", models / "b3.keras", tmp_path / OUTPUT)
    refused(said, 2, "no pixels")
    assert not (tmp_path / OUTPUT).exists()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("absent.keras", ["absent.keras", "does not exist"]),
        ("absent", ["absent", "does not exist"]),
        ("b7.keras", ["expects 7 bands", "has 3"]),
        ("whole.keras", ["not a segmentation"]),
        ("half.keras", ["half.keras", "every pixel"]),
        ("nan.keras", ["nan.keras", "NaN or infinite scores", "row 0, column 0"]),
    ],
)
def test_models(
    cli: Cli, models: Path, image: Path, output: Path, model: str, words: list[str]
) -> None:
    refused(predict(cli, image, models / model, output), 2, *words)
    assert not output.exists()


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"", b"PK\x03\x04 cut short"])
def test_files_that_are_no_model(
    cli: Cli, image: Path, output: Path, tmp_path: Path, content: bytes
) -> None:
    for name in ("model.keras", "model.png"):
        (tmp_path / name).write_bytes(content)
        refused(predict(cli, image, tmp_path / name, output), 2, name)
    assert not output.exists()


@pytest.mark.parametrize(
    ("model", "settings", "code", "words"),
    [
        ("stride8.keras", ["--tile", "100", "--overlap", "0"], 2, ["multiple of 8", "104"]),
        ("b3.keras", ["--overlap", "128"], 2, ["overlap is 128 and tile is 128"]),
        ("b3.keras", ["--overlap", "-5"], 2, ["overlap is -5"]),
        ("b3.keras", ["--overlap", "wide"], 2, ["overlap is 'wide'", "'exact'"]),
        ("b3.keras", ["--tile", "0"], 2, ["tile is 0 pixels"]),
        ("b3.keras", ["--blend", "soft"], 2, ["blend is 'soft'", "hann"]),
        ("b3.keras", ["--bands", "1,2,9"], 2, ["band 9", "3 bands"]),
        ("b3.keras", ["--bands", "0,1,2"], 2, ["counted from 1"]),
        ("b3.keras", ["--bands", "red"], 2, ["bands is 'red'"]),
        ("b3.keras", ["--nodata", "999"], 2, ["999", "uint8"]),
        ("b3.keras", ["--level", "3"], 2, ["level"]),
        ("b3.keras", ["--memory", "lots"], 2, ["memory is 'lots'", "4GB"]),
        ("b3.keras", ["--memory", "50MB"], 4, ["50 MB", "needs"]),
        ("b3.keras", ["--precision", "int8"], 2, ["precision is 'int8'", "bfloat16"]),
        ("b3.keras", ["--network-outputs", "odds"], 2, ["network_outputs is 'odds'", "logits"]),
        ("b3.keras", ["--head", "seg"], 2, ["b3", "has one output", "--head seg out"]),
        ("b3.keras", ["--confidence", "high"], 2, ["confidence is 'high'", "entropy"]),
        ("b3.keras", ["--scores", "int64"], 2, ["scores is 'int64'", "uint8"]),
        ("b3.keras", ["--compress", "zip"], 2, ["compress is 'zip'", "deflate"]),
        ("b3.keras", ["--tta", "mirrors"], 2, ["mirrors", "flips"]),
        ("b3.keras", ["--normalise", "255"], 2, ["normalise is '255'", "0:255"]),
        ("b3.keras", ["--normalise", "0:1,0:1"], 2, ["2 bands"]),
        ("b3.keras", ["--aoi", "absent.geojson"], 2, ["absent.geojson does not exist"]),
        ("pooled.keras", ["--overlap", "exact"], 2, ["not exact because"]),
    ],
)
def test_settings(
    cli: Cli,
    models: Path,
    image: Path,
    output: Path,
    model: str,
    settings: list[str],
    code: int,
    words: list[str],
) -> None:
    refused(predict(cli, image, models / model, output, *settings), code, *words)
    assert not output.exists()


def test_an_area_that_misses_the_image(
    cli: Cli, models: Path, image: Path, output: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pyogrio")
    area = tmp_path / "area.geojson"
    area.write_text('{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}')
    refused(predict(cli, image, models / "b3.keras", output, "--aoi", area), 2, "misses the image")
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no/such/folder/out.tif", ["does not exist", "create it first"]),
        ("image.tif", ["is the input image"]),
        ("out.jpg", ["cannot tell the format", ".tif"]),
        ("no/such/folder", ["cannot be made"]),
        (250 * "n" + ".tif", ["too long"]),
    ],
)
def test_outputs(
    cli: Cli, models: Path, image: Path, tmp_path: Path, name: str, words: list[str]
) -> None:
    before = image.read_bytes()
    refused(predict(cli, image, models / "b3.keras", tmp_path / name, "--overwrite"), 3, *words)
    assert image.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["image.tif"]


def test_several_images_do_not_fit_into_a_file(
    cli: Cli, models: Path, image: Path, tmp_path: Path
) -> None:
    said = cli("predict", image, image, "-m", models / "b3.keras", "-o", tmp_path / OUTPUT)
    refused(said, 2, "cannot share the output", "--stack")
    assert not (tmp_path / OUTPUT).exists()


def test_an_output_that_is_something_else(
    cli: Cli, models: Path, image: Path, output: Path
) -> None:
    output.write_text("precious")
    said = predict(cli, image, models / "b3.keras", output)
    refused(said, 3, "exists and is not the result", "--overwrite")
    assert output.read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(
    cli: Cli, models: Path, image: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o555)
    refused(predict(cli, image, models / "b3.keras", folder / OUTPUT), 3, "not writable")


def test_a_full_disk_leaves_nothing_and_the_run_goes_on(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk that fills up during the run."""
    pytest.importorskip("resource")
    source = write(tmp_path / "image.tif", blobs(1500, 1400, seed=3), **GEO)
    script = (
        "import resource, signal, sys\n"
        "import tilesegm as ts\n"
        "from tilesegm.errors import OutputError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "noise = lambda pixels: (pixels * 7919) % 251\n"
        "def run():\n"
        f"    return ts.segment({str(source)!r}, noise, {str(tmp_path / OUTPUT)!r})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    run()\n"
        "except OutputError as error:\n"
        "    print(error)\n"
        "import os\n"
        f"print(sorted(os.listdir({str(tmp_path)!r})))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"
        "print(run().output)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    error, files, finished = done.stdout.splitlines()
    assert "cannot write" in error
    assert "free space" in error
    assert files == "['image.tif']"
    assert finished.endswith(OUTPUT)


def test_words_that_typer_refuses_say_how_to_go_on(cli: Cli, image: Path) -> None:
    said = cli("predict", image)
    assert said.code == 2
    assert "--model" in said.err
    assert "Traceback" not in said.err


def test_plan_and_info_refuse_in_one_line_as_well(cli: Cli, models: Path, tmp_path: Path) -> None:
    refused(cli("info", absent(tmp_path)), 2, "no such file")
    refused(cli("info", no_image(tmp_path)), 2, "text.tif")
    refused(cli("info", models / "b3.keras"), 2, "tilesegm plan IMAGE --model")
    refused(cli("plan", absent(tmp_path), "-m", models / "b3.keras"), 2, "no such file")
    source = write(tmp_path / "image.tif", blobs(300, 200), **GEO)
    refused(cli("plan", source, "-m", models / "whole.keras"), 2, "not a segmentation")
    refused(cli("plan", source, "-m", models / "b3.keras", "--memory", "9MB"), 4, "9 MB")


def test_an_unreadable_block_names_the_image(cli: Cli, models: Path, tmp_path: Path) -> None:
    path = write(
        tmp_path / "image.tif",
        blobs(600, 600),
        compress="deflate",
        tiled=True,
        blockxsize=256,
        blockysize=256,
        **GEO,
    )
    with rasterio.open(path) as dataset:
        assert dataset.block_shapes[0] == (256, 256)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    path.write_bytes(data)
    refused(predict(cli, path, models / "b3.keras", tmp_path / OUTPUT), 2, "image.tif")
    assert not (tmp_path / OUTPUT).exists()
