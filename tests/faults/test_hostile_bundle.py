"""Cards of bundles with each field garbled: read rightly, or refused in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import tilesegm as ts
from tests.faults.mutations import mutations
from tests.faults.outcomes import attempt
from tests.model.networks import conv_net
from tilesegm.errors import ModelError
from tilesegm.model.bundle import save_bundle
from tilesegm.model.open import open_model, read_spec
from tilesegm.segmentation.forecast import plan

IMAGE = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("bundle") / "net", conv_net(3))


def read(folder: Path) -> None:
    assert read_spec(folder) is not None
    plan(IMAGE, folder, tiling=ts.Tiling(tile=64), options=ts.Options(), probe=False)


def fuzz(folder: Path, most: int | None, seed: int = 0) -> int:
    """Count mutations that were read or refused; anything else ends the test."""
    card = folder / "bundle.json"
    valid, tried = json.loads(card.read_text()), 0
    for name, changed in mutations(valid, seed, most):
        card.write_text(json.dumps(changed))
        tried += 1
        attempt(name, lambda: read(folder))
    card.write_text(json.dumps(valid))
    return tried


def test_garbled_cards(bundle: Path) -> None:
    assert fuzz(bundle, 400) == 400


@pytest.mark.slow
def test_every_field_of_a_card_garbled(bundle: Path) -> None:
    assert fuzz(bundle, None) > 1000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (("network", "stride"), 0),
        (("network", "halo"), -1),
        (("network", "radius"), 2**40),
        (("network", "tile"), [0, 64]),
        (("classes", 0, "colour"), [0, 0, 256]),
        (("classes", 0, "colour"), [0, 0]),
        (("normalisation", "scale"), [0.0]),
        (("normalisation", "offset"), [float("nan")]),
        (("normalisation", "offset"), [1.0, 2.0]),
        (("band_names",), ["red"]),
    ],
)
def test_values_that_make_no_sense(
    bundle: Path, tmp_path: Path, field: tuple, value: object
) -> None:
    folder = shutil.copytree(bundle, tmp_path / "net")
    card = json.loads((folder / "bundle.json").read_text())
    node = card
    for part in field[:-1]:
        node = node[part]
    node[field[-1]] = value
    (folder / "bundle.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=rf"bundle\.json garbles {field[0]}.*; copy the folder"):
        read_spec(folder)


def test_a_card_of_another_network(bundle: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(bundle, tmp_path / "net")
    card = json.loads((folder / "bundle.json").read_text())
    more = [*card["classes"], {"name": "more", "colour": [1, 2, 3]}]
    for change, message in (
        ({"network": card["network"] | {"bands": 4}}, "tells of 4 bands and the network has 3"),
        ({"classes": more}, "tells of 3 classes and the network has 2"),
    ):
        (folder / "bundle.json").write_text(json.dumps(card | change))
        with pytest.raises(ModelError, match=message):
            open_model(folder)
