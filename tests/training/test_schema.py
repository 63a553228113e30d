"""The JSON schema by which editors complete settings says what reading them says."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.json_schema import violations
from tests.training.scenery import settings, write_scene
from tilesegm.training.init.start_file import write_start
from tilesegm.training.settings.keys import sections
from tilesegm.training.settings.schema import schema
from tilesegm.training.settings.settings_file import plain_config
from tilesegm.training.settings.yaml_positions import read_document

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "training").glob("*.yaml"))


def values_of(path: Path) -> dict[str, Any]:
    return read_document(path.read_text(), path.name).values


def found(values: Any) -> list[str]:
    return list(violations(values, schema(), schema()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_fit_the_schema_and_planted_mistakes_do_not(path: Path) -> None:
    values = values_of(path)
    assert found(values) == []
    for section in ("schedule", "data"):
        wrong = copy.deepcopy(values)
        wrong[section]["planted"] = 1
        assert found(wrong) == [f".{section}.planted is unknown"]
    wrong = copy.deepcopy(values)
    wrong["data"]["scenes"][0]["planted"] = 1
    assert found(wrong) == [".data.scenes[0].planted is unknown"]
    del values["data"]["labels"]
    assert found(values) == [".data.labels is missing"]


@pytest.mark.parametrize(
    "mistake",
    [
        {"schedule": {"batch": "8"}},
        {"schedule": {"epochs": 1.5}},
        {"schedule": {"decay": "step"}},
        {"model": {"aspp": [2, "4"]}},
        {"model": {"encoder": {}}},
        {"augmentation": {"flip": 1}},
        {"split": []},
        {"data": None},
    ],
)
def test_values_of_another_type_do_not_fit(tmp_path: Path, mistake: dict[str, Any]) -> None:
    assert found({**plain_config(settings(tmp_path)), **mistake})


def test_all_settings_and_a_file_with_empty_sections_fit(tmp_path: Path) -> None:
    assert found(plain_config(settings(tmp_path, model={"encoder": None}))) == []
    write_scene(tmp_path, "b")
    start = tmp_path / "start.yaml"
    write_start([str(tmp_path / "b.tif")], [str(tmp_path / "b_labels.tif")], start)
    values = values_of(start)
    assert None in values.values(), "no section is empty"
    assert found(values) == []


def test_every_key_of_a_file_is_in_the_schema_with_its_meaning() -> None:
    plain = json.loads(json.dumps(schema()))
    properties = [section["properties"] for section in plain["$defs"].values()]
    assert sum(map(len, properties)) == sum(len(section.keys) for section in sections().values())
    assert plain["$defs"]["ScheduleSettings"]["properties"]["epochs"] == {
        "default": 20,
        "description": "Number of epochs.",
        "title": "Epochs",
        "type": "integer",
    }
