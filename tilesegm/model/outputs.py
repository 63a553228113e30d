"""What the outputs of a network mean: said by the user, told by layers, or measured on noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tilesegm.counted import counted
from tilesegm.errors import ModelError, SettingsError
from tilesegm.model.base import ModelSpec

__all__ = [
    "OutputKind",
    "Outputs",
    "Probe",
    "choose_head",
    "probe_outputs",
    "refuse_several",
    "state",
    "sums_to_one",
    "with_probe",
]

OutputKind = Literal["auto", "logits", "probabilities"]

_TOLERANCE = 5e-3
"""How far from 1 a sum of probabilities in half precision may be."""

_EXTREMES = (10.0, 1e4)
"""Standard deviations of noise at which no logit stays between 0 and 1."""


@dataclass(frozen=True)
class Outputs:
    """What the user says of a network's outputs."""

    meaning: OutputKind = "auto"
    head: str | int | None = None
    """Name or number of the one to use; None where there is one."""
    needed: bool = True
    """Whether results depend on the meaning even of one score per class."""

    def probes(self, channels: int) -> bool:
        """Tell whether a network without layers to look at must be probed."""
        return self.meaning == "auto" and (self.needed or channels == 1)

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        """What of it belongs to the identity of the network."""
        return () if self.head is None else (("head", str(self.head)),)


@dataclass(frozen=True)
class Probe:
    """What a network gave for noise."""

    probabilities: bool
    finding: str
    """What was found, as the end of a sentence that begins with the outputs."""
    ids: bool = False
    """Whether its only channel holds whole numbers, as an arg-max gives."""


def choose_head(name: str, outputs: Any, head: str | int | None, names: Sequence[str] = ()) -> Any:
    """Return the one output to use of what a network gives: a tensor, or a dict or list of them.

    Args:
        name: of the network.
        outputs: what it gives.
        head: the name or number that was asked for.
        names: of the entries of a list.

    Raises:
        ModelError: there are several and none was chosen, or none has this name.
        SettingsError: one was chosen and there is nothing to choose from.
    """
    if isinstance(outputs, Mapping):
        named = {str(key): value for key, value in outputs.items()}
    elif isinstance(outputs, list | tuple):
        named = dict(zip(names or map(str, range(len(outputs))), outputs, strict=True))
    elif head is None:
        return outputs
    else:
        raise SettingsError(f"{name} has one output; leave --head {head} out")
    if head is None and len(named) == 1:
        return next(iter(named.values()))
    if str(head) in named:
        return named[str(head)]
    if str(head).isdecimal() and int(head or 0) < len(named):
        return list(named.values())[int(head or 0)]
    raise refuse_several(name, outputs, list(named), head)


def refuse_several(name: str, outputs: Any, names: Sequence[str], head: Any = None) -> ModelError:
    """Return the refusal that asks for one of several outputs by name."""
    kind = "a dict of " if isinstance(outputs, Mapping) else ""
    wrong = "" if head is None else f" and none is {head!r}"
    count = counted(len(names), "output")
    return ModelError(
        f"{name} has {kind}{count}{wrong}: {', '.join(names)}; choose one: --head {names[0]}"
    )


def state(spec: ModelSpec, meaning: OutputKind) -> ModelSpec:
    """Return the spec of a network whose outputs are what the user says that they are."""
    if meaning == "auto":
        return spec
    probabilities = meaning == "probabilities"
    by_layers = spec.probabilities != spec.overruled
    return replace(
        spec, probabilities=probabilities, overruled=probabilities != by_layers, probed=""
    )


def with_probe(spec: ModelSpec, probe: Probe, channels: int) -> ModelSpec:
    """Return the spec of a network without layers to look at, as a probe found its outputs.

    Raises:
        ModelError: it gives one score per pixel, which nobody says is a logit and no probability.
    """
    if channels == 1 and not probe.probabilities:
        advice = (
            "return the scores before the arg-max, or for a mask of 0 and 1 give --network-outputs "
            "probabilities"
            if probe.ids
            else "say what it is, --network-outputs logits or --network-outputs probabilities, or "
            "return one score for each class, such as (1 - p, p)"
        )
        raise ModelError(
            f"{spec.name} gives one score per pixel, and its outputs {probe.finding}; {advice}"
        )
    return replace(
        spec,
        probabilities=probe.probabilities,
        overruled=probe.probabilities,
        probed=probe.finding,
    )


def sums_to_one(values: NDArray[Any], axis: int) -> bool:
    """Tell whether scores lie in 0 to 1 and sum to 1 over the classes, which lie along ``axis``."""
    inside = values.min() >= -_TOLERANCE and values.max() <= 1 + _TOLERANCE
    return bool(inside and (np.abs(values.sum(axis=axis) - 1) <= _TOLERANCE).all())


def probe_outputs(
    score: Callable[[NDArray[np.float32]], NDArray[Any]],
    shape: tuple[int, int, int],
    integers: str | None = None,
) -> Probe:
    """Find out from noise whether a network gives probabilities.

    It depends on the network alone, never on an image, so that every run finds the same. Scores of
    pixels in 0 to 1 that are probabilities and sum to 1 are probabilities. Others must stay in 0 to
    1 whatever the pixels are, which sigmoids do.

    Args:
        score: turns a tile ``(1, height, width, bands)`` into scores ``(1, height, width,
            channels)``; a tile at which it raises ``ModelError`` is left out.
        shape: height, width and bands of a tile.
        integers: integer type of the network's input; None for float.

    Raises:
        ModelError: the network fails on every tile.
    """
    random = np.random.default_rng(0)
    full = (1, *shape)
    if integers:
        most = min(np.iinfo(integers).max, 255)
        plain = [random.integers(0, most, full, endpoint=True), np.zeros(full)]
        extreme = [np.full(full, most), most * random.integers(0, 2, full)]
    else:
        plain = [random.random(full), np.zeros(full), np.ones(full)]
        extreme = [random.normal(0, scale, full) for scale in _EXTREMES]
    usual = _scores(score, plain)
    channels = usual.shape[1]
    if 2 * len(usual) < shape[0] * shape[1]:
        return Probe(False, "are not finite for noise, which tells nothing")
    everything = np.concatenate([usual, _scores(score, extreme, usual[:1])])
    low, high = float(everything.min()), float(everything.max())
    within = low >= -_TOLERANCE and high <= 1 + _TOLERANCE
    if channels == 1:
        if (usual == np.rint(usual)).all() and high > low:
            return Probe(False, "are whole numbers, as class ids are", ids=True)
    elif sums_to_one(usual, 1):
        return Probe(True, "lie in 0 to 1 and sum to 1")
    if within and high - low > 0.05:
        return Probe(True, "lie in 0 to 1 whatever the pixels are")
    return Probe(False, f"reach from {low:.3g} to {high:.3g} for noise")


def _scores(
    score: Callable[[NDArray[np.float32]], NDArray[Any]],
    tiles: Sequence[NDArray[Any]],
    known: NDArray[Any] | None = None,
) -> NDArray[np.float64]:
    """Return the finite score vectors ``(pixels, channels)`` of those tiles that can be scored."""
    vectors, failed = [] if known is None else [known], None
    for tile in tiles:
        try:
            scores = np.asarray(score(tile.astype(np.float32)), np.float64)
        except ModelError as error:
            failed = error
        else:
            vectors.append(scores.reshape(-1, scores.shape[-1]))
    if failed and not vectors:
        raise failed
    found = np.concatenate(vectors)
    finite: NDArray[np.float64] = found[np.isfinite(found).all(axis=1)]
    return finite
