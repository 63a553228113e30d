"""A loss of a user's own: found by its path, tried before training, recorded by its source."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.training.scenery import settings
from tilesegm.cli.losses import losses_app
from tilesegm.errors import InputError, ResumeError, SettingsError
from tilesegm.losses import CrossEntropy, SegmentationLoss, get
from tilesegm.losses.contract import broken_clauses
from tilesegm.losses.own import source_of
from tilesegm.training.checked_config import load_checked_config
from tilesegm.training.own_losses import SOURCE, with_sources
from tilesegm.training.run import train
from tilesegm.training.settings.config import LossSettings, TrainingConfig
from tilesegm.training.settings.settings_file import dump_config

BRIER = '''
from typing import Unpack

import keras
from tilesegm.losses import SegmentationLoss
from tilesegm.losses.base import Common
from tilesegm.losses.reductions import weighted_mean


class Brier(SegmentationLoss):
    """Brier score (Brier 1950).

    Args:
        power: of the distances.
    """

    def __init__(self, *, power: float = 2.0, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.power = power

    def compute(self, batch):
        distance = keras.ops.abs(batch.probability - batch.target) ** self.power
        return weighted_mean(keras.ops.sum(distance, axis=-1), batch.weight)
'''


@pytest.fixture
def brier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a loss in the working directory, and settings that are trusted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILESEGM_TRUST", "1")
    file = tmp_path / "my_losses.py"
    file.write_text(BRIER)
    return file


def named(config: TrainingConfig, *terms: dict[str, Any]) -> TrainingConfig:
    return replace(config, loss=LossSettings(terms=terms))


def test_it_is_made_by_name_like_any_other(brier: Path) -> None:
    loss = get("my_losses:Brier", power=1.0, from_logits=False)
    labels, probabilities = np.int32([[[1, 0]]]), np.float32([[[[0.8], [0.4]]]])
    assert float(loss(labels, probabilities)) == pytest.approx((0.2 + 0.4) / 2)
    by_file = get(f"{brier}:Brier")
    assert type(by_file) is type(get("my_losses:Brier"))
    with pytest.raises(InputError, match="did you mean 'power'"):
        get("my_losses:Brier", powr=1.0)


def test_a_module_that_is_installed_serves_too(brier: Path) -> None:
    assert isinstance(get("tilesegm.losses.dice:Dice"), SegmentationLoss)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("absent:Brier", "", "neither a file absent.py in .* nor an installed module"),
        ("absent.py:Brier", "", "absent.py cannot be read: No such file"),
        ("mine:Brier:", "", "no import path"),
        ("mine:Bryer", BRIER, "did you mean 'Brier'"),
        ("mine:Brier", "x = 1", "there is no 'Brier' there, nor any loss"),
        ("mine:Brier", "def Brier(): pass", "is a function that does not derive from"),
        ("mine:Brier", "class Brier: pass", "is a class that does not derive from"),
        ("mine:Brier", "import absent_module", "ModuleNotFoundError in line 1"),
        ("mine:Brier", "x = 1\n1 / 0", "ZeroDivisionError in line 2: division by zero"),
        ("mine:Brier", "x = (", "SyntaxError in line 1"),
    ],
)
def test_what_cannot_be_found_is_said_in_a_line(
    brier: Path, name: str, code: str, message: str
) -> None:
    brier.with_name("mine.py").write_text(code)
    with pytest.raises(InputError, match=message) as caught:
        get(name)
    assert "\n" not in str(caught.value)


class Broken(SegmentationLoss):
    """Cross-entropy that breaks the clause of its name."""

    def compute(self, batch: Any) -> Any:
        sound = CrossEntropy().compute(batch)
        pixels = keras.ops.sum(keras.ops.abs(batch.probability - batch.target), axis=-1)
        absent = keras.ops.min(keras.ops.sum(batch.target, axis=(0, 1, 2)))
        return {
            "pixels": lambda: pixels,
            "deaf": lambda: sound * 0.0,
            "nan": lambda: sound * float("nan"),
            "absent": lambda: sound + 0.0 * keras.ops.log(absent),
            "counting": lambda: keras.ops.mean(pixels),
            "sound": lambda: sound,
            "failing": lambda: sound + batch.surprise,
            "unfinished": self._unfinished,
        }[self.name]()

    def _unfinished(self) -> Any:
        raise NotImplementedError


class Forgetful(CrossEntropy):
    """Cross-entropy that keeps `ignore` to itself."""

    def __init__(self, *, ignore: int | None = None) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("defect", "clause"),
    [
        ("pixels", "it returns the shape"),
        ("deaf", "it has no gradient"),
        ("nan", "value or gradient is not finite"),
        ("absent", "it is not finite where a class is absent"),
        ("counting", "it changes with the number of ignored pixels"),
        ("failing", "it fails with AttributeError"),
        ("unfinished", "it fails with NotImplementedError: test_own.py line "),
    ],
)
def test_the_clause_that_breaks_is_named(defect: str, clause: str) -> None:
    assert any(clause in each for each in broken_clauses(Broken(name=defect, ignore=-1), 3, -1))


def test_a_sound_loss_keeps_the_contract_and_one_without_ignore_does_not() -> None:
    assert broken_clauses(Broken(name="sound", ignore=-1), 3, -1) == []
    assert any("`ignore`" in each for each in broken_clauses(Forgetful(ignore=-1), 2, -1))


@pytest.mark.parametrize(
    "name",
    [
        "dice_ce",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("MSSSIM", "Boundary", "SkeletonRecall")
        ),
    ],
)
def test_losses_of_the_library_keep_the_contract(name: str) -> None:
    assert broken_clauses(get(name, ignore=-1), 2, -1) == []


def test_settings_that_are_not_trusted_run_no_code(
    brier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TILESEGM_TRUST")
    brier.write_text("open('ran', 'w').close()\n" + BRIER)
    file = brier.with_name("run.json")
    file.write_text(dump_config(named(settings(brier.parent), {"name": "my_losses:Brier"})))
    with pytest.raises(SettingsError, match=r"loss.terms\[0\].*pass --trust"):
        load_checked_config(file)
    assert not brier.with_name("ran").exists()


def test_a_file_beside_the_settings_is_found_from_anywhere(
    brier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = brier.with_name("run.json")
    file.write_text(dump_config(named(settings(brier.parent), {"name": "my_losses:Brier"})))
    monkeypatch.chdir("/")
    (term,) = load_checked_config(file).loss.terms
    assert term["name"] == f"{brier}:Brier"


def test_a_broken_loss_is_refused_before_training(brier: Path) -> None:
    brier.write_text(
        BRIER.replace(
            "weighted_mean(keras.ops.sum(distance, axis=-1), batch.weight)",
            "keras.ops.mean(distance)",
        )
    )
    config = named(settings(brier.parent), {"name": "my_losses:Brier"})
    with pytest.raises(SettingsError, match="number of ignored pixels") as caught:
        train(config)
    assert "\n" not in str(caught.value)
    assert not Path(config.output).exists()


def test_the_source_is_recorded_and_a_changed_one_does_not_go_on(brier: Path) -> None:
    plain = settings(brier.parent, schedule={"epochs": 1, "steps": 2})
    config = named(plain, {"name": "my_losses:Brier", "factor": 0.5}, {"name": "dice"})
    result = train(config)
    _, digest = source_of("my_losses:Brier")
    stored = json.loads((Path(config.output) / "settings.json").read_text())
    assert stored["loss"]["terms"][0][SOURCE] == digest
    card = json.loads((result.bundle / "bundle.json").read_text())
    assert card["training"]["settings"]["loss"]["terms"][0][SOURCE] == digest
    brier.write_text(BRIER + "\n# changed\n")
    with pytest.raises(ResumeError, match=SOURCE):
        train(config)
    # Settings that tell the hash, such as those of a run, want the file that they were written for.
    recorded = named(plain, *stored["loss"]["terms"])
    with pytest.raises(SettingsError, match="has changed since these settings were written"):
        with_sources(recorded)


def test_it_is_shown_and_audited(brier: Path) -> None:
    runner = CliRunner()
    shown = json.loads(runner.invoke(losses_app, ["show", "my_losses:Brier", "--json"]).output)
    assert shown["line"] == "Brier score (Brier 1950)."
    assert [each["name"] for each in shown["arguments"]] == ["power"]
    assert shown["loss"] == {"terms": [{"name": "my_losses:Brier", "power": 2.0}]}
    words = ["audit", "my_losses:Brier", "--no-cost", "--json"]
    (row,) = json.loads(runner.invoke(losses_app, words).output)
    assert row["flags"] == []
