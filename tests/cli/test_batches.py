"""``tilesegm predict`` of several images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.images import GEO, blobs, write
from tests.source.store import BUCKET, serving_store
from tilesegm.cli.predict import _to_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two images in folders of their own, and a broken one."""
    for n, name in enumerate(("east", "west")):
        (tmp_path / "in" / name).mkdir(parents=True)
        write(tmp_path / "in" / name / "a.tif", blobs(40, 30, seed=n), **GEO)
    (tmp_path / "in" / "west" / "b.tif").write_bytes(b"")
    return tmp_path


def test_a_batch_says_at_last_what_failed_and_where_it_is_written(
    cli: Cli, models: Path, folder: Path
) -> None:
    maps = folder / "maps"
    words = ("predict", f"{folder}/in/**", "-m", models / "b3.keras", "-o", maps / "{name}.png")
    said = cli(*words, "--areas", maps / "areas.csv")
    assert said.code == 1
    *_, error, last = said.err.splitlines()
    assert "b.tif" in error
    assert last == f"3 images: 2 computed (new: 2), 1 failed; see {maps / 'manifest.jsonl'}"
    names = {path.name for path in maps.iterdir() if not path.name.startswith(".")}
    assert {"east_a.png", "west_a.png", "areas.csv", "manifest.jsonl"} <= names
    assert cli("areas", maps / "east_a.png", maps / "west_a.png", "-o", folder / "x.csv").code == 0
    table = (maps / "areas.csv").read_text()
    assert table == (folder / "x.csv").read_text()
    head, first, _ = table.splitlines()
    shares = [n for n, name in enumerate(head.split(",")) if name.endswith(" share")]
    assert sum(float(first.split(",")[n] or 0) for n in shares) == pytest.approx(1)

    (folder / "in" / "west" / "b.tif").unlink()
    said = cli(*words)
    assert said.code == 0
    assert said.out.splitlines()[-1] == (
        f"2 images: 2 finished before, 0 computed, 0 failed; see {maps / 'manifest.jsonl'}"
    )
    said = cli(*words, "--tile", "16", "--json")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["reason"] for row in rows] == ["options changed"] * 2


def test_a_folder_of_folders_is_told_how_to_be_given(cli: Cli, models: Path, folder: Path) -> None:
    words = ("-m", models / "b3.keras", "-o", folder / "maps")
    said = cli("predict", folder / "in", *words)
    assert said.code == 2
    assert "folders within it hold 3 images (in 2 folders)" in said.err
    assert cli("predict", said.err.split("'")[1], *words).code == 1


def test_one_image_of_a_table_may_become_a_file(cli: Cli, models: Path, folder: Path) -> None:
    table = folder / "table.csv"
    table.write_text('image,bands\nin/east/a.tif,"3,2,1"\n')
    words = ("predict", table, "-m", models / "b3.keras", "-o")
    said = cli(*words, folder / "map.tif", "--json")
    assert said.code == 0, said.err
    assert cli(*words, folder / "map.tif").out.endswith("finished before, nothing to do\n")
    table.write_text("image,output\nin/east/a.tif,other\n")
    said = cli(*words, folder / "map.tif")
    assert said.code == 2
    assert f"{table}, line 2 gives an output or options to one image" in said.err
    assert cli(*words, folder / "maps").code == 0
    assert (folder / "maps" / "other.tif").exists()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("{name}/map.tif", "stands for the name of each image, once, in the last part"),
        ("{name}_{name}.tif", "stands for the name of each image, once"),
        ("{name}.jpg", "cannot tell the format"),
    ],
)
def test_wrong_names_of_outputs(
    cli: Cli, models: Path, folder: Path, output: str, words: str
) -> None:
    said = cli("predict", f"{folder}/in/**", "-m", models / "b3.keras", "-o", folder / output)
    assert said.code == 2
    assert words in said.err


def test_a_batch_in_a_store_ends_with_its_table_and_manifest(
    cli: Cli, models: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = f"s3://{BUCKET}/maps"
    monkeypatch.chdir(folder)
    with serving_store() as store:
        words = ("predict", f"{folder}/in/**", "-m", models / "b3.keras", "-o", maps)
        said = cli(*words, "--areas", f"{maps}/areas.csv")
        assert said.code == 1
        *_, error, last = said.err.splitlines()
        assert "b.tif" in error
        assert last == f"3 images: 2 computed (new: 2), 1 failed; see {maps}/manifest.jsonl"
        names = [name for name in store.names() if not name.endswith(".aux.xml")]
        assert names == [
            f"maps/{name}"
            for name in ("areas.csv", "east_a_classes.tif", "manifest.jsonl", "west_a_classes.tif")
        ]
        table = store.get("maps/areas.csv").decode()
        assert [line.partition(",")[0] for line in table.splitlines()[1:]] == [
            f"{maps}/{name}_a_classes.tif" for name in ("east", "west")
        ]
        # As `tilesegm areas` makes it, which replaces it and no table of others.
        made = [f"{maps}/{name}_a_classes.tif" for name in ("east", "west")]
        assert cli("areas", *made, "-o", f"{maps}/areas.csv").code == 0
        assert store.get("maps/areas.csv").decode() == table
        store.client.put_object(Bucket=BUCKET, Key="maps/mine.csv", Body=b"a,b")
        said = cli(*words, "--areas", f"{maps}/mine.csv")
        assert said.code == 3
        assert "mine.csv exists and is not of tilesegm" in said.err
        for name in ("x.tif", "x.png"):
            said = cli(*words[:-1], f"{maps}/{name}")
            assert said.code == 2
            assert f"a name such as {maps}/{{name}}.tif" in said.err
        said = cli("predict", folder / "in" / "east" / "a.tif", *words[2:-1], f"{maps}/a.png")
        assert "or s3://BUCKET/FOLDER/ for several images" in said.err
    assert sorted(path.name for path in folder.iterdir()) == ["in"]


@pytest.mark.parametrize("output", ["maps", "maps/", "v1.2/", "", "deep/{name}.tif", "x.png/y"])
def test_one_image_goes_to_a_folder_of_a_store(output: str) -> None:
    assert _to_folder(1, f"s3://my.bucket/{output}")


@pytest.mark.parametrize("output", ["a.tif", "maps/a.zarr", "maps/a.zarr/", "a.png", "v1.2"])
def test_one_image_becomes_an_object_of_a_store(output: str) -> None:
    assert not _to_folder(1, f"s3://my.bucket/{output}")
