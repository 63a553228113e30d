"""The picture of the study: how far losses lie from cross-entropy."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

from .rows import read_images
from .study import LOSSES
from .tables import gain

__all__ = ["draw_gains"]


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
