"""Draw the pictures of boundary.md, topology.md and multiscale.md into ``img/``.

python docs/losses/plots_boundary.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from tilesegm.data.border_weights import falk_weights, ronneberger_weights
from tilesegm.losses.blob import BlobLoss, number_blobs
from tilesegm.losses.boundary import Boundary
from tilesegm.losses.boundary_dou import BoundaryDoU
from tilesegm.losses.cldice import ClDice
from tilesegm.losses.cross_entropy import CrossEntropy
from tilesegm.losses.dice import Dice
from tilesegm.losses.hausdorff import HausdorffDT
from tilesegm.losses.ms_ssim import MSSSIM
from tilesegm.losses.pyramid import Pyramid
from tilesegm.losses.skeleton_recall import SkeletonRecall

IMAGES = Path(__file__).parent / "img"
ROWS, COLUMNS = np.mgrid[:64, :64]


def disc(row: float, column: float, radius: float) -> np.ndarray:
    """A disc in a tile of 64 x 64 pixels."""
    return np.hypot(ROWS - row, COLUMNS - column) <= radius


def soft(mask: np.ndarray) -> np.ndarray:
    """Probabilities ``(1, 64, 64, 1)`` as a network would give them, 0.02 to 0.98."""
    return (0.02 + 0.96 * ndimage.gaussian_filter(mask.astype(float), 0.7))[None, ..., None].astype(
        np.float32
    )


def curves(
    axes: plt.Axes,
    losses: Mapping[str, Callable[[np.ndarray], float]],
    steps: Sequence[float],
    guess: Callable[[float], np.ndarray],
) -> None:
    """Draw each loss over the steps, from 0 at its best to 1 at its worst."""
    for name, loss in losses.items():
        values = np.array([loss(soft(guess(step))) for step in steps])
        axes.plot(steps, (values - values.min()) / (values.max() - values.min()), label=name)
    axes.legend(frameon=False, fontsize=8)
    axes.set_ylabel("loss, scaled to [0, 1]")


def against(labels: np.ndarray, **losses: object) -> dict[str, Callable[[np.ndarray], float]]:
    """The losses as functions of the probabilities alone."""
    return {
        name: (lambda p, loss=loss: float(loss(labels[None].astype(np.int32), p)))
        for name, loss in losses.items()
    }


def border_weights() -> None:
    """Weight maps of four cells, two of them close together."""
    centres = [(18, 16), (18, 33), (36, 25), (47, 46)]
    instances = np.zeros((64, 64), np.int32)
    for i, (row, column) in enumerate(centres, start=1):
        instances[disc(row, column, 8)] = i
    figure, axes = plt.subplots(1, 3, figsize=(7.5, 2.3))
    maps = (instances, ronneberger_weights(instances), falk_weights(instances))
    names = ("instances", "ronneberger_weights", "falk_weights")
    for ax, values, name in zip(axes, maps, names, strict=True):
        shown = ax.imshow(values, cmap="magma")
        ax.set_title(name, fontsize=9)
        ax.set_axis_off()
        if name != "instances":
            figure.colorbar(shown, ax=ax, fraction=0.046)
    save(figure, "border_weights")


def boundary() -> None:
    """Boundary losses of a disc that is predicted in the wrong place."""
    labels = disc(32, 24, 10)
    options = {"from_logits": False}
    losses = against(
        labels,
        CrossEntropy=CrossEntropy(**options),
        Dice=Dice(**options),
        BoundaryDoU=BoundaryDoU(**options),
        Boundary=Boundary(**options),
        HausdorffDT=HausdorffDT(**options),
    )
    figure, ax = plt.subplots(figsize=(4.5, 3))
    curves(ax, losses, range(0, 33, 2), lambda step: disc(32, 24 + step, 10))
    ax.set_xlabel("displacement of a disc of radius 10, pixels")
    save(figure, "boundary")


def topology() -> None:
    """A road with a gap, and a small object beside a large one."""
    labels = np.abs(ROWS - 32) <= 3
    options = {"from_logits": False}
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3))
    roads = {
        "Dice": Dice(**options),
        "ClDice": ClDice(iterations=5, **options),
        "SkeletonRecall": SkeletonRecall(**options),
    }

    def share(loss: object, guess: np.ndarray) -> float:
        return float(loss(labels[None].astype(np.int32), soft(guess)))

    sizes = range(0, 22, 3)
    for name, loss in roads.items():
        gaps = [share(loss, labels & ~(np.abs(COLUMNS - 32) * 2 < gap)) for gap in sizes]
        left.plot(sizes, gaps, label=name)
    left.set_xlabel("gap in a road 64 x 7 pixels, pixels")
    left.set_ylabel("loss")
    left.legend(frameon=False, fontsize=8)
    cells = disc(24, 24, 16) | disc(52, 52, 4)
    numbered = number_blobs(cells.astype(np.int32))
    shares = np.linspace(0, 1, 9)
    for name, loss, truth in (
        ("Dice", Dice(**options), cells.astype(np.int32)),
        ("BlobLoss", BlobLoss(**options), numbered),
    ):
        values = []
        for found in shares:
            p = soft(cells)
            p[0, 44:, 44:] *= found
            values.append(float(loss(truth[None], p)))
        right.plot(shares, values, label=name)
    right.set_xlabel("probability of the small disc (large one found)")
    right.set_ylabel("loss")
    right.legend(frameon=False, fontsize=8)
    save(figure, "topology")


def multiscale() -> None:
    """A texture that is predicted in the wrong place."""
    rng = np.random.default_rng(0)
    labels = ndimage.gaussian_filter(rng.normal(size=(64, 64)), 2, mode="wrap") > 0.05
    options = {"from_logits": False}
    losses = against(
        labels,
        CrossEntropy=CrossEntropy(**options),
        **{f"Pyramid, scale {s}": Pyramid(CrossEntropy(**options), scales=[s]) for s in (4, 8)},
        MSSSIM=MSSSIM(**options),
    )
    figure, ax = plt.subplots(figsize=(4.5, 3))
    curves(ax, losses, range(9), lambda step: np.roll(labels, step, axis=1))
    ax.set_xlabel("displacement of a texture, pixels")
    save(figure, "multiscale")


def save(figure: plt.Figure, name: str) -> None:
    """Write a picture into the folder of the documentation."""
    figure.tight_layout()
    figure.savefig(IMAGES / f"{name}.png", dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    mpl.use("Agg")
    IMAGES.mkdir(exist_ok=True)
    for draw in (border_weights, boundary, topology, multiscale):
        draw()
