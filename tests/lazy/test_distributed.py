"""Workers of a Dask cluster open a network in memory once, and meet chunks that others hold."""

from __future__ import annotations

import os
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

import tilesegm as ts
from tests.images import blobs
from tests.lazy.test_segment_lazy import TILING

pytestmark = pytest.mark.slow


def opened() -> list[str]:
    """Return what is open in a process: its networks, and its sessions of orders."""
    from tilesegm.lazy import network, order

    sessions = len(order._SESSIONS._values)
    return [str(os.getpid()), *map(str, network._PREDICTORS._values.keys()), f"{sessions} sessions"]


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_processes() -> None:
    distributed = pytest.importorskip("distributed")
    import keras

    image = keras.Input((None, None, 3))
    hidden = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    network = keras.Model(image, keras.layers.Conv2D(3, 1)(hidden))
    pixels = blobs(500, 600)
    options = ts.Options(confidence="margin", network_outputs="logits")
    expected = ts.segment(pixels, network, tiling=TILING, options=options)

    def lazily(image: Any) -> tuple[Any, Any]:
        classes, confidence = ts.segment_lazy(
            image,
            network,
            tiling=TILING,
            options=options,
            layer=("classes", "confidence"),
            chunk=96,
        )
        return classes, confidence

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as here,
        distributed.Client(here) as client,
    ):
        for image in (pixels, da.from_array(pixels, chunks=(130, 170, 3)).persist()):
            classes, confidence = dask.compute(*lazily(image))
            np.testing.assert_array_equal(classes, expected.classes)
            np.testing.assert_array_equal(confidence, expected.confidence)
        assert all(len(found) == 3 for found in client.run(opened).values())
