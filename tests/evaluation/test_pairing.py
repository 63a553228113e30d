"""Maps of two folders, paired by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilesegm.errors import SettingsError
from tilesegm.evaluation.inputs import MapPair
from tilesegm.evaluation.pairing import (
    is_folder_of_maps,
    match_folders,
    pair_folders,
    short_names,
)


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).mkdir() if name.endswith(".zarr") else (folder / name).touch()
    return folder


def test_files_of_one_name_are_a_pair(tmp_path: Path) -> None:
    maps = fill(tmp_path / "p", "b.tif", "a.PNG", "c.zarr", "notes.txt")
    truths = fill(tmp_path / "t", "a.PNG", "b.tif", "c.zarr", "d.tif")
    assert pair_folders(maps, truths) == [
        MapPair(str(maps / name), str(truths / name)) for name in ("a.PNG", "b.tif", "c.zarr")
    ]


def test_folders_that_give_no_pairs_are_refused(tmp_path: Path) -> None:
    maps, empty = fill(tmp_path / "p", "a.tif"), fill(tmp_path / "t", "notes.txt")
    with pytest.raises(SettingsError, match=r"holds no a\.tif"):
        pair_folders(maps, empty)
    with pytest.raises(SettingsError, match="holds no maps"):
        pair_folders(empty, maps)
    with pytest.raises(SettingsError, match="no folder of maps"):
        pair_folders(maps / "a.tif", maps)


def test_a_zarr_store_is_a_map_and_no_folder_of_maps(tmp_path: Path) -> None:
    named, unnamed = fill(tmp_path / "a.zarr"), fill(tmp_path / "b", "zarr.json")
    assert not any(map(is_folder_of_maps, (named, named / "scores", unnamed, tmp_path / "absent")))
    assert is_folder_of_maps(tmp_path)


def test_short_names_tell_maps_apart() -> None:
    assert short_names(["p/a.tif", "p/b.tif"]) == ["a.tif", "b.tif"]
    assert short_names(["p/a.tif", "q/a.tif", "q/b.tif"]) == ["p/a.tif", "q/a.tif", "b.tif"]


@pytest.mark.parametrize(
    ("path", "truth"),
    [
        ("a_classes.tif", "a.tif"),
        ("a_classes.tif", "a.png"),
        ("a_classes.tif", "a_classes.png"),
        ("a_classes.tif", "a_mask.png"),
        ("a_classes.tif", "a-label.TIF"),
        ("a_classes.zarr", "mask_a.png"),
        ("a_classes.tif", "a.geojson"),
        ("a_b_1_classes.tif", "a_b_1_gt.tif"),
        ("x_leftImg8bit_classes.tif", "x_gtFine_labelIds.png"),
        ("12_sat_classes.tif", "12_mask.png"),
        ("21_training_classes.tif", "21_training_manual1.gif"),
        ("scan.ome_classes.tif", "scan.ome.tif"),
    ],
)
def test_a_truth_is_found_by_the_name_of_the_image(tmp_path: Path, path: str, truth: str) -> None:
    maps = fill(tmp_path / "p", path, "other_classes.tif")
    truths = fill(tmp_path / "t", "other.png", "unrelated.png", truth)
    found = match_folders(maps, truths)
    assert MapPair(str(maps / path), str(truths / truth)) in found.pairs
    (note,) = found.notes
    assert note == f"1 files of {truths} belong to no map: unrelated.png"


def test_truths_in_folders_of_parts_and_sites_are_found(tmp_path: Path) -> None:
    maps = fill(tmp_path / "p", "ulm_1_leftImg8bit_classes.tif", "manifest.jsonl")
    there = tmp_path / "t" / "val" / "ulm"
    there.parent.mkdir(parents=True)
    fill(there, "ulm_1_gtFine_labelIds.png", "ulm_1_gtFine_color.png")
    (there / "loop").symlink_to(tmp_path / "t", target_is_directory=True)
    found = match_folders(maps, tmp_path / "t")
    assert [Path(pair.truth).name for pair in found.pairs] == ["ulm_1_gtFine_labelIds.png"]
    # What `segment_many` writes beside its maps is no file to tell about.
    assert found.notes == (f"1 files of {tmp_path / 't'} belong to no map: ulm_1_gtFine_color.png",)


def test_the_closest_name_wins(tmp_path: Path) -> None:
    maps = fill(tmp_path / "p", "a_classes.tif")
    truths = fill(tmp_path / "t", "a_mask.png", "a.png")
    assert pair_folders(maps, truths) == [
        MapPair(str(maps / "a_classes.tif"), str(truths / "a.png"))
    ]


@pytest.mark.parametrize(
    ("maps", "truths", "words"),
    [
        (["a_classes.tif"], ["a_mask.png", "a_label.png"], "a_label.png or a_mask.png"),
        (["a_classes.tif"], ["a.png", "a.tif"], "a.png or a.tif"),
        (["a.tif", "a_classes.tif"], ["a.png"], "a.tif and a_classes.tif would both"),
        (["a.tif", "b.tif", "c.tif"], ["a.tif"], "2 of 3 maps have no truth: b.tif, c.tif"),
    ],
)
def test_what_is_ambiguous_or_missing_is_named(
    tmp_path: Path, maps: list[str], truths: list[str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        pair_folders(fill(tmp_path / "p", *maps), fill(tmp_path / "t", *truths))


def test_results_beside_a_map_are_no_maps(tmp_path: Path) -> None:
    names = ("a_classes.tif", "a_classes_confidence.tif", "a_classes_scores.tif")
    maps = fill(tmp_path / "p", *names, "a_classes.tif.aux.xml", "notes.txt")
    found = match_folders(maps, fill(tmp_path / "t", "a.png"))
    assert [Path(pair.prediction).name for pair in found.pairs] == ["a_classes.tif"]
    assert "notes.txt" in found.notes[0]
    assert "aux.xml" not in found.notes[0]
