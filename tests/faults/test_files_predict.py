"""No file dies of a segmentation that did not come from one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio.shutil

import tilesegm as ts
from tests.faults.trees import THINGS, snapshot
from tests.images import GEO, blobs, write
from tilesegm import ownership
from tilesegm.errors import OutputError, SettingsError, TilesegmError
from tilesegm.events import Event, PixelsDone, StageStarted
from tilesegm.segmentation.segment import Segmentation

TILING = ts.Tiling(tile=64, overlap=16)
OPTIONS = ts.Options(confidence="top", scores="uint8", network_outputs="logits")
PLACES = {
    "out.tif": (
        "out.tif",
        "out_confidence.tif",
        "out_scores.tif",
        "out.tif.aux.xml",
        "out_scores.tif.aux.xml",
        "out.tif.partial",
        ".out.draft.tif",
    ),
    "out.zarr": ("out.zarr", "out.zarr.partial", ".out.draft.zarr", ".out.old.zarr"),
}
# What the names of drafts may hold without being of somebody: it cannot be told from our own.
OURS = {(".out.draft.tif", "raster"), (".out.draft.zarr", "store"), (".out.old.zarr", "store")}
CASES = [
    (output, place, thing, overwrite)
    for output, places in PLACES.items()
    for place in places
    for thing in THINGS
    for overwrite in (False, True)
    if (place, thing) not in OURS
]


def network(pixels: np.ndarray) -> np.ndarray:
    return pixels


def segment(folder: Path, output: str = "out.tif", **more: object) -> Segmentation:
    more = {"options": OPTIONS, "tiling": TILING} | more
    return ts.segment(folder / "image.tif", network, folder / output, **more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "image.tif", blobs(90, 80), **GEO)
    return tmp_path


@pytest.mark.parametrize(("output", "place", "thing", "overwrite"), CASES)
def test_what_is_there_stays(
    folder: Path, output: str, place: str, thing: str, overwrite: bool
) -> None:
    THINGS[thing](folder / place)
    before = snapshot(folder)
    with pytest.raises(TilesegmError) as caught:
        segment(folder, output, overwrite=overwrite)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    assert place in str(caught.value)
    assert snapshot(folder) == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("thing", ["text", "raster", "link", "hard link", "dangling link"])
@pytest.mark.parametrize("place", ["out.tif", "out_scores.tif", "out.tif.aux.xml"])
def test_what_appears_stays_and_the_work_is_kept(
    folder: Path, place: str, thing: str, overwrite: bool
) -> None:
    if overwrite:
        segment(folder)
    path = folder / place

    def appear(event: Event) -> None:
        if isinstance(event, StageStarted):
            path.unlink(missing_ok=True)
            THINGS[thing](path)

    with pytest.raises(OutputError, match="appeared or changed") as caught:
        segment(folder, overwrite=overwrite, on_event=appear)
    assert f"kept in {folder / 'out.tif.partial'}" in str(caught.value)
    told = snapshot(folder)
    os.rename(path, folder / "moved")
    assert snapshot(folder)["moved"] == told[place]
    assert segment(folder, overwrite=overwrite).resumed == 90 * 80
    assert snapshot(folder)["moved"] == told[place]


def test_a_link_that_waits_for_a_draft_is_not_followed(folder: Path) -> None:
    (folder / "mine.txt").write_text("precious")

    def plant(event: Event) -> None:
        if isinstance(event, PixelsDone) and not (folder / ".out.draft.tif").is_symlink():
            (folder / ".out.draft.tif").symlink_to(folder / "mine.txt")

    segment(folder, on_event=plant)
    assert (folder / "mine.txt").read_text() == "precious"


def test_a_store_with_files_of_others_is_not_replaced(folder: Path) -> None:
    segment(folder, "out.zarr")
    segment(folder, "out.zarr", overwrite=True)
    for inside in ("notes.txt", "0/notes.txt", "analysis"):
        path = folder / "out.zarr" / inside
        THINGS["folder" if inside == "analysis" else "text"](path)
        before = snapshot(folder)
        with pytest.raises(OutputError, match="which tilesegm did not write"):
            segment(folder, "out.zarr", overwrite=True)
        assert snapshot(folder) == before
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("thing", THINGS)
def test_what_has_the_name_of_trash_stays(folder: Path, thing: str) -> None:
    THINGS[thing](folder / "out.tif.partial.trash")
    before = snapshot(folder)
    segment(folder)
    assert before.items() <= snapshot(folder).items()


def test_a_foreign_run_beside_ours_is_not_taken_for_unfinished_work(folder: Path) -> None:
    for names in (["run.json"], ["run.json", "model"], ["classes"], ["lock"]):
        staged = folder / "out.tif.partial"
        staged.mkdir()
        for name in names:
            (staged / name).write_text("{}")
        before = snapshot(folder)
        for overwrite in (False, True):
            with pytest.raises(OutputError, match="holds other files"):
                segment(folder, overwrite=overwrite)
            assert snapshot(folder) == before
        shutil.rmtree(staged)


def _itself(folder: Path) -> tuple[object, Path]:
    return folder / "map.tif", folder / "map.tif"


def _by_link(folder: Path) -> tuple[object, Path]:
    (folder / "link.tif").symlink_to(folder / "map.tif")
    return folder / "link.tif", folder / "map.tif"


def _by_folder_link(folder: Path) -> tuple[object, Path]:
    (folder / "same").symlink_to(folder)
    return folder / "map.tif", folder / "same" / "map.tif"


def _by_hard_link(folder: Path) -> tuple[object, Path]:
    os.link(folder / "map.tif", folder / "other.tif")
    return folder / "map.tif", folder / "other.tif"


def _in_a_stack(folder: Path) -> tuple[object, Path]:
    return [folder / "map.tif", folder / "image.tif"], folder / "map.tif"


def _in_a_mosaic(folder: Path) -> tuple[object, Path]:
    rasterio.shutil.copy(folder / "map.tif", folder / "mosaic.vrt", driver="VRT")
    return folder / "mosaic.vrt", folder / "map.tif"


def _in_a_mosaic_of_mosaics(folder: Path) -> tuple[object, Path]:
    _in_a_mosaic(folder)
    rasterio.shutil.copy(folder / "mosaic.vrt", folder / "second.vrt", driver="VRT")
    return folder / "second.vrt", folder / "map.tif"


def _by_address(folder: Path) -> tuple[object, Path]:
    return (folder / "map.tif").as_uri(), folder / "map.tif"


def _by_page(folder: Path) -> tuple[object, Path]:
    return f"GTIFF_DIR:1:{folder / 'map.tif'}", folder / "map.tif"


def _as_extra(folder: Path) -> tuple[object, Path]:
    os.rename(folder / "map.tif", folder / "new_confidence.tif")
    return folder / "new_confidence.tif", folder / "new.tif"


def _store_around(folder: Path) -> tuple[object, Path]:
    return folder / "map.zarr" / "scores", folder / "map.zarr"


def _in_the_store(folder: Path) -> tuple[object, Path]:
    return folder / "map.zarr", folder / "map.zarr" / "new.tif"


READ = (
    _itself,
    _by_link,
    _by_folder_link,
    _by_hard_link,
    _in_a_stack,
    _in_a_mosaic,
    _in_a_mosaic_of_mosaics,
    _by_address,
    _by_page,
    _as_extra,
    _store_around,
    _in_the_store,
)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("case", READ, ids=lambda case: case.__name__.strip("_"))
def test_no_output_is_read(
    folder: Path, case: Callable[[Path], tuple[object, Path]], overwrite: bool
) -> None:
    for name in ("map.tif", "map.zarr"):
        segment(folder, name, options=ts.Options(scores="uint8", network_outputs="logits"))
    (folder / "map_scores.tif").unlink()
    image, output = case(folder)
    before = snapshot(folder)
    with pytest.raises(OutputError, match=r"give the output another|somewhere else") as caught:
        ts.segment(image, network, output, options=OPTIONS, tiling=TILING, overwrite=overwrite)
    assert "\n" not in str(caught.value)
    assert snapshot(folder) == before


def test_no_output_is_the_area_or_the_model(folder: Path) -> None:
    segment(folder, "map.tif", options=ts.Options())
    for what, more in (
        ("the area of interest", {"options": ts.Options(area=folder / "map.tif")}),
        ("the model", {"model": str(folder / "map.tif")}),
    ):
        asked = {"model": network, "options": ts.Options()} | more
        with pytest.raises(OutputError, match=f"map.tif is {what}"):
            ts.segment(folder / "image.tif", output=folder / "map.tif", overwrite=True, **asked)
    (folder / "saved").mkdir()
    with pytest.raises(OutputError, match="lies inside of the model"):
        ts.segment(folder / "image.tif", str(folder / "saved"), folder / "saved" / "out.tif")


def test_no_output_of_a_batch_is_an_input_of_it(folder: Path) -> None:
    segment(folder, "image_classes.tif", options=ts.Options())
    before = snapshot(folder)
    with pytest.raises(OutputError, match=r"image_classes\.tif is the input image"):
        ts.segment_many(
            [folder / "image.tif", folder / "image_classes.tif"], network, folder, overwrite=True
        )
    assert snapshot(folder) == before


def test_outputs_of_a_batch_do_not_share_a_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(folder / "image.tif", folder / "image.jpg")
    shutil.copy(folder / "image.tif", folder / "IMAGE.tif")
    images = [folder / name for name in ("image.tif", "image.jpg", "IMAGE.tif")]
    with pytest.raises(SettingsError, match="would both be written to"):
        ts.segment_many([images[0], images[0]], network, folder / "maps")
    ts.segment_many(images, network, folder / "maps", tiling=TILING)
    names = {path.name for path in (folder / "maps").glob("*.tif")}
    assert names == {"image_tif_classes.tif", "image_jpg_classes.tif", "IMAGE_classes.tif"}
    monkeypatch.setattr(ownership, "_tells_case", lambda place: False)
    ts.segment_many(images[::2], network, folder / "others", tiling=TILING)
    names = {path.name for path in (folder / "others").glob("*.tif")}
    assert names == {"image_classes.tif", "IMAGE_2_classes.tif"}


def stopped(folder: Path, **more: object) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, StageStarted):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment(folder, on_event=stop, **more)


@pytest.mark.parametrize("output", ["out.tif", "out.zarr"])
def test_overwrite_goes_on_with_what_it_began(folder: Path, output: str) -> None:
    segment(folder, output)
    finished = snapshot(folder)
    stopped(folder, output=output, overwrite=True)
    kept = {name: value for name, value in snapshot(folder).items() if ".partial" not in name}
    assert kept == finished
    assert segment(folder, output, overwrite=True).resumed == 90 * 80
    assert segment(folder, output, overwrite=True).resumed == 0


def test_overwrite_drops_what_others_began(folder: Path) -> None:
    stopped(folder)
    assert segment(folder, overwrite=True).resumed == 0
    stopped(folder, overwrite=True)
    other = ts.Options(confidence="margin", scores="uint8", network_outputs="logits")
    assert segment(folder, overwrite=True, options=other).resumed == 0


def test_an_output_of_other_settings_stays_beside_unfinished_work(folder: Path) -> None:
    segment(folder)
    other = {"tiling": ts.Tiling(tile=32, overlap=8)}
    stopped(folder, overwrite=True, **other)
    before = snapshot(folder)
    with pytest.raises(OutputError, match="exists and is not the result of this image"):
        segment(folder, **other)
    assert snapshot(folder) == before
