"""Axes beside rows, columns and bands, such as depth and time: of each, one step is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tilesegm.errors import SourceError

__all__ = ["At", "Step", "at_text", "axis_word", "choose_steps"]

At = tuple[tuple[str, int], ...]
"""Names of axes, and the index of the step to read of each, counted from 0."""

_WORDS = {"z": "depth", "t": "time"}


@dataclass(frozen=True)
class Step:
    """What is read of an axis beside rows, columns and bands."""

    axis: str
    """Name of the axis, as the image gives it."""
    index: int
    """The step that is read, counted from 0."""
    count: int
    """Steps that there are."""


def axis_word(name: str) -> str:
    """Return one name for an axis that is called ``z``, ``Z`` or ``depth``."""
    return _WORDS.get(name.lower(), name.lower())


def at_text(at: At) -> str:
    """Write steps as they are given: ``z=3,t=0``."""
    return ",".join(f"{name}={index}" for name, index in at)


def choose_steps(
    uri: str, axes: Sequence[tuple[str, int]], at: At
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Choose the step of each further axis, and say what is left out without having been asked.

    Args:
        uri: what the image is called in errors.
        axes: name and number of steps of each axis beside rows, columns and bands.
        at: steps that were asked for; the first of all other axes is read.

    Returns:
        A step for each of the axes, and notes.

    Raises:
        SourceError: an axis or a step was asked for that the image lacks.
    """
    wanted = {axis_word(name): index for name, index in at}
    counts = {axis_word(name): count for name, count in axes}
    for name, index in at:
        count = counts.get(axis_word(name))
        if count is None:
            there = ", ".join(f"{axis} ({n} steps)" for axis, n in axes)
            which = f"which are {there}" if there else "of which it has none; leave it out"
            raise SourceError(
                f"{uri}: {name}={index} was asked for, but {name} is none of the axes beside rows, "
                f"columns and bands, {which}"
            )
        if index >= count:
            raise SourceError(
                f"{uri}: {name}={index} was asked for, but the image has {count} "
                f"step{'s' if count > 1 else ''} along {name}; choose from 0 to {count - 1}"
            )
    steps = tuple(Step(name, wanted.get(axis_word(name), 0), count) for name, count in axes)
    notes = tuple(
        f"the first of {step.count} steps along {step.axis} is read and {step.count - 1} left out; "
        f"--at {step.axis}=1 reads the second"
        for step in steps
        if step.count > 1 and axis_word(step.axis) not in wanted
    )
    return steps, notes
