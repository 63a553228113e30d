"""What stands for images: patterns, lists, tables and STAC items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilesegm as ts
from tests.faults.tiny_run import network
from tests.images import GEO, blobs, read, write
from tilesegm.batch.columns import COLUMNS
from tilesegm.batch.find import find_entries
from tilesegm.errors import SettingsError
from tilesegm.events import Event, Noted


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(images: list[Any], folder: Path, **more: Any) -> tuple[list[str], list[str]]:
    """Images by their place in a folder, and notes."""
    events: list[Event] = []
    entries = find_entries(images, events.append, **more)
    names = [Path(entry.image).relative_to(folder).as_posix() for entry in entries]
    return names, [event.text for event in events if isinstance(event, Noted)]


def test_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.tif", "a/2.png", "a/2.txt", "b/c/3.tif", "b/c/.4.tif", "b/5.dat")
    touch(tmp_path, "b/z.zarr/zarr.json", "b/z.zarr/0/x.tif", "b/m.tif.partial/x.tif")
    every = ["a/1.tif", "a/2.png", "b/c/3.tif", "b/z.zarr"]
    names, notes = found([f"{tmp_path}/**"], tmp_path)
    assert names == every
    assert "4 images; 3 other files are left out (2.txt, 5.dat, m.tif.partial)" in notes[0]
    assert found([f"{tmp_path}/**/*.tif"], tmp_path)[0] == ["a/1.tif", "b/c/3.tif"]
    assert found([f"{tmp_path}/[ab]/*"], tmp_path)[0] == [
        "a/1.tif",
        "a/2.png",
        "b/c/3.tif",
        "b/z.zarr",
    ]
    assert found([f"{tmp_path}/b/*.dat"], tmp_path)[0] == ["b/5.dat"]
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    assert found([f"{tmp_path}/a/**/1.tif"], tmp_path)[0] == ["a/1.tif"]
    touch(tmp_path, "x.xml")
    with pytest.raises(SettingsError, match=r"no image fits '.*x\*', but"):
        find_entries([f"{tmp_path}/x*"])
    with pytest.raises(SettingsError, match=r"no image fits .*; check the pattern"):
        find_entries([f"{tmp_path}/none*"])


def test_patterns_are_found_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a/1.tif", "a/[2].tif")
    monkeypatch.chdir(tmp_path)
    assert [entry.image for entry in find_entries(["*/1.tif"])] == ["a/1.tif"]
    # A file of that name is no pattern.
    assert [entry.image for entry in find_entries(["a/[2].tif"])] == ["a/[2].tif"]
    assert [entry.image for entry in find_entries(["http://x/*.tif?a=1"])] == ["http://x/*.tif?a=1"]


def test_folders_within_a_folder_are_left_out_and_counted(tmp_path: Path) -> None:
    touch(tmp_path, "train/one/1.tif", "train/one/2.tif", "train/two/3.tif")
    with pytest.raises(SettingsError, match=r"hold 3 images \(in 2 folders\); give '(.*)' to") as e:
        find_entries([tmp_path / "train"])
    advised = str(e.value).split("'")[1]
    assert len(find_entries([advised])) == 3
    touch(tmp_path, "train/0.tif")
    names, notes = found([tmp_path / "train"], tmp_path)
    assert names == ["train/0.tif"]
    assert "1 image; folders within it hold 3 images (in 2 folders), left out" in notes[0]


def test_results_are_no_images_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    image = write(tmp_path / "in" / "a.tif", blobs(30, 20), **GEO)
    ts.segment_many([image], lambda p: p, tmp_path / "in" / "maps")
    ts.segment_many([image], lambda p: p, tmp_path / "in" / "{name}_trees.tif")
    ts.segment_many([image], lambda p: p, tmp_path / "in" / "{name}.zarr")
    assert found([f"{tmp_path}/in/**"], tmp_path)[0] == ["in/a.tif"]
    names, notes = found([tmp_path / "in"], tmp_path)
    assert names == ["in/a.tif"]
    assert "a.zarr, a_trees.tif" in notes[0]


def test_lists(tmp_path: Path) -> None:
    touch(tmp_path, "images/1.tif", "images/2.tif", "more/3.png", "more/4.png")
    path = tmp_path / "images" / "some.txt"
    path.write_text(
        f"\ufeff# a comment\n\n1.tif\n  ../images/2.tif \r\n{tmp_path}/absent.tif\n../more\n"
        "http://host/a.tif\nGTIFF_DIR:2:1.tif\n",
        "utf-8",
    )
    images = [entry.image for entry in find_entries([path])]
    here = tmp_path / "images"
    assert images == [
        f"{here}/1.tif",
        f"{here}/../images/2.tif",
        f"{tmp_path}/absent.tif",
        f"{here}/../more/3.png",
        f"{here}/../more/4.png",
        "http://host/a.tif",
        f"GTIFF_DIR:2:{here}/1.tif",
    ]
    (tmp_path / "list.txt").write_text("images/some.txt")
    with pytest.raises(SettingsError, match=r"list\.txt, line 1 names another list"):
        find_entries([tmp_path / "list.txt"])
    (tmp_path / "list.txt").write_text("# nothing\n")
    with pytest.raises(SettingsError, match="names no image"):
        find_entries([tmp_path / "list.txt"])
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="no UTF-8"):
        find_entries([tmp_path / "list.txt"])
    with pytest.raises(SettingsError, match="cannot be read"):
        find_entries([tmp_path / "absent.txt"])


def test_what_is_named_twice_by_folders_is_taken_once(tmp_path: Path) -> None:
    touch(tmp_path, "1.tif", "2.tif")
    names, notes = found([tmp_path, f"{tmp_path}/*.tif"], tmp_path)
    assert names == ["1.tif", "2.tif"]
    assert "2 images are named more than once, and taken once" in notes


def test_a_table_gives_options_to_each_image(tmp_path: Path) -> None:
    image = blobs(40, 30, 4)
    for name in "ab":
        write(tmp_path / f"{name}.tif", image, **GEO)
    table = tmp_path / "table.csv"
    table.write_text('image;bands;output;nodata\na.tif;1,2;;\nb.tif;"4,3";other;none\n\n')
    first, second = ts.segment_many([table], network, tmp_path / "maps")
    assert first.error is None
    assert second.error is None
    np.testing.assert_array_equal(
        read(tmp_path / "maps" / "a_classes.tif"), image[..., [0, 1]].argmax(axis=2)
    )
    np.testing.assert_array_equal(
        read(tmp_path / "maps" / "other.tif"), image[..., [3, 2]].argmax(axis=2)
    )
    # Another option in one row, and only that is computed again.
    table.write_text("image\tbands\toutput\na.tif\t1,2\t\nb.tif\t3,2\tother\n")
    items = ts.segment_many([table], network, tmp_path / "maps")
    assert [item.reason for item in items] == ["finished before", "options changed"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,band\na.tif,1\n", "has a column 'band'; did you mean 'bands'?"),
        ("image,date\na.tif,1\n", "has a column 'date' (the columns are image, output, bands"),
        ("path,bands\na.tif,1\n", "has a column 'path'"),
        ("bands\n1\n", "has no column 'image'"),
        ("", "has no column 'image'"),
        ("image,image\na,b\n", "has two columns 'image'"),
        ("image,bands\na.tif,red\n", "table.csv, line 2, column bands: bands is 'red'"),
        ("image,level\na.tif,x\n", "table.csv, line 2, column level: 'x' is no number"),
        ("image,bands\na.tif,3,2\n", "line 2: 3 cells for 2 columns"),
        ("image,bands\n,3\n", "line 2: no image"),
        ("image,unscale\na.tif,maybe\n", "neither yes nor no"),
        ("image\n", "has no row"),
        ("image,threshold\na.tif,7\n", "table.csv, line 2: "),
        ("image,output\na.tif,../b\n", "table.csv, line 2: output '../b' is no name of a file"),
    ],
)
def test_a_wrong_table_is_refused_before_the_work(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(SettingsError) as raised:
        ts.segment_many([tmp_path / "table.csv"], lambda p: p, tmp_path / "maps")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "maps").exists()


def test_columns_are_options_of_predict() -> None:
    from tests.commands import signatures

    assert set(COLUMNS) <= {*signatures()["predict"], "image"}


def item(name: str, **assets: str | dict[str, Any]) -> dict[str, Any]:
    """A STAC item."""
    made = {
        key: {"href": value} if isinstance(value, str) else value for key, value in assets.items()
    }
    place = {"type": "Point", "coordinates": [0, 0]}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": place,
        "bbox": [0, 0, 0, 0],
        "properties": {"datetime": "2024-05-01T00:00:00Z"},
        "links": [],
        "assets": made,
    }


THUMBNAIL = {"href": "small.tif", "type": "image/tiff", "roles": ["thumbnail"]}


def test_items_of_stac(tmp_path: Path) -> None:
    pystac = pytest.importorskip("pystac")
    red, green = blobs(40, 30, 2).transpose(2, 0, 1)
    write(tmp_path / "red.tif", red, **GEO)
    write(tmp_path / "green.tif", green, **GEO)
    one = item("S2_one", visual="red.tif", small=THUMBNAIL, facts="facts.json")
    (tmp_path / "one.json").write_text(json.dumps(one))
    names, notes = found([tmp_path / "one.json"], tmp_path)
    assert names == ["red.tif"]
    assert "1 STAC items; asset visual of 1 is taken" in notes[0]
    many = [item(f"S2_{n}", red="red.tif", green="./green.tif") for n in range(2)]
    several = tmp_path / "search.geojson"
    several.write_text(json.dumps({"type": "FeatureCollection", "features": many}))
    with pytest.raises(
        SettingsError, match=r"2 assets that may be the image \(red, green\); --ass"
    ):
        find_entries([several])
    items = ts.segment_many([several], lambda p: p, tmp_path / "maps", assets=("green", "red"))
    assert [one.error for one in items] == [None, None]
    for n in range(2):
        expected = (red > green).astype(np.uint8)
        np.testing.assert_array_equal(read(tmp_path / "maps" / f"S2_{n}_classes.tif"), expected)
    (entry,) = find_entries([pystac.Item.from_dict(one, href=str(tmp_path / "one.json"))])
    assert (entry.image, entry.short) == (str(tmp_path / "red.tif"), "S2_one")


def test_an_id_with_slashes_names_one_file(tmp_path: Path) -> None:
    pytest.importorskip("pystac")
    write(tmp_path / "red.tif", blobs(40, 30, 2), **GEO)
    (tmp_path / "one.json").write_text(json.dumps(item("sat/2018\\x", visual="red.tif")))
    (one,) = ts.segment_many([tmp_path / "one.json"], lambda p: p, tmp_path / "maps")
    assert one.error is None
    assert (tmp_path / "maps" / "sat_2018_x_classes.tif").is_file()


def test_an_item_without_the_asset_does_not_stop_the_rest(tmp_path: Path) -> None:
    pytest.importorskip("pystac")
    write(tmp_path / "red.tif", blobs(40, 30, 2), **GEO)
    features = [item("good", red="red.tif"), item("bad", blue="red.tif")]
    several = tmp_path / "search.json"
    several.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    good, bad = ts.segment_many([several], lambda p: p, tmp_path / "maps", assets=["red"])
    assert good.error is None
    assert "item bad of" in str(bad.error)
    assert "has no asset 'red'; it has blue" in str(bad.error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ('{"type": "Collection", "links": []}', "is a STAC catalog, which links to items"),
        ('{"type": "FeatureCollection", "features": []}', "is no STAC; expected"),
        ('{"type": "Feature", "assets": 3, "stac_version": "1.0.0"}', "is no valid STAC"),
        ("[1]", "is no STAC"),
    ],
)
def test_what_is_no_item_is_refused(tmp_path: Path, text: str, words: str) -> None:
    pytest.importorskip("pystac")
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SettingsError) as raised:
        find_entries([tmp_path / "a.json"])
    assert words in str(raised.value)
    with pytest.raises(SettingsError, match="none are given"):
        find_entries([tmp_path / "a.tif"], assets=["red"])
