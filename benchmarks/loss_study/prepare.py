"""Writes the nuclei of dsb2018 as grey images of one range, with one file of labels each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tilesegm.data.find import find_scenes
from tilesegm.grid.window import Window

from .protocol import DATASETS
from .run import open_stretched

__all__ = ["prepare"]


def prepare(root: Path) -> None:
    """Write ``dsb2018_grey`` beside ``dsb2018``, as `settings/dsb2018.yaml` reads it."""
    settings = DATASETS["dsb2018"].data
    target = root / "dsb2018_grey"
    for name in ("images", "labels"):
        (target / name).mkdir(parents=True, exist_ok=True)
    with open_stretched(find_scenes(settings, root), settings) as scenes:
        for number, info in enumerate(scenes.infos):
            patch = scenes.read(number, Window(0, 0, info.height, info.width))
            name = f"{info.name.rpartition('/')[2]}.png"
            for folder, plane in (("images", patch.pixels[..., 0]), ("labels", patch.labels)):
                Image.fromarray(plane.astype(np.uint8)).save(target / folder / name)
