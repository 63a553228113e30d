"""The network that a worker keeps open from one image to the next."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import tilesegm as ts
from tilesegm.segmentation import order
from tilesegm.segmentation.work import Request


@pytest.mark.parametrize(
    ("other", "opened"),
    [
        ({"area": "fields.gpkg", "nodata": 0, "skip": "background", "min_confidence": 0.5}, 1),
        ({"bands": (3, 2, 1), "level": 1, "resolution": "0.3m", "threshold": 0.3}, 1),
        ({"augment": ("flips",)}, 4),
        ({"network_outputs": "logits"}, 4),
        ({"precision": "bfloat16"}, 4),
        ({"classes": ("a", "b")}, 4),
    ],
)
def test_a_network_is_opened_again_only_for_options_that_it_depends_on(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, Any], opened: int
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(order, "_predictors", {})
    monkeypatch.setattr(order, "open_predictor", lambda *_: made.append(object()) or made[-1])
    for options in ({}, other, {}, other):
        asked = ts.Options(**{"confidence": "top", **options})  # type: ignore[arg-type]
        run = order.RunOrder(
            image="a.tif",
            model="model",
            request=Request(ts.Tiling(), asked, False, "model"),
            fingerprint={"model": "same"},
            shrinks=False,
            folder=".",
            trusted=False,
            key="",
        )
        run._predictor(SimpleNamespace(bands=3))  # type: ignore[arg-type]
    assert len(made) == opened
