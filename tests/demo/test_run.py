"""The demo from end to end, small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from tilesegm.demo.classes import CLASSES
from tilesegm.demo.run import DemoResult, run_demo
from tilesegm.errors import OutputError
from tilesegm.events import Event, RunStarted, StageStarted
from tilesegm.model.bundle import BundleInfo, read_bundle


def open_bundle_of(result: DemoResult) -> BundleInfo:
    return read_bundle(result.model).info


def test_a_small_demo(tmp_path: Path) -> None:
    events: list[Event] = []
    folder = tmp_path / "demo"
    result = run_demo(folder, size=512, steps=12, on_event=events.append)
    with rasterio.open(result.class_map) as found, rasterio.open(result.image) as image:
        assert found.crs == image.crs
        assert found.transform == image.transform
        assert found.shape == image.shape
        assert set(np.unique(found.read(1))) <= set(range(len(CLASSES)))
    with Image.open(result.quicklook) as picture:
        assert picture.size[0] > 512
    assert [name for name, _ in result.class_iou] == [info.name for info in CLASSES]
    assert 0 < result.mean_iou < 1
    assert str(result.quicklook) in result.advice
    names = [event.name for event in events if isinstance(event, StageStarted)]
    steps = [f"step {n} of 4: {name}" for n, (name, _) in enumerate(result.seconds, 1)]
    assert len(steps) == 4
    assert steps == [name for name in names if name in steps]
    assert all(name.startswith(tuple(steps)) for name in names), "the step is always told"
    begun = [event.uri for event in events if isinstance(event, RunStarted)]
    assert begun == [steps[2]]
    assert result.report.is_file()
    assert open_bundle_of(result).classes == CLASSES


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        run_demo(tmp_path / "demo", size=512)
