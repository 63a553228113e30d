"""Values become what strict JSON can hold."""

from __future__ import annotations

import json
import math

import numpy as np

from tilesegm.plain import plain


def test_values_become_strict_json() -> None:
    values = {
        "iou": np.array([0.5, np.nan]),
        "count": np.int64(3),
        "rows": ({"score": np.float32(0.25)}, math.nan, -math.inf, math.inf),
        "name": "water",
        "nothing": None,
        "yes": np.bool_(True),
    }
    assert json.loads(json.dumps(plain(values), allow_nan=False)) == {
        "iou": [0.5, None],
        "count": 3,
        "rows": [{"score": 0.25}, None, None, None],
        "name": "water",
        "nothing": None,
        "yes": True,
    }


def test_infinity_may_have_a_name() -> None:
    values = [math.inf, {"below": -math.inf, "distances": np.array([np.inf])}, math.nan]
    named = plain(values, infinity="inf")
    assert named == ["inf", {"below": None, "distances": ["inf"]}, None]
