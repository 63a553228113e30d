"""What a run gives."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import ClassInfo
from tilesegm.errors import ResumeError
from tilesegm.files import write_file
from tilesegm.metrics.calibration import Curve
from tilesegm.metrics.decided import DecidedCounts
from tilesegm.networks.start_weights import StartWeights

__all__ = ["Picture", "ResultData", "TrainingResult", "load_result", "save_result"]


@dataclass(frozen=True)
class TrainingResult:
    """A finished run."""

    folder: Path
    bundle: Path
    """Folder of the network, as `predict` takes it."""
    epochs: int
    """Epochs trained."""
    best_epoch: int
    """Epochs after which the network was as it is saved."""
    best_score: float
    """What it was chosen by, on the held-out pixels of validation during training; the
    negative loss when the loss is what counts."""
    history: tuple[dict[str, float], ...]
    """Numbers of each epoch, by name."""
    validation: tuple[tuple[int, ...], ...]
    """``(K, K)`` held-out pixels by true class (row) and predicted class; empty without any."""
    test: tuple[tuple[int, ...], ...]
    """The same of scenes kept for the test."""
    seconds: float
    """Since this process began the run."""
    decision: dict[str, Any] = field(default_factory=dict)
    """Threshold, offsets and temperature that were chosen, and scores with and without them;
    ``validation`` and ``test`` are counted with them. Empty where nothing was to be chosen."""


@dataclass(frozen=True)
class Picture:
    """A window that the report shows."""

    scene: str
    row: int
    col: int
    accuracy: float
    image: NDArray[np.uint8]
    """``(height, width, 3)``"""
    drawn: str
    """Bands and values that it shows."""
    truth: NDArray[np.int32]
    """``(height, width)`` class ids or ``IGNORE``."""
    predicted: NDArray[Any]


@dataclass(frozen=True)
class ResultData:
    """What a report shows."""

    result: TrainingResult
    classes: tuple[ClassInfo, ...]
    train_counts: tuple[int, ...]
    """Pixels of each class that were learnt from."""
    settings: dict[str, Any]
    start: StartWeights | None
    """Layers that started with weights of another network; None without ``model.weights``."""
    scenes: dict[str, tuple[tuple[int, ...], ...]]
    """Confusion of each scene that has held-out or test pixels."""
    best: tuple[Picture, ...]
    worst: tuple[Picture, ...]
    notes: tuple[str, ...]
    """What one should know before trusting the scores."""
    split_picture: Path
    path: Path
    """Where the report goes: an HTML file, and JSON beside it."""
    curve: Curve | None = None
    """Scores of the second of two classes at each threshold, on held-out pixels."""
    decided: tuple[DecidedCounts, DecidedCounts] | None = None
    """Counts of held-out pixels by the arg-max and with what was chosen."""


def save_result(path: Path, result: TrainingResult) -> None:
    """Write a result as JSON.

    Raises:
        OutputError: it cannot be written.
    """
    plain = asdict(result)
    del plain["folder"], plain["bundle"]
    write_file(path, json.dumps(plain, indent=1) + "\n")


def load_result(path: Path, bundle: Path) -> TrainingResult:
    """Read what `save_result` wrote.

    Raises:
        ResumeError: it cannot be read.
    """
    try:
        plain = json.loads(path.read_text("utf-8"))
        for name in ("validation", "test"):
            plain[name] = tuple(tuple(row) for row in plain[name])
        plain["history"] = tuple(plain["history"])
        return TrainingResult(folder=path.parent, bundle=bundle, **plain)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ResumeError(
            f"{path} cannot be read ({error}); pass overwrite to train from scratch"
        ) from error
