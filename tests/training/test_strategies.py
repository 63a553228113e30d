"""Strategies over time in whole runs: they are as the settings say, and a stopped run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.scenery import settings
from tests.training.test_resume import StoppedError, arrays, stop_at
from tilesegm.errors import SettingsError
from tilesegm.training.checked_config import check_losses
from tilesegm.training.run import train
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.strategies import AdaptiveClassSettings, HardPixelSettings

_LATER = {"name": "later", "begin": 0.3, "ramp": 0.3}


def strategy(folder: Path, output: str, **loss: Any) -> TrainingConfig:
    return settings(
        folder,
        output=str(folder / output),
        loss=loss,
        schedule={"epochs": 3, "steps": 4, "batch": 2, "size": 32},
        model={"filters": 2, "depth": 1},
    )


def test_a_stopped_run_goes_on_with_the_same_weights(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "terms": ({"name": "cross_entropy"}, {"name": "dice"}),
        "weighting": _LATER,
        "adaptive_classes": AdaptiveClassSettings("validation"),
        "hard_pixels": HardPixelSettings(warm_up=0.7),
    }
    with pytest.raises(StoppedError):
        train(strategy(tmp_path, "stopped", **given), on_event=stop_at(0.5))
    result = train(strategy(tmp_path, "stopped", **given))
    whole = train(strategy(tmp_path, "whole", **given))
    classes = [f"weight_class_{n}" for n in range(3)]
    for mine, theirs in zip(result.history, whole.history, strict=True):
        for name in ("loss", "weight_cross_entropy", "weight_dice", *classes):
            assert mine[name] == pytest.approx(theirs[name], rel=2e-3)
    # Ends of the epochs are 1/3, 2/3 and 1 of the run.
    late = [row["weight_dice"] for row in whole.history]
    assert late == pytest.approx([1 / 9, 1, 1], abs=1e-6)
    assert [whole.history[0][name] for name in classes] == [1, 1, 1]
    assert np.std([whole.history[1][name] for name in classes]) > 0.01
    stopped = arrays(tmp_path / "stopped" / "checkpoints" / "last.npz")
    reference = arrays(tmp_path / "whole" / "checkpoints" / "last.npz")
    for key, mine, array in zip(reference, stopped.values(), reference.values(), strict=True):
        np.testing.assert_allclose(mine, array, rtol=0.02, atol=0.02, err_msg=key)
    # A third of what the first epoch did to easy pixels is gone: 1 - 2 / (0.7 * 3) is below 0.1.
    (easy,) = [array for key, array in reference.items() if key.endswith("easy")]
    assert easy == pytest.approx(1 - 2 / 2.1, abs=1e-6)


def test_class_weights_follow_the_scores_of_the_classes(tmp_path: Path) -> None:
    adaptive = AdaptiveClassSettings("validation", momentum=0.0, ratio=100.0)
    terms = ({"name": "cross_entropy"},)
    result = train(strategy(tmp_path, "run", terms=terms, adaptive_classes=adaptive))
    # The only term is not told of, and the classes are.
    assert "weight_cross_entropy" not in result.history[0]
    # The worst class of the second validation weighs most in the third epoch.
    last = result.history[2]
    weights = np.array([last[f"weight_class_{n}"] for n in range(3)])
    assert weights.mean() == pytest.approx(1, abs=1e-4)
    assert weights.max() > weights.min()


def test_later_terms_need_an_earlier_one_before_any_work(tmp_path: Path) -> None:
    alone = strategy(tmp_path, "run", terms=({"name": "dice"},), weighting=_LATER)
    with pytest.raises(SettingsError, match=r"loss\.weighting: the last 1 of 1 terms"):
        check_losses(alone)
    check_losses(strategy(tmp_path, "run", weighting=_LATER))  # dice_ce is two terms
    long = strategy(tmp_path, "run", weighting={"name": "later", "begin": 0.9, "ramp": 0.9})
    with pytest.raises(SettingsError, match=r"loss\.weighting: .*1\.8 together"):
        check_losses(long)
