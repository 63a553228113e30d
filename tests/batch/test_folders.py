"""Folders in place of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.images import write
from tilesegm.batch.find import find_entries
from tilesegm.errors import SettingsError
from tilesegm.events import Event, Noted
from tilesegm.segmentation.many import segment_many


def test_a_folder_stands_for_its_images(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("b.tif", "a.TIF", "a_classes.tif", "sharp_classes.tif", "a.TIF.aux.xml", "b.txt"):
        (folder / name).touch()
    (folder / "c.zarr").mkdir()
    (folder / ".hidden.tif").touch()
    events: list[Event] = []
    entries = find_entries(["one.tif", folder, "http://x/y.tif"], events.append)
    found = [entry.image for entry in entries]
    names = ["a.TIF", "b.tif", "c.zarr", "sharp_classes.tif"]
    assert found == ["one.tif", *(str(folder / name) for name in names), "http://x/y.tif"]
    (note,) = events
    assert isinstance(note, Noted)
    assert "4 images; 3 other files are left out (a.TIF.aux.xml, a_classes.tif, b.txt)" in note.text


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SettingsError, match=r"holds no image, but 1 other files \(notes.txt\)"):
        find_entries([tmp_path])


def test_a_folder_is_segmented(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in "ab":
        write(folder / f"{name}.tif", np.zeros((20, 30, 2), np.uint8))
    items = segment_many([folder], lambda pixels: pixels, tmp_path / "maps")
    assert [item.result and item.result.output.name for item in items] == [
        "a_classes.tif",
        "b_classes.tif",
    ]


def test_a_bundle_in_place_of_an_image_is_known(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text("{}")
    with pytest.raises(SettingsError, match="is a bundle of a network and no image; --model"):
        find_entries([tmp_path])
