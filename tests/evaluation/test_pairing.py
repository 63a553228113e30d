"""Maps of two folders, paired by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilesegm.errors import SettingsError
from tilesegm.evaluation.inputs import MapPair
from tilesegm.evaluation.pairing import is_folder_of_maps, pair_folders, short_names


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
