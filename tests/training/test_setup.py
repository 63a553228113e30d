"""A dry run tells what the run itself will report, because both are set up by the same steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.scenery import settings, write_scene
from tilesegm.data.settings import SceneSettings
from tilesegm.data.split import save_split
from tilesegm.errors import SettingsError
from tilesegm.events import Event, Noted
from tilesegm.model.bundle import read_bundle
from tilesegm.training.devices import Devices
from tilesegm.training.dry_run import dry_run
from tilesegm.training.run import train
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.setup import set_up_aside

SHORT = {"epochs": 1, "steps": 1, "batch": 1, "size": 32}


def with_test_scene(folder: Path, **changes: object) -> TrainingConfig:
    """Settings of a short run with a scene to learn from and one to test on."""
    config = settings(folder, schedule=SHORT, **changes)
    write_scene(folder, "b", 100, seed=5)
    test = SceneSettings(str(folder / "b.tif"), str(folder / "b_labels.tif"), role="test")
    return replace(config, data=replace(config.data, scenes=(*config.data.scenes, test)))


@pytest.mark.parametrize(
    "blocks", ["as measured", "across cells", pytest.param("random", marks=pytest.mark.slow)]
)
def test_a_dry_run_and_the_report_give_the_same_numbers(tmp_path: Path, blocks: str) -> None:
    split = {"strategy": "random"} if blocks == "random" else {}
    config = with_test_scene(tmp_path, split=split)
    if blocks == "across cells":
        # A split that was made with other blocks cuts the cells that pixels are counted in.
        other = replace(config, split=replace(config.split, block=37))
        with set_up_aside(other) as setup:
            save_split(setup.data.split, tmp_path / "other.json")
        config = replace(config, split=replace(config.split, file=str(tmp_path / "other.json")))
    said: dict[str, list[str]] = {"dry": [], "run": []}

    def listen(key: str) -> object:
        def on_event(event: Event) -> None:
            if isinstance(event, Noted):
                said[key].append(event.text)

        return on_event

    dry = dry_run(config, on_event=listen("dry"))  # type: ignore[arg-type]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["statistics.npz"]
    result = train(config, on_event=listen("run"))  # type: ignore[arg-type]

    report = json.loads((tmp_path / "run" / "report.json").read_text())
    kept = json.loads((tmp_path / "run" / "split.json").read_text())
    bundle = read_bundle(result.bundle)
    learnt = {each.name: each.learnt for each in dry.classes}
    assert learnt == report["train_pixels"] == bundle.info.training["pixels"]
    held_out, test = (np.sum(rows, axis=1).tolist() for rows in (result.validation, result.test))
    assert [each.held_out for each in dry.classes] == held_out
    assert [each.test for each in dry.classes] == test
    assert list(dry.notes) == report["notes"]
    assert said["dry"] == said["run"]
    assert dry.buffer == kept["buffer"]
    assert dry.normalisation == bundle.info.normalisation
    assert dry.batches == 1


def test_a_dry_run_refuses_what_training_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(
        tmp_path, device={"distribute": "mirrored"}, optimizer={"accumulate": 2}, schedule=SHORT
    )
    monkeypatch.setattr(Devices, "check_batch", lambda self, batch: None)
    for run in (train, dry_run):
        with pytest.raises(SettingsError, match=r"optimizer\.accumulate is 2, which one device"):
            run(config)


def test_a_dry_run_takes_the_split_of_a_run_that_would_go_on(tmp_path: Path) -> None:
    config = settings(tmp_path, schedule=SHORT)
    train(config)
    split = tmp_path / "run" / "split.json"
    # A buffer that no run with these settings would make: it shows where the split comes from.
    split.write_text(split.read_text().replace('"buffer": 4', '"buffer": 7'))
    events: list[Event] = []
    with set_up_aside(config) as setup:
        assert setup.data.split.buffer == 7
    with set_up_aside(config, overwrite=True) as setup:
        assert setup.data.split.buffer == 4
    other = replace(config, seed=3)
    with set_up_aside(other, on_event=events.append) as setup:
        assert setup.data.split.buffer == 4
    (note,) = [event.text for event in events if isinstance(event, Noted)]
    assert note.startswith(f"{tmp_path / 'run'} holds a run with other settings (seed), which")


def test_layers_that_start_from_scratch_are_named(tmp_path: Path) -> None:
    first = train(settings(tmp_path, schedule=SHORT))
    start = {"weights": str(first.bundle), "residual": True}
    config = settings(tmp_path, schedule=SHORT, output=str(tmp_path / "second"), model=start)
    notes: list[str] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Noted):
            notes.append(event.text)

    dry = dry_run(config, on_event=on_event)
    assert dry.start is not None
    scratch = list(dry.start.from_scratch)
    assert scratch
    assert "logits" in dry.start.copied
    more = f" and {len(scratch) - 5} more" if len(scratch) > 5 else ""
    assert notes[0] == (
        f"{len(dry.start.copied)} layers start with the weights of {first.bundle}, "
        f"{len(scratch)} from scratch: {', '.join(scratch[:5])}{more}"
    )
    assert dry.summary()["start"]["from_scratch"] == scratch
    notes.clear()
    train(config, on_event=on_event)
    assert "from scratch: " in notes[0]
    report = json.loads((tmp_path / "second" / "report.json").read_text())
    assert report["start"] == dry.summary()["start"]
