"""Writes the nuclei of dsb2018 as grey images of one range, with one file of labels each.

They come from several microscopes, of which some show nuclei in a hundredth of the range of others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.settings import ClassSettings, DataSettings, LabelSettings, SceneSettings
from tilesegm.grid.window import Window

__all__ = ["prepare", "stretch"]

_NUCLEI = DataSettings(
    (
        SceneSettings(
            "dsb2018/{id}/images/{id}.png", "instances", instances="dsb2018/{id}/masks/*.png"
        ),
    ),
    LabelSettings((ClassSettings("background", 0), ClassSettings("nucleus", 1))),
)


def prepare(root: Path) -> None:
    """Write ``dsb2018_grey`` beside ``dsb2018``, as `settings/dsb2018.yaml` reads it."""
    target = root / "dsb2018_grey"
    for name in ("images", "labels"):
        (target / name).mkdir(parents=True, exist_ok=True)
    with open_scenes(find_scenes(_NUCLEI, root), _NUCLEI) as scenes:
        for number, info in enumerate(scenes.infos):
            patch = scenes.read(number, Window(0, 0, info.height, info.width))
            name = f"{info.name.rpartition('/')[2]}.png"
            planes = {"images": stretch(patch.pixels), "labels": patch.labels.astype(np.uint8)}
            for folder, plane in planes.items():
                Image.fromarray(plane).save(target / folder / name)


def stretch(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels as grey, their 1st and 99.8th percentile at 0 and 255, nuclei bright.

    Background is what there is most of; where it is brighter than the mean the image is inverted.

    Args:
        pixels: ``(H, W, bands)``, of which the first three count.
    """
    grey = pixels[..., :3].mean(-1)
    if np.median(grey) > grey.mean():
        grey = -grey
    low, high = np.quantile(grey, [0.01, 0.998])
    return (255 * np.clip((grey - low) / max(high - low, 1.0), 0, 1)).astype(np.uint8)
