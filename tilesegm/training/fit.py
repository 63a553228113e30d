"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tilesegm.errors import SettingsError
from tilesegm.model.device import native_bfloat16
from tilesegm.model.normalisation import Normalisation
from tilesegm.models.unet import unet
from tilesegm.training.precision import bfloat16_twin
from tilesegm.training.sample import Sample, measure_normalisation
from tilesegm.training.sampler import Sampler
from tilesegm.training.schedule import learning_rate_factor
from tilesegm.training.settings import TrainingSettings

__all__ = ["Progress", "Trained", "fit"]


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step."""

    step: int
    """Steps done."""
    fraction: float
    """Part of the run that is done, 0 to 1."""
    loss: float
    """Loss of this step's batch."""
    seconds: float
    """Time since the start."""
    network: keras.Model = field(repr=False)
    """The network as it is now, for a look at held-out images; it takes normalised pixels."""
    normalisation: Normalisation = field(repr=False)


@dataclass(frozen=True)
class Trained:
    """What a run gives."""

    model: keras.Model
    """Float32 network: normalised pixels ``(N, H, W, bands)`` to logits ``(N, H, W, classes)``."""
    normalisation: Normalisation
    losses: tuple[float, ...]
    """Loss of each step."""
    seconds: float


def fit(
    samples: Sequence[Sample],
    classes: int,
    *,
    settings: TrainingSettings | None = None,
    model: keras.Model | None = None,
    on_step: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train a network with cross-entropy and AdamW.

    Windows, their changes and the first weights follow from ``settings.seed`` (which also seeds
    Python, NumPy and the backend, as Keras does); the order in which threads add numbers is left
    free, so that two runs agree up to rounding. A run bounded by ``minutes`` also depends on the
    speed of the machine.

    Args:
        samples: Images with labels of 0 to ``classes - 1``, or ``settings.ignore``.
        classes: Number of classes.
        settings: How to train; the defaults when None.
        model: Network from normalised pixels to logits, trained in place; a :func:`unet` of 16
            filters when None.
        on_step: Called after each step.

    Raises:
        SettingsError: If samples, model and settings do not fit each other, or the loss is lost
            to infinity.
    """
    settings = settings or TrainingSettings()
    keras.utils.set_random_seed(settings.seed)
    sampler = Sampler(samples, classes, settings)
    model = model or unet(sampler.bands, classes)
    if model.input_shape[-1] != sampler.bands or model.output_shape[-1] != classes:
        raise SettingsError(
            f"the network takes {model.input_shape[-1]} bands and gives {model.output_shape[-1]} "
            f"classes; the samples have {sampler.bands} bands and {classes} classes"
        )
    normalisation = measure_normalisation(sampler.samples, settings.ignore, seed=settings.seed)
    halved = settings.precision == "bfloat16" or (
        settings.precision == "auto" and native_bfloat16()
    )
    network = bfloat16_twin(model) if halved else model
    optimizer = keras.optimizers.AdamW(
        settings.learning_rate, weight_decay=settings.weight_decay, global_clipnorm=1.0
    )
    # Left to itself Keras asks XLA for a graph, which is slower on a processor (docs/training.md).
    loss_of = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=settings.ignore
    )
    network.compile(optimizer, loss_of, jit_compile=False)

    losses: list[float] = []
    start = time.monotonic()
    for pixels, labels in _ahead(_normalised(sampler, normalisation)):
        fraction = _fraction(len(losses), time.monotonic() - start, settings)
        if fraction >= 1:
            break
        optimizer.learning_rate = settings.learning_rate * learning_rate_factor(fraction)
        loss = float(network.train_on_batch(pixels, labels))
        if not np.isfinite(loss):
            raise SettingsError(
                f"the loss is {loss} after {len(losses)} steps; lower learning_rate "
                f"(now {settings.learning_rate})"
            )
        losses.append(loss)
        if on_step:
            seconds = time.monotonic() - start
            done = _fraction(len(losses), seconds, settings)
            on_step(Progress(len(losses), done, loss, seconds, network, normalisation))
    if network is not model:
        model.set_weights(network.get_weights())
    return Trained(model, normalisation, tuple(losses), time.monotonic() - start)


def _fraction(step: int, seconds: float, settings: TrainingSettings) -> float:
    """Return the part of a run that is done, by steps or by time, whichever is further."""
    by_time = seconds / (60 * settings.minutes) if settings.minutes else 0.0
    return min(1.0, max(step / settings.steps, by_time))


def _normalised(
    sampler: Sampler, normalisation: Normalisation
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32]]]:
    offset = np.array(normalisation.offset, np.float32)
    scale = np.array(normalisation.scale, np.float32)
    for pixels, labels in sampler.batches():
        yield (pixels - offset) * scale, labels


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Make each batch while the one before it is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="sampler") as thread:
        following = thread.submit(next, batches)
        while True:
            batch, following = following.result(), thread.submit(next, batches)
            yield batch
