"""Settings files: what is read, and what is said about mistakes."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilesegm.checks import describe
from tilesegm.errors import SettingsError
from tilesegm.training.checked_config import check_losses, load_checked_config
from tilesegm.training.settings.commented import scalar
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.keys import REQUIRED, sections
from tilesegm.training.settings.reference import reference
from tilesegm.training.settings.settings_file import (
    changed_keys,
    config_digest,
    dump_config,
    load_config,
    plain_config,
    read_config,
)
from tilesegm.training.settings.yaml_positions import read_document

START = """\
data:
  scenes:
    - image: images/{name}.tif
      labels: masks/{name}.png
  labels:
    classes:
      - {name: land, value: 0}
      - {name: water, value: "#E2A929"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.yaml"


def load(file: Path, more: str = "", *changes: str) -> TrainingConfig:
    file.write_text(START + more)
    return load_config(file, changes)


def refusal(file: Path, more: str = "", *changes: str, start: str = START) -> str:
    """Return what is said, with the name of the file taken off its place."""
    file.write_text(start + more)
    with pytest.raises(SettingsError) as refused:
        load_config(file, changes)
    said = str(refused.value)
    assert "\n" not in said
    return said.replace(str(file), "run.yaml")


def test_values_become_settings(file: Path) -> None:
    more = (
        "schedule: {epochs: 7, warm_up: 0}\n"
        "optimizer: {learning_rate: 1e-3, clip: null}\n"
        "model: {aspp: [2, 4]}\n"
        "augmentation:\n"
        "loss:\n  terms:\n  - {name: focal, gamma: 2, factor: 0.5}\n"
    )
    config = load(file, more)
    assert config.schedule.epochs == 7
    assert (config.schedule.warm_up, type(config.schedule.warm_up)) == (0.0, float)
    assert config.optimizer.learning_rate == 0.001
    assert config.optimizer.clip is None
    assert config.model.aspp == (2, 4)
    assert config.augmentation.flip
    assert config.loss.terms == ({"name": "focal", "gamma": 2, "factor": 0.5},)
    assert [one.value for one in config.data.labels.classes] == [0, "#E2A929"]


def test_paths_begin_at_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEWHERE", "/data")
    more = (
        "output: ../out\n"
        "split: {file: split.json}\n"
        "model: {weights: s3://bucket/model.keras, encoder: {name: resnet50}}\n"
    )
    config = load(file, more, "data.scenes.0.labels=${SOMEWHERE}/{name}.png")
    assert config.data.scenes[0].image == str(tmp_path / "images/{name}.tif")
    assert config.data.scenes[0].labels == "/data/{name}.png"
    assert config.output == str(tmp_path.parent / "out")
    assert config.split.file == str(tmp_path / "split.json")
    assert config.model.weights == "s3://bucket/model.keras"
    assert config.model.encoder is not None
    assert config.model.encoder.weights == "imagenet"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "schedule:\n  epoch: 3\n",
            "run.yaml:10: schedule.epoch is unknown; did you mean epochs?",
        ),
        ("scheduel: {}\n", "run.yaml:9: scheduel is unknown; did you mean schedule?"),
        (
            "model: {learning_rate: 0.1}\n",
            "run.yaml:9: model.learning_rate is unknown; it belongs in model.encoder or optimizer",
        ),
        (
            "schedule:\n\n  size: yes\n",
            "run.yaml:11: schedule.size is 'yes'; expected a whole number",
        ),
        ("schedule: {size: 3.5}\n", "run.yaml:9: schedule.size is 3.5; expected a whole number"),
        ("seed: true\n", "run.yaml:9: seed is true; expected a whole number"),
        (
            "model: {name: u-net}\n",
            "run.yaml:9: model.name is 'u-net'; expected unet, unet++ or unet3+; "
            "did you mean unet?",
        ),
        (
            "augmentation: {flip: 1}\n",
            "run.yaml:9: augmentation.flip is 1; expected true or false",
        ),
        ("optimizer: 3\n", "run.yaml:9: optimizer is 3; expected a section of keys"),
        (
            "data:\n",
            "run.yaml:9: data is given twice, first in line 1",
        ),
        (
            "sampling:\n  hard: 0\n  balanced: 1.5\n",
            "run.yaml:11: sampling.balanced is 1.5; pass a share from 0 to 1",
        ),
        (
            "schedule:\n\tsize: 3\n",
            "run.yaml:10: the line begins with a tab, which YAML forbids; use spaces",
        ),
        (
            "output: ${NOT_SET_ANYWHERE}/run\n",
            "run.yaml:9: the environment variable NOT_SET_ANYWHERE is not set; set it, such as by "
            "export NOT_SET_ANYWHERE=...",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(file: Path, more: str, said: str) -> None:
    assert refusal(file, more) == said


def test_what_lies_in_lists_is_named_by_place(file: Path) -> None:
    wrong = START.replace("{name: land, value: 0}", "{name: land, value: [1, 2.5]}")
    assert refusal(file, start=wrong) == (
        "run.yaml:7: data.labels.classes[0].value[1] is 2.5; expected a whole number or text or a "
        "list of whole numbers or texts"
    )


def test_what_is_missing_is_explained(file: Path) -> None:
    said = refusal(file, start=START.replace("      labels: masks/{name}.png\n", ""))
    assert said.startswith("run.yaml:3: data.scenes[0].labels is missing: Raster of ids")


def test_a_colour_without_quotes_is_a_comment(file: Path) -> None:
    said = refusal(file, start=START.replace('value: "#E2A929"}', "value: #E2A929\n      }"))
    assert said.startswith("run.yaml:8: data.labels.classes[1].value is empty; expected")
    assert said.endswith("(texts that begin with # need quotes)")


def test_several_mistakes_are_said_in_the_order_of_the_file(file: Path) -> None:
    more = "seed: x\nschedule: {epoch: 1, size: y}\nmodel: {name: z}\ndevice: {xla: 2}\n"
    said = refusal(file, more).split(" | ")
    assert [one.split(" ")[1] for one in said[:3]] == ["seed", "schedule.epoch", "schedule.size"]
    assert said[3:] == ["and 2 more"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; `tilesegm train init` writes a start"),
        ("- a\n", "expected sections"),
        ("data: [\n", "is not YAML"),
        ("a: &x [*x]\n", "contains itself"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
    ],
)
def test_a_file_that_holds_no_settings(file: Path, text: str, words: str) -> None:
    assert words in refusal(file, start=text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no settings file .*absent\.yaml"):
        load_config(tmp_path / "absent.yaml")
    with pytest.raises(SettingsError, match="cannot be read as a settings file"):
        load_config(tmp_path)
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "settings.json").write_text("{}")
    for folder in (tmp_path / "run", tmp_path / "run" / "model"):
        with pytest.raises(SettingsError, match=r"it is a folder; .*run.settings\.json has those"):
            load_config(folder)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read as a settings file: it is no text"):
        load_config(tmp_path / "picture.png")


def test_changes_win_over_the_file(file: Path) -> None:
    config = load(
        file,
        "schedule: {epochs: 7}\n",
        "schedule.epochs=3",
        "schedule.epochs=4",
        "data.scenes.0.role=train",
        "model.aspp=[1, 2]",
        "optimizer.clip=null",
    )
    assert config.schedule.epochs == 4
    assert config.data.scenes[0].role == "train"
    assert config.model.aspp == (1, 2)
    assert config.optimizer.clip is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("schedule.epoch=3", "schedule.epoch is unknown; did you mean epochs?"),
        ("schedule.epochs=x", "schedule.epochs is 'x'; expected a whole number"),
        ("schedule.epochs", "expected key.path=value, such as schedule.epochs=5"),
        ("data.scenes.3.role=test", "the list has 1 entries, counted from 0"),
        ("seed.x=1", "there is 0 in the way, which has no key 'x'"),
    ],
)
def test_a_change_that_cannot_be_made(file: Path, change: str, said: str) -> None:
    assert refusal(file, "seed: 0\n", change) == f"--set {change}: {said}"


