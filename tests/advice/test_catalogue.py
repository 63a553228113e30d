"""The catalogue names what the code has, and its blocks can be pasted."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from benchmarks.loss_study.study import LOSSES as STUDY_LOSSES
from tests.prepared import settings_with
from tilesegm.advice.catalogue import Entry, catalogue
from tilesegm.advice.described import describe
from tilesegm.advice.study import rows
from tilesegm.cli.losses import losses_app
from tilesegm.errors import InputError
from tilesegm.losses import LOSSES, RECIPES, get
from tilesegm.training.checked_config import check_losses
from tilesegm.training.objective import RULES, SCHEDULES, make_loss, make_rule
from tilesegm.training.settings.config import LossSettings
from tilesegm.training.settings.settings_file import load_config

CODE = {"losses": LOSSES, "recipes": RECIPES, "rules": RULES, "schedules": SCHEDULES}
every_entry = pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)


@pytest.mark.parametrize("kind", CODE)
def test_the_catalogue_and_the_code_have_the_same_names(kind: str) -> None:
    listed = [entry.name for entry in catalogue() if entry.kind == kind]
    names = [get(name).name for name in LOSSES] if kind == "losses" else list(CODE[kind])
    assert listed == names


@every_entry
def test_every_entry_is_whole(entry: Entry) -> None:
    assert entry.line.endswith((".", ")"))
    assert len(entry.line) <= 100
    assert entry.family
    if entry.kind == "losses":
        assert entry.formula
        assert entry.source
        assert entry.family in ("distribution", "region", "boundary", "topology", "multiscale")
    assert (entry.cost is not None) == (entry.kind in ("losses", "recipes"))


@every_entry
def test_settings_and_python_to_paste_work(entry: Entry, tmp_path: Any) -> None:
    described = describe(entry.name)
    file = tmp_path / "settings.yaml"
    file.write_text(settings_with({"loss": described.loss}))
    config = load_config(file)
    check_losses(config)
    loss, rule = make_loss(config.loss), make_rule(config.loss)
    if rule is not None:
        rule.check(loss)
    names: dict[str, Any] = {}
    exec(described.python, names)
    labels = np.random.default_rng(0).integers(0, 2, (1, 32, 32)).astype(np.int32)
    logits = np.random.default_rng(1).normal(size=(1, 32, 32, 1)).astype(np.float32)
    if "loss" in names:
        # Defaults that are written out mean the same as defaults that are left out.
        by_name = make_loss(LossSettings(terms=tuple(config.loss.terms)))
        assert float(names["loss"](labels, logits)) == pytest.approx(
            float(by_name(labels, logits)), rel=1e-5
        )
    assert {"loss", "rule", "schedule"} & names.keys()


@every_entry
def test_every_argument_says_what_it_does(entry: Entry) -> None:
    for argument in describe(entry.name).arguments:
        assert argument.meaning, argument.name
        assert argument.type != "any", argument.name


def test_defaults_are_those_of_the_class() -> None:
    by_name = {each.name: each for each in describe("skeleton_recall").arguments}
    assert by_name["absent"].default == "skip"  # of overlap losses in general it is "area"
    assert by_name["width"].default == 2
    assert by_name["pool"].type == "'batch' | 'image'"
    by_name = {each.name: each for each in describe("FocalTversky").arguments}
    assert by_name["beta"].meaning.startswith("weight of false negatives")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'lovasz'"):
        describe("lovas")


def test_all_rows_are_of_losses_of_the_study() -> None:
    assert {row.loss for row in rows()} <= {*STUDY_LOSSES}


def test_what_is_printed_is_what_json_says() -> None:
    runner = CliRunner()
    listed = [
        json.loads(line)
        for line in runner.invoke(losses_app, ["list", "--json"]).output.splitlines()
    ]
    assert [each["name"] for each in listed] == [entry.name for entry in catalogue()]
    table = runner.invoke(losses_app, ["list"]).output
    assert all(entry.name in table for entry in catalogue())
    shown = json.loads(runner.invoke(losses_app, ["show", "focal", "--json"]).output)
    text = runner.invoke(losses_app, ["show", "focal"]).output
    block = text.partition("in the settings file\n")[2].partition("\nin Python")[0]
    assert yaml.safe_load(block)["loss"] == shown["loss"]
    assert {row["data"] for row in shown["study"]} >= {"drive", "isbi2012", "dsb2018"}


@pytest.mark.parametrize("name", ["dice_ce_skeleton", "border_pyramid", "lovasz_ce"])
def test_sums_of_the_study_name_their_terms(name: str) -> None:
    with pytest.raises(InputError, match="is a sum of the study, of ") as refused:
        describe(name)
    assert describe(str(refused.value).rpartition(" ")[2]).entry.kind == "losses"


def test_an_import_path_with_a_dot_is_told_to_take_a_colon() -> None:
    for look in (get, describe):
        with pytest.raises(InputError, match="written with a colon, as my_losses:Brier"):
            look("my_losses.Brier")
