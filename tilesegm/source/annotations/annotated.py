"""What a file of an annotation tool holds: shapes with a label and an object, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Annotated", "AnnotationFile", "Builder", "Image"]

_UNREADABLE = "shapes that cannot be read left out"
_OTHER_KIND = "shapes of kind {} left out"
_MOST_KINDS = 20
"""Kinds that are told apart in notes; a file may hold any text as a kind."""


@dataclass(frozen=True)
class Image:
    """An image as an annotation file names it."""

    name: str
    """Name or path; empty where the file does not say."""
    height: int | None = None
    width: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays have no truth value
class Annotated:
    """The shapes of one image, in its pixels: x counts columns and y rows, from the corner."""

    image: Image
    numbers: NDArray[np.int64]
    """``(n,)`` their numbers in the file, from 0."""
    shapes: NDArray[Any]
    """``(n,)`` shapely polygons, multipolygons, lines and points; they may be invalid."""
    labels: tuple[str | None, ...]
    objects: NDArray[np.int64]
    """``(n,)`` number of the object that a shape belongs to, from 1; 0 for crowds of many."""
    findings: Mapping[str, frozenset[int]]
    """Numbers of shapes by what was done to them."""


@dataclass(frozen=True, eq=False)
class AnnotationFile:
    """All images of a file."""

    tool: str
    """Format as people call it, such as ``COCO``."""
    images: tuple[Annotated, ...]
    findings: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Numbers of shapes of no image by what was done to them."""
    labels: tuple[str, ...] = ()
    """Labels that the file lists, whether a shape has them or not; none where it lists none."""

    @property
    def several(self) -> bool:
        """Whether the format holds many images, so that each is found by its name."""
        return self.tool != "LabelMe"


@dataclass
class Builder:
    """Collects the shapes of one image, and leaves out what no shape can be made of."""

    image: Image
    start: int = 0
    """Number of the first shape in the file."""
    _count: int = 0
    _kept: list[tuple[int, Any, str | None, int]] = field(default_factory=list)
    _objects: dict[Any, int] = field(default_factory=dict)
    _findings: dict[str, set[int]] = field(default_factory=dict)

    def add(
        self,
        label: str | None,
        make: Callable[[], Any],
        *,
        group: Any = None,
        crowd: bool = False,
    ) -> None:
        """Add a shape.

        Args:
            label: name of its class; None where it has none.
            make: returns the shape; what it raises about numbers or types is counted.
            group: shapes of one object have the same; each is its own object without it.
            crowd: whether it holds many objects.
        """
        from shapely.errors import ShapelyError

        number = self._next()
        try:
            shape = make()
        except (ArithmeticError, LookupError, ShapelyError, TypeError, ValueError):
            self._note(_UNREADABLE, number)
            return
        key = ("own", number) if group is None else ("group", group)
        one = 0 if crowd else self._objects.setdefault(key, len(self._objects) + 1)
        self._kept.append((number, shape, label, one))

    def skip(self, kind: object) -> None:
        """Leave a shape out because its kind is not known."""
        known = sum(text.startswith("shapes of kind") for text in self._findings)
        self.leave_out(_OTHER_KIND.format(repr(kind)[:40] if known < _MOST_KINDS else "others"))

    def leave_out(self, text: str) -> None:
        """Leave a shape out, and say why."""
        self._note(text, self._next())

    def note(self, text: str) -> None:
        """Say what was done to the shape that was added last."""
        self._note(text, self.start + self._count - 1)

    @property
    def stop(self) -> int:
        """Number behind that of the last shape."""
        return self.start + self._count

    def finish(self) -> Annotated:
        """Return what was collected."""
        shapes = np.empty(len(self._kept), object)
        shapes[:] = [shape for _, shape, _, _ in self._kept]
        return Annotated(
            image=self.image,
            numbers=np.array([number for number, *_ in self._kept], np.int64),
            shapes=shapes,
            labels=tuple(label for _, _, label, _ in self._kept),
            objects=np.array([one for *_, one in self._kept], np.int64),
            findings={text: frozenset(numbers) for text, numbers in self._findings.items()},
        )

    def _next(self) -> int:
        self._count += 1
        return self.start + self._count - 1

    def _note(self, text: str, number: int) -> None:
        self._findings.setdefault(text, set()).add(number)
