"""An image that stops being readable while it is learnt from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.training.scenery import settings
from tilesegm.errors import SourceError
from tilesegm.events import Event
from tilesegm.training.run import train


def test_it_is_the_error_of_the_file_and_not_of_the_pipeline(tmp_path: Path) -> None:
    image = tmp_path / "a.tif"

    def cut_short(event: Event) -> None:
        if getattr(event, "name", "") == "training":
            os.truncate(image, image.stat().st_size // 4)

    small = {"filters": 2, "depth": 1, "norm": "none"}
    config = settings(tmp_path, schedule={"epochs": 1, "steps": 2}, model=small)
    with pytest.raises(SourceError, match=r"a\.tif") as caught:
        train(config, on_event=cut_short)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
