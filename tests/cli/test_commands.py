"""Commands on real images, some in processes of their own as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import tifffile
import zarr

import tilesegm as ts
from tests.cli.conftest import Cli
from tests.images import GEO, blobs, read, write
from tilesegm.sink.provenance import read_map_facts

TILE = ["--tile", "256", "--overlap", "64"]


def run(*words: Any, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``tilesegm`` in a process of its own."""
    # The variable that keeps TensorFlow quiet is the program's affair, not that of this process.
    env = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-m", "tilesegm", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env)


QUIET = """
import os, sys
os.environ["CPL_DEBUG"] = "ON"
sys.argv = ["tilesegm", "info", sys.argv[1]]
from tilesegm.cli.main import main
main()
"""


def test_nothing_of_other_packages_reaches_the_terminal(tmp_path: Path) -> None:
    image = np.zeros((9, 9, 3), np.float32)
    path = tmp_path / "dem.tif"
    tags = [
        (42113, "s", 0, "-3.4028234663852886e+38", True),
        (42112, "s", 0, "<GDALMetadata><Item name='x'>broken", True),
    ]
    tifffile.imwrite(path, image, photometric="rgb", extratags=tags)
    words = [sys.executable, "-c", QUIET, str(path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "-3.4028" in done.stdout


def test_info_tells_place_scale_and_notes_of_zarr(cli: Cli, tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr",
        data=np.zeros((2, 9, 9), np.uint16),
        dimension_names=("time", "y", "x"),
    )
    place = {"proj:code": "EPSG:32633", "spatial:transform": [10, 0, 5e5, 0, -10, 4e6]}
    array.attrs.update({"scale_factor": 0.5, "add_offset": -1, **place})
    facts = json.loads(cli("info", tmp_path / "a.zarr", "--json").out)
    assert facts["crs"] == "EPSG:32633"
    assert facts["transform"] == [10, 0, 5e5, 0, -10, 4e6]
    assert (facts["scale"], facts["offset"]) == ([0.5], [-1])
    assert "the first of 2 steps along time" in facts["notes"][0]
    assert "--unscale" in facts["notes"][1]
    facts = json.loads(cli("info", tmp_path / "a.zarr", "--unscale", "--json").out)
    assert (facts["scale"], facts["dtype"]) == ([], "float32")


def test_a_batch_of_real_images_goes_on_past_a_bad_one(
    shared_data: Path, models: Path, tmp_path: Path
) -> None:
    byte = shared_data / "rasterio" / "RGBA.byte.tif"
    slide = shared_data / "wsi" / "cmu_small_region.svs"
    bad = tmp_path / "bad ünd broken.tif"
    bad.write_text("nothing")
    folder = tmp_path / "maps"
    done = run("predict", byte, bad, slide, "-m", models / "bundle", "-o", folder, *TILE)
    assert done.returncode == 1, done.stderr
    line, last = (line for line in done.stderr.splitlines() if not line.startswith("note: "))
    assert bad.name in line
    assert last == f"3 images: 2 computed (new: 2), 1 failed; see {folder / 'manifest.jsonl'}"
    assert "Traceback" not in line
    one, other = done.stdout.splitlines()
    assert one.startswith(f"{folder / 'RGBA.byte_classes.tif'}: 718 x 791 px, 4 classes")
    assert other.startswith(f"{folder / 'cmu_small_region_classes.tif'}: 2967 x 2220 px")
    with rasterio.open(byte) as before, rasterio.open(folder / "RGBA.byte_classes.tif") as after:
        assert after.crs == before.crs
        assert after.transform == before.transform
        np.testing.assert_array_equal(after.read_masks(1) == 0, before.read(4) == 0)
    values = read(folder / "cmu_small_region_classes.tif")
    assert values.shape == (2967, 2220)
    assert values.max() < 4
    assert not list(folder.glob("*.partial"))


def test_several_files_as_one_image(shared_data: Path, models: Path, tmp_path: Path) -> None:
    bands = sorted((shared_data / "sentinel2").glob("*.tiff"))
    assert len(bands) == 8
    output = tmp_path / "scene.TIF"
    words = ["--stack", *bands, "-m", models / "b8.keras", "-o", output, "--json", *TILE]
    done = run("predict", *words)
    assert done.returncode == 0, done.stderr
    assert "24% of the image is of one colour" in done.stderr  # clouds, as bright as can be
    said = json.loads(done.stdout)
    assert (said["height"], said["width"], said["classes"]) == (2201, 2629, 4)
    assert said["tiles"] > 100
    with rasterio.open(bands[0]) as before, rasterio.open(output) as after:
        assert after.crs == before.crs
        assert after.transform == before.transform
        assert after.overviews(1)
        assert after.shape == before.shape


def test_seven_bands_of_landsat(cli: Cli, shared_data: Path, models: Path, tmp_path: Path) -> None:
    image = next(
        path
        for path in sorted((shared_data / "nc_landsat").glob("*.tif"))
        if rasterio.open(path).count == 7
    )
    output = tmp_path / "out.zarr"
    said = cli(
        "predict",
        image,
        "-m",
        models / "b7.keras",
        "-o",
        output,
        "--overlap",
        "exact",
        "--confidence",
        "entropy",
        "--json",
    )
    assert (said.code, said.err) == (0, "")
    summary = json.loads(said.out)
    assert summary["exact"] is True
    assert summary["extras"] == {"confidence": str(output / "confidence")}
    assert (output / "zarr.json").is_file()


def test_choosing_bands_changes_what_the_network_sees(
    cli: Cli, models: Path, tmp_path: Path
) -> None:
    image = blobs(80, 90, 7)
    seven = write(tmp_path / "seven.tif", image, **GEO)
    three = write(tmp_path / "three.tif", image[..., [4, 0, 2]], **GEO)
    for source, more in ((seven, ["--bands", "5,1,3"]), (three, [])):
        said = cli(
            "predict",
            source,
            "-m",
            models / "b3.keras",
            "-o",
            source.with_name(source.stem + "_out.tif"),
            *more,
            "--quiet",
        )
        assert (said.code, said.out, said.err) == (0, "", "")
    np.testing.assert_array_equal(
        read(tmp_path / "seven_out.tif"), read(tmp_path / "three_out.tif")
    )


def test_a_batch_in_json_says_what_became_of_each(cli: Cli, models: Path, tmp_path: Path) -> None:
    good = write(tmp_path / "good.tif", blobs(80, 90), **GEO)
    wide = write(tmp_path / "wide.tif", blobs(80, 90, 5), **GEO)
    words = ["predict", good, wide, "-m", models / "b3.keras", "-o", tmp_path / "maps"]
    said = cli(*words, "--json")
    assert (said.code, said.err) == (1, "")
    first, second = map(json.loads, said.out.splitlines())
    assert first["output"] == str(tmp_path / "maps" / "good_classes.tif")
    assert second["image"] == str(wide)
    assert "expects 3 bands" in second["error"]
    again = cli(*words, "--quiet")
    assert (again.code, again.out) == (1, "")
    assert len(again.err.splitlines()) == 1


def test_an_image_given_twice_is_refused(cli: Cli, models: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", blobs(20, 20), **GEO)
    said = cli("predict", path, path, "-m", models / "b3.keras", "-o", tmp_path / "maps")
    assert said.code == 2
    assert "both" in said.err
    assert not (tmp_path / "maps").exists()


def test_overwrite_replaces(cli: Cli, models: Path, tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(80, 90), **GEO)
    words = ["predict", image, "-m", models / "b3.keras", "-o", tmp_path / "out.tif"]
    assert cli(*words).code == 0
    assert cli(*words, "--tile", "64", "--overlap", "8").code == 3
    said = cli(*words, "--tile", "64", "--overlap", "8", "--overwrite", "--json")
    assert said.code == 0
    assert json.loads(said.out)["tiles"] == 4


def test_plan_says_what_predict_will_do(cli: Cli, models: Path, tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(700, 900), **GEO)
    words = [image, "-m", models / "b3.keras", "--overlap", "exact", "--tile", "256"]
    planned = cli("plan", *words, "--json")
    assert (planned.code, planned.err) == (0, "")
    forecast = json.loads(planned.out)
    assert [file.name for file in tmp_path.iterdir()] == ["image.tif"]
    result = json.loads(cli("predict", *words, "-o", tmp_path / "out.tif", "--json").out)
    for fact in ("tiles", "redundancy", "exact", "read_amplification"):
        assert forecast[fact] == result[fact]
    assert forecast["receptive_field_radius"] == 2
    assert forecast["overlap"] == 4
    assert forecast["expected_class_flips"] == 0
    assert forecast["seconds"] is not None
    table = cli("plan", *words).out
    for word in ("redundancy", "peak memory", "read amplification", "exact", "tiles"):
        assert word in table


def test_plan_takes_the_area_that_predict_takes(cli: Cli, models: Path, tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(300, 400), **GEO)
    area = np.zeros((300, 400), np.uint8)
    area[:60, :300] = 1
    words = [image, "-m", models / "b3.keras", "--tile", "64", "--overlap", "16"]
    words += ["--aoi", write(tmp_path / "area.tif", area, **GEO), "--skip", "background"]
    forecast = json.loads(cli("plan", *words, "--json", "--no-probe").out)
    result = json.loads(cli("predict", *words, "-o", tmp_path / "out.tif", "--json").out)
    assert result["skipped"] > 0
    for fact in ("tiles", "skipped"):
        assert forecast[fact] == result[fact]
    told = f"{result['tiles']} in batches of {forecast['batch']}; {result['skipped']} others hold"
    assert told in " ".join(cli("plan", *words, "--no-probe").out.replace("│", " ").split())


def test_plan_tells_heights_before_widths(cli: Cli, models: Path, tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(60, 40), **GEO)
    words = [image, "-m", models / "b3.keras"]
    rows, cols = json.loads(cli("plan", *words, "--json").out)["tile"]
    assert rows > cols
    table = cli("plan", *words).out
    assert "60 x 40 px" in table
    assert f"{rows} x {cols} px" in table


def test_a_network_of_fixed_size_needs_no_options(cli: Cli, tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((64, 64, 3))
    keras.Model(inputs, 1.0 * inputs).save(tmp_path / "net.keras")
    pixels = blobs(150, 100)
    image = write(tmp_path / "image.tif", pixels, **GEO)
    words = (image, "-m", tmp_path / "net.keras")
    note = "net.keras takes tiles of 64 x 64 pixels only; they overlap by 16 pixels"
    assert note in cli("plan", *words).out
    done = cli("predict", *words, "-o", tmp_path / "map.tif")
    assert (done.code, done.err.startswith(f"note: {note}")) == (0, True), done.err
    np.testing.assert_array_equal(read(tmp_path / "map.tif"), pixels.argmax(axis=2))
    done = cli("predict", *words, "-o", tmp_path / "quiet.tif", "-q")
    assert (done.code, done.out + done.err) == (0, "")


def test_plan_and_audit_take_a_stack_as_predict_does(
    cli: Cli, models: Path, tmp_path: Path
) -> None:
    image = blobs(300, 200)
    bands = [write(tmp_path / f"{n}.tif", image[..., n], **GEO) for n in range(3)]
    words = [*bands, "-m", models / "b3.keras", *TILE, "--json"]
    planned = json.loads(cli("plan", "--stack", *words, "--no-probe").out)
    audited = json.loads(cli("audit", "--stack", *words, "--samples", 1).out)
    mapped = json.loads(cli("predict", "--stack", *words, "-o", tmp_path / "map.tif").out)
    assert planned["tiles"] == mapped["tiles"]
    assert planned["image"] == audited["image"] == mapped["image"]
    for command in ("plan", "audit"):
        refused = cli(command, *words)
        assert refused.code == 2
        assert "3 images are given; give one, or --stack" in refused.err


def test_plan_and_info_need_no_framework(models: Path, tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(300, 200), **GEO)
    script = f"""
import sys
from tilesegm.cli.main import app
bundle, image = {str(models / "bundle")!r}, {str(image)!r}
for words in (["info", image], ["info", bundle], ["plan", image, "-m", bundle, "--no-probe"]):
    app([*words, "--json"], standalone_mode=False)
assert not {{"keras", "tensorflow"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    about_image, about_model, forecast = map(json.loads, done.stdout.splitlines())
    assert (about_image["height"], about_image["crs"]) == (300, "EPSG:32633")
    assert (about_model["bands"], about_model["receptive_field_radius"]) == (3, 2)
    assert forecast["tiles"] == 1
    assert forecast["seconds"] is None


def test_audit_fails_beyond_its_limit(cli: Cli, models: Path, tmp_path: Path) -> None:
    image = write(tmp_path / "image.tif", blobs(600, 700))
    words = ["audit", image, "-m", models / "bundle", "--tile", 256, "--samples", 2]
    rough = cli(*words, "--overlap", 0, "--blend", "crop", "--json")
    assert rough.code == 0, rough.err
    said = json.loads(rough.out)
    assert said["near_pixels"] > 0
    assert said["near_rate"] > 0, "random weights and no overlap leave seams"
    limited = cli(*words, "--overlap", 0, "--blend", "crop", "--limit", 0)
    assert limited.code == 1
    note, refusal = limited.err.splitlines()
    assert note.startswith("note: --blend has no effect")
    assert "take a larger overlap or --overlap exact" in refusal
    assert "where tiles blend" in limited.out
    exact = cli(*words, "--overlap", "exact", "--limit", 0)
    assert exact.code == 0, exact.err


def test_help_shows_an_example_for_every_command(cli: Cli) -> None:
    for command in ("predict", "plan", "info", "demo", "audit", "evaluate"):
        said = cli(command, "--help")
        assert said.code == 0
        assert "Example: tilesegm" in said.out
    assert "130 interrupted" in " ".join(cli("predict", "--help").out.split())
    assert cli("--version").out.startswith("tilesegm ")


def test_names_with_spaces_and_letters_of_the_world(cli: Cli, models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Übung 空间 'a'"
    folder.mkdir()
    image = write(folder / "bild ñ&<1>.tif", blobs(40, 50), **GEO)
    said = cli("predict", image, "-m", models / "b3.keras", "-o", folder / "karte ñ&<1>.tif")
    assert (said.code, said.err) == (0, "")
    assert read(folder / "karte ñ&<1>.tif").shape == (40, 50)


def test_a_step_of_a_volume_is_read_and_told(cli: Cli, models: Path, tmp_path: Path) -> None:
    volume = np.random.default_rng(0).integers(0, 255, (2, 5, 3, 40, 40)).astype(np.uint8)
    names = ("t", "z", "c", "y", "x")
    zarr.create_array(tmp_path / "a.zarr", data=volume, dimension_names=names)
    facts = json.loads(cli("info", tmp_path / "a.zarr", "--at", "z=3,time=1", "--json").out)
    assert (facts["steps"], facts["at"]) == ({"t": 2, "z": 5}, {"t": 1, "z": 3})
    assert facts["notes"] == []
    for output in ("a.tif", "b.zarr"):
        run = ("predict", tmp_path / "a.zarr", "-m", models / "bundle", "-o", tmp_path / output)
        done = cli(*run, "--at", "z=3,t=1")
        assert done.code == 0, done.err
        assert read_map_facts(tmp_path / output).steps == "t=1,z=3"
        again = cli(*run, "--at", "z=2,t=1")
        assert again.code != 0
        assert "is not the result of this image" in again.err
    refused = cli(*run, "--at", "z=9")
    assert "choose from 0 to 4" in refused.err
    assert "give one step of each axis" in cli(*run, "--at", "z:9").err


def test_a_map_has_no_margin_to_skip(cli: Cli, tmp_path: Path) -> None:
    image = np.full((300, 300, 2), (0, 9), np.uint8)
    image[100:200, 100:200] = 9, 0
    output = tmp_path / "map.tif"
    ts.segment(image, lambda pixels: pixels, output)
    assert json.loads(cli("info", output, "--json").out)["margin"] is None
    same = write(tmp_path / "same.tif", read(output))
    assert "of one colour (1)" in json.loads(cli("info", same, "--json").out)["margin"]


def test_plan_tells_the_memory_of_each_worker(cli: Cli, models: Path, tmp_path: Path) -> None:
    words = ["plan", write(tmp_path / "image.tif", blobs(300, 200)), "-m", models / "bundle"]
    assert "in each worker" not in cli(*words, "--no-probe").out
    assert "MB in each worker (" in cli(*words, "--no-probe", "--workers", 2).out
