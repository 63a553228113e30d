"""The recipes for a loss and a network of one's own run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tilesegm.losses.contract import broken_clauses

DOCS = Path(__file__).parents[1] / "docs"


def run_section(page: str, heading: str) -> dict[str, Any]:
    """Run all Python blocks of a section and return the names that they define."""
    section = (DOCS / page).read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    blocks = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    assert blocks
    names: dict[str, Any] = {"__name__": "recipe"}
    for block in blocks:
        exec(compile(block, f"{page}: {heading}", "exec"), names)
    return names


def test_a_loss_can_be_added() -> None:
    names = run_section("losses/index.md", "Add a loss")
    loss = names["Brier"](power=1.0, from_logits=False)
    labels, probabilities = np.int32([[[1, 0]]]), np.float32([[[[0.8], [0.4]]]])
    assert abs(float(loss(labels, probabilities)) - (0.2 + 0.4) / 2) < 1e-6
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()


def test_a_loss_of_ones_own_is_short_and_keeps_the_contract() -> None:
    names = run_section("losses/index.md", "Your own loss")
    page = (DOCS / "losses/index.md").read_text(encoding="utf-8")
    block = page.partition("## Your own loss")[2].partition("```python\n")[2].partition("```")[0]
    assert len([line for line in block.splitlines() if line.strip()]) <= 15
    assert broken_clauses(names["Brier"](power=1.5, ignore=-1), 3, -1) == []


def test_a_network_can_be_added() -> None:
    names = run_section("architectures.md", "Add a network")
    assert names["field"].misfit is None