def test_settings_survive_being_written(file: Path, tmp_path: Path) -> None:
    config = load(file, "data2: 0\n".replace("data2: 0\n", "device: {xla: true}\n"))
    config = dataclasses.replace(
        config, data=dataclasses.replace(config.data, nodata=float("inf"), bands=(3, 1))
    )
    again = tmp_path / "elsewhere" / "settings.json"
    again.parent.mkdir()
    again.write_text(dump_config(config))
    assert load_config(again) == config
    assert read_config(plain_config(config)) == config
    assert config_digest(load_config(again)) == config_digest(config)


def test_not_a_number_survives(file: Path) -> None:
    config = load(file, "", "data.nodata=.nan")
    assert config.data.nodata is not None
    assert math.isnan(config.data.nodata)
    file.write_text(dump_config(config))
    again = load_config(file)
    assert config_digest(again) == config_digest(config)
    assert changed_keys(config, again) == {}


def test_changed_keys_are_named(file: Path) -> None:
    one = load(file)
    other = load(file, "", "schedule.epochs=3", "data.scenes.0.role=train", "model.aspp=[2]")
    assert list(changed_keys(one, other)) == [
        "data.scenes[0].role",
        "model.aspp",
        "schedule.epochs",
    ]
    older = plain_config(one)
    del older["seed"]
    older["gone"] = 1
    assert set(changed_keys(older, one)) == {"seed", "gone"}
    assert config_digest(one) != config_digest(other)


