"""Draw the pictures of distribution.md, region.md and compound.md into ``img/``.

python docs/losses/plots.py
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from tilesegm.losses import (
    MCC,
    CrossEntropy,
    Dice,
    ExpLogCrossEntropy,
    Focal,
    Jaccard,
    Lovasz,
    Poly1,
    SegmentationLoss,
    Tversky,
    recipe,
)
from tilesegm.losses.gradients import differentiate

IMAGES = Path(__file__).parent / "img"
PIXELS, FOREGROUND = 100, 5
GRID = np.linspace(0.02, 0.98, 17)


def of_probability(ax: plt.Axes, losses: Mapping[str, SegmentationLoss]) -> None:
    """Draw losses of a single pixel over the probability of its true class."""
    p = np.linspace(0.02, 0.995, 60, dtype=np.float32)
    truth = np.ones((1, 1, 1), np.int32)
    for label, loss in losses.items():
        ax.plot(p, [float(loss(truth, np.full((1, 1, 1, 1), x))) for x in p], label=label)
    ax.set(xlabel="probability of the true class", ylabel="loss of the pixel", ylim=(0, 4))
    ax.legend(frameon=False)


def surface(ax: plt.Axes, title: str, loss: SegmentationLoss) -> None:
    """Draw a loss over what it gives to foreground (5 of 100 pixels) and to background."""
    truth = (np.arange(PIXELS) < FOREGROUND).astype(np.int32).reshape(1, 10, 10)
    values = [
        [
            float(loss(truth, np.where(truth == 1, hit, false)[..., None].astype(np.float32)))
            for hit in GRID
        ]
        for false in GRID
    ]
    drawn = ax.contourf(GRID, GRID, values, levels=12, cmap="viridis")
    ax.contour(GRID, GRID, values, levels=12, colors="white", linewidths=0.4)
    ax.set(title=title, xlabel="p in the foreground", ylabel="p in the background")
    ax.figure.colorbar(drawn, ax=ax)


def of_empty_tiles(ax: plt.Axes) -> None:
    """Draw the push on false positives of an empty tile over its size."""
    sides = np.array([16, 32, 64, 128, 256, 512])
    losses: dict[str, Callable[[], SegmentationLoss]] = {
        "CrossEntropy": CrossEntropy,
        'Dice, absent="area"': Dice,
        'Dice, absent="formula", smooth=1': lambda: Dice(absent="formula", smooth=1.0),
    }
    for label, make in losses.items():
        pushes = []
        for side in sides:
            truth = np.zeros((1, side, side), np.int32)
            logits = np.full((1, side, side, 1), np.log(0.05 / 0.95), np.float32)
            loss = make()
            _, gradient = differentiate(lambda x, y=truth, f=loss: f(y, x))(logits)
            pushes.append(float(gradient.sum()))
        ax.plot(sides, pushes, marker="o", label=label)
    ax.set(xscale="log", yscale="log", xlabel="side of an empty tile, pixels")
    ax.set(ylabel="sum of the gradient at p = 0.05", xticks=sides, xticklabels=sides)
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=7)


def save(figure: plt.Figure, name: str) -> None:
    """Write the picture, small enough for a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=70)
    plt.close(figure)
    Image.open(buffer).convert("RGB").quantize(48).save(IMAGES / name, optimize=True)


def main() -> None:
    """Draw all pictures."""
    mpl.use("Agg")
    IMAGES.mkdir(exist_ok=True)
    given = {"from_logits": False}

    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    of_probability(
        ax,
        {
            "CrossEntropy": CrossEntropy(**given),
            "Focal(gamma=2)": Focal(**given),
            "Poly1(epsilon=1)": Poly1(**given),
            "ExpLogCrossEntropy(gamma=0.3)": ExpLogCrossEntropy(**given),
        },
    )
    save(figure, "distribution.png")

    figure, axes = plt.subplots(2, 3, figsize=(11, 6.4), layout="constrained")
    surface(axes[0, 0], "Dice", Dice(**given))
    surface(axes[0, 1], "Jaccard", Jaccard(**given))
    surface(axes[0, 2], "Tversky (missed 0.7)", Tversky(**given))
    surface(axes[1, 0], "Lovasz", Lovasz(**given))
    surface(axes[1, 1], "MCC", MCC(**given))
    of_empty_tiles(axes[1, 2])
    save(figure, "region.png")

    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
    surface(axes[0], "CrossEntropy", CrossEntropy(**given))
    surface(axes[1], "dice_ce", recipe("dice_ce", **given))
    surface(axes[2], "unified_focal", recipe("unified_focal", **given))
    save(figure, "compound.png")


if __name__ == "__main__":
    main()
