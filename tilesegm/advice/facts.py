"""Facts about the labels of training pixels, by which losses are chosen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ClassFacts", "Facts"]


@dataclass(frozen=True, kw_only=True)
class ClassFacts:
    """Facts about one class."""

    name: str
    pixels: int
    """Labelled training pixels that were looked at."""
    share: float
    """Of all labelled ones."""
    empty: float
    """Fraction of windows of the training size without it."""
    objects: int
    """Objects, or connected parts where none are known; one that a window cuts counts in each."""
    diameter: float | None
    """Median diameter in pixels of a disc of the same area, over objects that no edge cuts."""
    near: float | None
    """Fraction of objects with another one at most a pixel apart."""
    width: float | None
    """Mean width in pixels."""
    length: float | None
    """Pixels of centre line for each object; None where the class is too wide for centre lines."""
    tortuosity: float | None
    """Length of branches of the centre lines over the distance of their ends."""

    @property
    def thinness(self) -> float:
        """How many times as long as wide its objects are; 0 where it has no centre lines."""
        if self.length is None or not self.width:
            return 0.0
        return self.length / self.width


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts about training pixels; no held-out pixel is among them."""

    scenes: int
    """With training pixels."""
    window: int
    """Side of a training window in pixels."""
    pixels: int
    """Labelled training pixels that were looked at."""
    looked_at: float
    """Fraction of the training windows that were looked at."""
    border: float
    """Fraction of labelled pixels beside a pixel of another class."""
    instances: bool
    """Whether objects are known one by one."""
    moving: float | None
    """Mean distance in pixels between the borders of neighbouring scenes; None where unknown."""
    agreement: float | None
    """Cohen's kappa of neighbouring scenes; None without any of one size."""
    classes: tuple[ClassFacts, ...]

    @property
    def present(self) -> tuple[ClassFacts, ...]:
        """Classes that occur in training pixels."""
        return tuple(each for each in self.classes if each.pixels)

    @property
    def structures(self) -> tuple[ClassFacts, ...]:
        """Classes that occur, but for the most frequent one, which is what surrounds them."""
        return tuple(sorted(self.present, key=lambda each: -each.pixels)[1:])

    @property
    def thinnest(self) -> ClassFacts | None:
        """The structure that is longest for its width."""
        return max(self.structures, key=lambda each: each.thinness, default=None)

    @property
    def rarest(self) -> ClassFacts | None:
        """The class with the fewest pixels."""
        return min(self.present, key=lambda each: each.pixels, default=None)
