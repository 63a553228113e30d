"""A run is finished when its model is there and whole."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.training.scenery import settings
from tilesegm.errors import OutputError
from tilesegm.events import EpochEnded, Event, Noted
from tilesegm.model.keras_file import load_keras
from tilesegm.training.run import train


def test_a_model_that_is_gone_is_made_again(tmp_path: Path) -> None:
    config = settings(tmp_path, schedule={"epochs": 2, "steps": 1, "batch": 1})
    first = train(config)
    model = tmp_path / "run" / "model"
    shutil.copytree(model, tmp_path / "kept")
    shutil.rmtree(model)
    events: list[Event] = []
    second = train(config, on_event=events.append)
    assert not [event for event in events if isinstance(event, EpochEnded)]
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert f"the model {model} is gone; it is made again from the checkpoints of" in notes[0]
    assert (second.history, second.validation) == (first.history, first.validation)
    before, after = (load_keras(path / "model.keras") for path in (tmp_path / "kept", model))
    for one, other in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_model_is_told_and_left_alone(tmp_path: Path) -> None:
    config = settings(tmp_path, schedule={"epochs": 1, "steps": 1, "batch": 1})
    train(config)
    model = tmp_path / "run" / "model"
    weights = model / "model.keras"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(OutputError, match=re.escape(f"or remove {model} and run the same")):
        train(config)
    assert weights.read_bytes() == data
    shutil.rmtree(model)  # as advised
    train(config)
    events: list[Event] = []
    train(config, on_event=events.append)
    assert [type(event) for event in events] == [Noted]
    # Without a checkpoint there is nothing to make it from.
    shutil.rmtree(model)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    events.clear()
    train(config, on_event=events.append)
    (event,) = events
    assert isinstance(event, Noted)
    assert "is gone, and there is no checkpoint to make it from; pass overwrite" in event.text
