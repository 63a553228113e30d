"""Files of settings, splits and statistics that are garbled, or made to exhaust their reader."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.faults.mutations import mutations
from tests.faults.outcomes import attempt
from tilesegm.data.split.file import load_split
from tilesegm.data.statistics.cache import load_statistics
from tilesegm.errors import SettingsError
from tilesegm.training.settings.settings_file import load_config

SETTINGS: dict[str, Any] = {
    "output": "run",
    "data": {
        "scenes": [{"image": "a.tif", "labels": "a.png"}, {"image": "b.tif", "labels": "b.png"}],
        "bands": [1, 2, 3],
        "labels": {"classes": [{"name": "road", "value": 0}, {"name": "tree", "value": 1}]},
    },
    "model": {"depth": 4, "filters": 16},
    "schedule": {"epochs": 5, "batch": 4},
    "split": {"seed": 3},
}


def test_settings_as_they_are_and_garbled(tmp_path: Path) -> None:
    path = tmp_path / "city.yaml"
    path.write_text(json.dumps({"data": SETTINGS["data"]}))
    assert fuzz_settings(path, 400)["refused"] > 200


@pytest.mark.slow
def test_every_setting_garbled(tmp_path: Path) -> None:
    told = fuzz_settings(tmp_path / "city.yaml", None)
    print(told)
    assert told.total() > 1000


def fuzz_settings(path: Path, most: int | None) -> Counter[str]:
    told: Counter[str] = Counter()
    for name, changed in mutations(SETTINGS, 5, most):
        path.write_text(json.dumps(changed))
        attempt(name, lambda: load_config(path), told)
    return told


ALIASES = "\n".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(12))
YAML: dict[str, tuple[str, str]] = {
    "nested lists": ("[" * 10_000, "nested too deep|is not YAML"),
    "nested objects": ("{a: " * 10_000, "nested too deep|is not YAML"),
    "aliases of aliases": ("a0: &a0 [x]\n" + ALIASES, "more than 100000 values|contains itself"),
    "itself": ("a: &a [*a]", "contains itself"),
    "Python": ("!!python/object/apply:os.system ['true']", "the tag .* is unknown"),
    "Python below": ("data: !!python/name:os.system ''", "city.yaml:1: the tag .* is unknown"),
    "another tag": ("data: !secret x", "the tag '!secret' is unknown"),
    "a list as a key": ("? [a, b]\n: c", "a sequence is no key"),
    "an integer of 10 000 digits": ("data: " + "9" * 10_000, "no int that can be read"),
    "no integer": ("data: !!int x", "'x' is no int"),
    "no float": ("data: !!float x", "'x' is no float"),
    "a float beyond floats": ("schedule: {epochs: 1e999}", "epochs"),
    "a key of 3 MB": (f"? {'k' * 3_000_000}\n: 1", "a key of 3000000 characters"),
    "a value of 3 MB": (f"output: {'k' * 3_000_000}\ndata: 1", "data"),
    "a file of 9 MB": ("#" * 9_000_000, "has 9 MB, and at most 4 MB"),
    "many lists": ("a: [" + "[],[],[],[],[]," * 60_000 + "]", "more than 100000 values"),
    "a NUL": ("a: \0", "is not YAML"),
    "an escape of no character": ('a: "\\Uffffffff"', "is not YAML"),
}


@pytest.mark.parametrize("name", YAML)
def test_yaml_that_exhausts_its_reader(tmp_path: Path, name: str) -> None:
    text, message = YAML[name]
    path = tmp_path / "city.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message) as told:
        load_config(path)
    assert len(str(told.value)) < 1500


def test_settings_that_are_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), Path("/proc/self/environ")):
        with pytest.raises(SettingsError, match="a file is expected"):
            load_config(path)
        with pytest.raises(SettingsError, match="a file is expected"):
            load_split(path)
        assert load_statistics(path, "key") is None


def test_honest_yaml_still_passes(tmp_path: Path) -> None:
    path = tmp_path / "city.yaml"
    path.write_text(yaml.safe_dump({"data": SETTINGS["data"]}))
    config = load_config(path)
    assert [Path(scene.image).name for scene in config.data.scenes] == ["a.tif", "b.tif"]


SPLIT: dict[str, Any] = {
    "format": "tilesegm split",
    "version": 1,
    "strategy": "blocks",
    "folds": 2,
    "buffer": 8,
    "seed": 0,
    "notes": ["one"],
    "scenes": [
        {
            "name": "a",
            "height": 20,
            "width": 10,
            "pieces": [[0, 0, 0, 10, 10], [1, 10, 0, 10, 10]],
        },
        {"name": "b", "height": 4, "width": 4, "pieces": [["test", 0, 0, 4, 4]]},
    ],
}


def fuzz_split(path: Path, most: int | None) -> Counter[str]:
    told: Counter[str] = Counter()
    for name, changed in mutations(SPLIT, 7, most):
        path.write_text(json.dumps(changed))
        attempt(name, lambda: load_split(path), told)
    return told


def test_garbled_splits(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(json.dumps(SPLIT))
    assert len(load_split(path).pieces) == 3
    assert fuzz_split(path, 400)["refused"] > 200
    path.write_text("[" * 100_000)
    with pytest.raises(SettingsError, match="nested too deep"):
        load_split(path)


@pytest.mark.slow
def test_every_field_of_a_split_garbled(tmp_path: Path) -> None:
    told = fuzz_split(tmp_path / "split.json", None)
    print(told)
    assert told.total() > 1000


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("/tmp/never-made-by-tilesegm",)


def test_statistics_that_are_code_or_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "statistics.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("key.npy", pickle.dumps(Evil()))
    assert load_statistics(path, "key") is None
    np.savez(path, key=np.array("key"), **{"0/name": np.array([Evil()], object)})
    assert load_statistics(path, "key") is None
    assert not Path("/tmp/never-made-by-tilesegm").exists()
    head = np.lib.format.header_data_from_array_1_0(np.zeros(0)) | {"shape": (10**12,)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("key.npy", "0/name.npy"):
            with archive.open(name, "w") as member:
                np.lib.format.write_array_header_1_0(member, head)
    assert load_statistics(path, "key") is None
    np.savez_compressed(path, key=np.array("key"), **{"0/name": np.zeros(2**25)})
    assert path.stat().st_size < 2**20
    assert load_statistics(path, "key") is None
    path.write_bytes(pickle.dumps(Evil()))
    assert load_statistics(path, "key") is None


def test_statistics_with_flipped_bytes(tmp_path: Path) -> None:
    path = tmp_path / "statistics.npz"
    np.savez_compressed(path, key=np.array("key"), **{"0/name": np.array("a"), "0/height": 3})
    data = path.read_bytes()
    chance = np.random.default_rng(0)
    for number in range(300):
        changed = bytearray(data)
        for at in chance.integers(0, len(data), 3):
            changed[at] = chance.integers(0, 256)
        path.write_bytes(changed[: chance.integers(1, len(data) + 1)])
        attempt(str(number), lambda: load_statistics(path, "key"))
