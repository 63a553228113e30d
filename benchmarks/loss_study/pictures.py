"""Pictures of the study: how far losses lie from cross-entropy, and what they do at borders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tilesegm.data.find import find_scenes
from tilesegm.data.open_scenes import open_scenes
from tilesegm.data.patch import IGNORE
from tilesegm.grid.window import Window
from tilesegm.metrics.surfaces import border

from .protocol import DATASETS, LOSSES
from .rows import read_images
from .tables import gain

__all__ = ["draw_borders", "draw_gains"]

_SIDE = 96
_COLUMNS = 6
_WHITE, _BLACK, _RED, _BLUE, _GREY = np.array(
    [(255, 255, 255), (40, 40, 40), (214, 39, 40), (31, 119, 180), (150, 150, 150)], np.uint8
)


def draw_gains(folder: Path, target: Path) -> None:
    """Draw points above cross-entropy with their intervals, for borders and for regions."""
    images = read_images(folder)
    found = list(dict.fromkeys(row.data for row in images))
    losses = [loss for loss in LOSSES if loss != "ce"]
    figure, axes = plt.subplots(1, 2, figsize=(9, 6.5), sharey=True, layout="constrained")
    for ax, metric in zip(axes, ("boundary_iou", "mean_iou"), strict=True):
        for number, data in enumerate(found):
            places, gains = [], []
            for row, loss in enumerate(losses):
                one = gain(images, [data], loss, metric)
                if one is not None:
                    places.append(row + 0.22 * (number - (len(found) - 1) / 2))
                    gains.append(one)
            means = [one.mean for one in gains]
            ends = [[one.mean - one.low for one in gains], [one.high - one.mean for one in gains]]
            ax.errorbar(means, places, xerr=ends, fmt="o", markersize=3.5, label=data)
        ax.axvline(0, color="black", linewidth=0.8)
        # A loss that does not learn would press all others together.
        ax.set_xlim(-15, 18)
        ax.set_xlabel(f"{metric.replace('_', ' ').replace('iou', 'IoU')}, points above ce")
        ax.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(losses)), losses)
    axes[0].invert_yaxis()
    axes[1].legend()
    figure.savefig(target, dpi=110)
    plt.close(figure)


def draw_borders(folder: Path, root: Path, data: str, target: Path) -> None:
    """Draw the same place under each loss, where the truth has most borders.

    Right pixels of class 1 are white and of others dark, missed pixels red, extra ones blue.

    Args:
        folder: Results.
        root: Folder of all data sets.
        data: A data set of two classes.
        target: PNG to write.
    """
    maps: dict[str, Any] = {
        loss: np.load(folder / f"{data}-{loss}.npz")
        for loss in LOSSES
        if (folder / f"{data}-{loss}.npz").exists()
    }
    settings = DATASETS[data].data
    files = [each for each in find_scenes(settings, root) if each.role == "test"]
    with open_scenes(files, settings) as scenes:
        names = [info.name for info in scenes.infos]
        seen = [names.index(name) for name in next(iter(maps.values())).files]
        patches = {
            names[number]: scenes.read(
                number, Window(0, 0, scenes.infos[number].height, scenes.infos[number].width)
            )
            for number in seen
        }
    name, place = _most_borders({name: patch.labels for name, patch in patches.items()})
    truth = patches[name].labels[place]
    panels = {"image": _stretch(patches[name].pixels[place])}
    for loss, shown in maps.items():
        panels[loss] = _errors(truth, shown[name][place])
    _draw_panels(panels, target)


def _most_borders(labels: dict[str, NDArray[np.int32]]) -> tuple[str, tuple[slice, slice]]:
    best: tuple[int, str, tuple[slice, slice]] = (-1, "", (slice(0), slice(0)))
    for name, ids in labels.items():
        edge = border(np.where(ids == IGNORE, 255, ids).astype(np.uint8))
        side = min(_SIDE, *edge.shape)
        counts = sliding_window_view(edge, (side, side))[::8, ::8].sum((-2, -1))
        row, col = np.unravel_index(counts.argmax(), counts.shape)
        top, left = 8 * int(row), 8 * int(col)
        where = (slice(top, top + side), slice(left, left + side))
        best = max(best, (int(counts.max()), name, where), key=lambda one: one[0])
    return best[1], best[2]


def _errors(truth: NDArray[np.int32], given: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = np.where((given == 1)[..., None], _WHITE, _BLACK)
    picture[(truth == 1) & (given != 1)] = _RED
    picture[(truth == 0) & (given == 1)] = _BLUE
    picture[truth == IGNORE] = _GREY
    return np.asarray(picture, np.uint8)


def _stretch(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    values = pixels[..., :3].astype(float)
    low, high = np.quantile(values, [0.01, 0.99])
    bright = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    return np.broadcast_to((255 * bright).astype(np.uint8), (*bright.shape[:2], 3))


def _draw_panels(panels: dict[str, NDArray[np.uint8]], target: Path) -> None:
    rows = -(-len(panels) // _COLUMNS)
    figure, axes = plt.subplots(
        rows, _COLUMNS, figsize=(1.9 * _COLUMNS, 2.1 * rows), layout="constrained"
    )
    flat: Sequence[Any] = np.asarray(axes).ravel().tolist()
    for ax in flat:
        ax.axis("off")
    for ax, (name, picture) in zip(flat, panels.items(), strict=False):
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(name.replace("border_pyramid_", "border_pyramid\n"), fontsize=8)
    figure.savefig(target, dpi=80)
    plt.close(figure)