def test_losses_are_checked_with_their_line(file: Path) -> None:
    file.write_text(START + "loss:\n  terms:\n    - {name: dice_ce}\n    - {name: lovas}\n")
    config = load_config(file)
    with pytest.raises(SettingsError) as refused:
        load_checked_config(file)
    assert str(refused.value) == (
        f"{file}:12: loss.terms[1]: there is no loss 'lovas'; did you mean 'lovasz'?"
    )
    rule = dataclasses.replace(config.loss, terms=({"name": "dice"},), weighting={"name": "dwq"})
    with pytest.raises(SettingsError, match=r"^loss\.weighting: there is no weighting rule 'dwq'"):
        check_losses(dataclasses.replace(config, loss=rule))


def test_every_key_is_explained() -> None:
    silent = [
        ".".join(map(str, (*path, key.name)))
        for path, section in sections().items()
        for key in section.keys
        if not key.text
    ]
    assert silent == []


def test_the_page_of_settings_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text() == reference(), "run python -m tilesegm.training.settings.reference"
    for path, section in sections().items():
        for key in section.keys:
            assert f"| `{key.name}` |" in reference(), path


def test_defaults_are_those_of_the_dataclasses() -> None:
    (seed,) = (key for key in sections()[()].keys if key.name == "seed")
    assert seed.default == 0
    (data,) = (key for key in sections()[()].keys if key.name == "data")
    assert data.default is REQUIRED
    assert describe(float | None) == "a number or null"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"])),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    )
)
def test_scalars_are_read_as_they_were_written(value: Any) -> None:
    assert read_document(f"key: {scalar(value)}\n", "x").values["key"] == value


@given(st.dictionaries(st.sampled_from("abc"), st.integers() | st.floats(allow_nan=False)))
def test_json_is_yaml(values: dict[str, Any]) -> None:
    if values:
        assert read_document(json.dumps(values), "x").values == values


def test_reading_a_bad_file_imports_no_framework(file: Path) -> None:
    file.write_text(START + "schedule: {epoch: 1}\n")
    script = (
        "import sys\n"
        "from tilesegm.errors import SettingsError\n"
        "from tilesegm.training.checked_config import load_checked_config\n"
        "try:\n    load_checked_config(sys.argv[1])\n"
        "except SettingsError:\n"
        "    print(sorted({'keras', 'tensorflow'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
