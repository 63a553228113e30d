"""Advice follows from the labels of training pixels, and from nothing else."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from tests.images import write
from tilesegm.advice import Advice, advise
from tilesegm.advice.advise import _notes
from tilesegm.advice.rules import RULES, thin_share
from tilesegm.advice.study import STUDIED
from tilesegm.cli.losses import losses_app
from tilesegm.errors import SettingsError
from tilesegm.training.objective import make_loss
from tilesegm.training.settings.settings_file import load_config, read_config

SIDE = 192


def lines() -> np.ndarray:
    """Lines 3 pixels wide and 24 apart: 8 of them."""
    rows, _ = np.indices((SIDE, SIDE))
    return (rows % 24 < 3).astype(np.uint8)


def discs() -> np.ndarray:
    """Discs of radius 9 around the middles of squares of 48: 16 of them."""
    rows, cols = np.indices((SIDE, SIDE)) % 48
    return (np.hypot(rows - 24, cols - 24) <= 9).astype(np.uint8)


def settings(folder: Path, *labels: np.ndarray, roles: str = "t", **sections: Any) -> Path:
    """Write scenes and the settings that learn from them; roles are t, v or - each."""
    scenes = []
    for number, (each, role) in enumerate(zip(labels, roles.ljust(len(labels), "t"), strict=True)):
        image, truth = folder / f"{number}.tif", folder / f"{number}_labels.tif"
        write(image, np.zeros((*each.shape, 1), np.uint8))
        write(truth, each[..., None])
        names = {"t": {"role": "train"}, "v": {"role": "validation"}, "-": {}}
        scenes.append({"image": image.name, "labels": truth.name, **names[role]})
    classes = [{"name": "back", "value": 0}, {"name": "thing", "value": 1}]
    data = {"scenes": scenes, "labels": {"classes": classes, "ignore": [255]}}
    file = folder / "settings.yaml"
    file.write_text(yaml.safe_dump({"data": data, "schedule": {"size": 48}} | sections))
    return file


def test_facts_of_lines_are_those_of_the_drawing(tmp_path: Path) -> None:
    advice = advise(settings(tmp_path, lines()))
    facts, thing = advice.facts, advice.facts.classes[1]
    assert facts.pixels == SIDE * SIDE
    assert thing.share == pytest.approx(3 / 24)
    assert thing.objects == 8
    assert thing.width == pytest.approx(3.0, abs=0.1)
    assert thing.length == pytest.approx(SIDE, rel=0.05)
    assert thing.tortuosity == pytest.approx(1.0, abs=0.02)
    assert thing.empty == 0.0
    # Beside each line a row on both sides, and of itself the outer two; the first has no row above.
    assert facts.border == pytest.approx((8 * 4 - 2) / SIDE)
    assert thin_share(facts) == 1.0
    assert advice.candidates[0].name == "dice_ce_skeleton"


def test_facts_of_discs_are_those_of_the_drawing(tmp_path: Path) -> None:
    advice = advise(settings(tmp_path, discs()))
    thing = advice.facts.classes[1]
    assert thing.objects == 16
    assert thing.diameter == pytest.approx(18.0, abs=0.5)
    assert thing.near == 0.0
    assert thin_share(advice.facts) == 0.0
    assert [each.name for each in advice.candidates] == ["border_pyramid", "border_ce", "lovasz_ce"]


def test_no_held_out_pixel_is_looked_at(tmp_path: Path) -> None:
    alone = advise(settings(tmp_path, discs())).facts
    (tmp_path / "more").mkdir()
    both = advise(settings(tmp_path / "more", discs(), lines(), roles="tv")).facts
    assert both == dataclasses.replace(alone, agreement=both.agreement, moving=both.moving)
    (tmp_path / "blocks").mkdir()
    split = {"split": {"strategy": "blocks", "block": 48, "folds": 4, "buffer": 0}}
    part = advise(settings(tmp_path / "blocks", discs(), roles="-", **split)).facts
    assert part.pixels == SIDE * SIDE * 3 // 4


def test_large_data_are_looked_at_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilesegm.advice.survey._SIDE", 48)
    monkeypatch.setattr("tilesegm.advice.survey._MOST", SIDE * SIDE // 4)
    facts = advise(settings(tmp_path, discs())).facts
    assert facts.looked_at == 0.25
    assert facts.pixels == SIDE * SIDE // 4
    assert facts.classes[1].share == pytest.approx(discs().mean())


def test_neighbouring_scenes_tell_how_borders_move(tmp_path: Path) -> None:
    first, second = np.zeros((2, 64, 64), np.uint8)
    first[:, 20:], second[:, 23:] = 1, 1
    facts = advise(settings(tmp_path, first, second)).facts
    # Borders are the columns 19 and 20, and 22 and 23: 3 and 2 pixels to the nearest.
    assert facts.moving == pytest.approx(2.5)
    (tmp_path / "other").mkdir()
    random = np.random.default_rng(0).integers(0, 2, (2, 64, 64)).astype(np.uint8)
    facts = advise(settings(tmp_path / "other", *random)).facts
    assert facts.moving is None
    assert abs(facts.agreement) < 0.1


def test_a_class_without_pixels_is_named_and_one_class_is_refused(tmp_path: Path) -> None:
    file = settings(tmp_path, discs())
    plain = yaml.safe_load(file.read_text())
    plain["data"]["labels"]["classes"].append({"name": "ghost", "value": 2})
    file.write_text(yaml.safe_dump(plain))
    assert any("ghost" in note for note in advise(file).notes)
    with pytest.raises(SettingsError, match="only 'back' occurs") as caught:
        advise(settings(tmp_path, np.zeros((SIDE, SIDE), np.uint8)))
    assert "\n" not in str(caught.value)
    with pytest.raises(SettingsError, match="no class occurs"):
        advise(settings(tmp_path, np.full((SIDE, SIDE), 255, np.uint8)))


def test_candidates_can_be_pasted(tmp_path: Path) -> None:
    file = settings(tmp_path, lines())
    for rule in RULES:
        assert len(rule.losses) <= 3
        assert {name for name, _ in rule.losses} <= STUDIED.keys()
    text = CliRunner().invoke(losses_app, ["advise", str(file), "--quiet", "--json"]).output
    for candidate in json.loads(text)["candidates"]:
        assert candidate["evidence"]
        section = {"loss": candidate["loss"], "sampling": candidate["sampling"]}
        config = read_config(yaml.safe_load(file.read_text()) | section, tmp_path)
        assert make_loss(config.loss).terms
    printed = CliRunner().invoke(losses_app, ["advise", str(file)]).output
    assert "dice_ce_skeleton" in printed
    assert "no held-out pixel" in printed


def noted(advice: Advice, config: Any, **facts: Any) -> str:
    return "\n".join(_notes(dataclasses.replace(advice.facts, **facts), config))


def test_notes_follow_from_facts_and_settings(tmp_path: Path) -> None:
    file = settings(tmp_path, discs())
    advice, config = advise(file), load_config(file)
    assert noted(advice, config) == ""
    back, thing = advice.facts.classes
    near = dataclasses.replace(thing, near=0.4)
    assert "border_weights" in noted(advice, config, classes=(back, near), instances=True)
    assert "border_weights" not in noted(advice, config, classes=(back, near))
    rare = dataclasses.replace(thing, share=0.005)
    assert "class_weights: median" in noted(advice, config, classes=(back, rare))
    assert "neighbouring scene" in noted(advice, config, moving=3.0)
    named = load_config(file, ["loss.terms=[{name: Dice_TopK}]"])
    assert "the settings name dice_topk" in noted(advice, named)


def test_lists_and_advice_import_no_framework(tmp_path: Path) -> None:
    file = settings(tmp_path, lines())
    script = (
        "import sys\nfrom typer.testing import CliRunner\n"
        "from tilesegm.cli.losses import losses_app\n"
        f"for words in (['list'], ['advise', {str(file)!r}]):\n"
        "    assert CliRunner().invoke(losses_app, words).exit_code == 0, words\n"
        "print({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
