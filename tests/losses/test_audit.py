"""The audit sees what it is there to see."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from tilesegm.cli.losses import losses_app
from tilesegm.errors import InputError
from tilesegm.losses import CrossEntropy, Dice, SegmentationLoss
from tilesegm.losses.audit import AuditRow, audit_losses
from tilesegm.losses.inputs import LossInputs


def row_of(loss: str | SegmentationLoss) -> AuditRow:
    (row,) = audit_losses([loss], size=16, cost_size=None)
    return row


class Broken(SegmentationLoss):
    """Cross-entropy with the defect that its name says."""

    def compute(self, batch: LossInputs) -> object:
        sound = CrossEntropy().compute(batch)
        return {
            "nan": sound * keras.ops.log(keras.ops.sum(batch.target) * 0.0),
            "deaf": sound * 0.0,
            "perverse": 5.0 - sound,
            "negative": sound - 20.0,
        }[self.name]


class Rough(CrossEntropy):
    """Cross-entropy that forgets the weights, and loses digits of half-precision scores."""

    def __call__(self, y_true: object, y_pred: object, sample_weight: object = None) -> object:
        value = super().__call__(y_true, y_pred)
        return value if y_pred.dtype == np.float32 else value * 1.01


@pytest.mark.parametrize(
    ("defect", "flag"),
    [
        ("nan", "shifted: NaN"),
        ("deaf", "empty: no gradient"),
        ("perverse", "one pixel: wrong sign"),
        ("negative", "perfect: below minimum"),
    ],
)
def test_defects_are_flagged(defect: str, flag: str) -> None:
    assert flag in row_of(Broken(name=defect)).flags


def test_weights_and_precision_are_checked() -> None:
    flags = row_of(Rough()).flags
    assert "all ignored: not ignored" in flags
    if keras.backend.backend() == "tensorflow":
        assert "float16: imprecise" in flags


def test_sound_losses_have_no_flags_and_values_by_hand() -> None:
    row = row_of("cross_entropy")
    assert row.flags == ()
    cells = {cell.case: cell for cell in row.cells}
    assert cells["perfect"].value == pytest.approx(np.log1p(np.exp(-12)), rel=1e-3)
    assert (cells["all ignored"].value, cells["all ignored"].gradient) == (0.0, 0.0)
    assert cells["float16"].value == pytest.approx(cells["shifted"].value, rel=1e-2)


def test_the_known_deafness_of_dice_is_found_and_the_default_mends_it() -> None:
    assert row_of(Dice(absent="formula")).flags == ("empty: no gradient",)
    assert row_of(Dice()).flags == ()


def test_cost_is_relative_to_cross_entropy() -> None:
    (row,) = audit_losses([CrossEntropy()], size=16, cost_size=16)
    assert row.cost is not None
    assert 0.05 < row.cost < 20


def test_command_prints_a_table_and_json() -> None:
    runner = CliRunner()
    table = runner.invoke(losses_app, ["audit", "dice", "--no-cost"])
    assert table.exit_code == 0
    assert "perfect" in table.stdout
    answer = runner.invoke(losses_app, ["audit", "dice", "mcc", "--no-cost", "--json"])
    rows = json.loads(answer.stdout)
    assert [row["loss"] for row in rows] == ["dice", "mcc"]
    assert rows[0]["flags"] == []
    assert {"case", "value", "gradient", "flags"} == set(rows[0]["cells"][0])


def test_unknown_names_reach_the_user() -> None:
    with pytest.raises(InputError, match="did you mean 'dice'"):
        audit_losses(["dyce"])
