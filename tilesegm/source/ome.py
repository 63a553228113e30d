"""What is read of OME-Zarr metadata (NGFF 0.4 and 0.5), checked at one place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

from annotated_types import Len

from tilesegm.errors import SourceError

__all__ = ["OmeAxis", "OmeImage", "OmeLevel", "OmeStep", "check_path", "read_image", "read_names"]


@dataclass(frozen=True)
class OmeAxis:
    """An axis of the arrays."""

    name: Annotated[str, Len(1, 100)]
    unit: str | None = None


@dataclass(frozen=True)
class OmeStep:
    """A transformation of coordinates."""

    type: str | None = None
    scale: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class OmeLevel:
    """One resolution."""

    path: Annotated[str, Len(0, 1000)]
    coordinateTransformations: list[OmeStep] | None = None  # noqa: N815


@dataclass(frozen=True)
class OmeImage:
    """An image of several resolutions."""

    axes: list[OmeAxis]
    datasets: Annotated[list[OmeLevel], Len(1)]
    coordinateTransformations: list[OmeStep] | None = None  # noqa: N815
    version: str | float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(axis.name for axis in self.axes)


@dataclass(frozen=True)
class _Channel:
    label: str | int | float | None = None


@dataclass(frozen=True)
class _Omero:
    channels: list[_Channel] = field(default_factory=list)


@dataclass(frozen=True)
class _Node:
    path: str | int


def read_image(uri: str, ome: Any) -> tuple[OmeImage, tuple[str, ...]]:
    """Return the first image of OME metadata, and the names of its channels.

    Raises:
        SourceError: a value that is needed is missing, of another type, or leads out of the store.
    """
    image: OmeImage = _checked(uri, "multiscales", OmeImage, ome["multiscales"])[0]
    for level in image.datasets:
        check_path(uri, level.path)
    omero: _Omero = _checked(uri, "omero", _Omero, [ome.get("omero") or {}])[0]
    channels = (
        f"band {number}" if channel.label is None else str(channel.label)
        for number, channel in enumerate(omero.channels, 1)
    )
    return image, tuple(channels)


def read_names(uri: str, key: str, listed: Any) -> list[str]:
    """Return the paths that wells, fields or series of OME metadata list.

    Args:
        uri: what the store is called in the error.
        key: that holds the list.
        listed: its value: texts, or objects with a ``path``.

    Raises:
        SourceError: it is no such list, or a path leads out of the store.
    """
    entries = [{"path": one} if isinstance(one, str | int) else one for one in _list(listed)]
    nodes: list[_Node] = _checked(uri, key, _Node, entries)
    for node in nodes:
        check_path(uri, str(node.path))
    return [str(node.path) for node in nodes]


def check_path(uri: str, path: str) -> None:
    """Refuse the path of an array that does not lie in the store.

    Raises:
        SourceError: it is absolute, climbs up, or is a URL.
    """
    if (
        not path.strip("/")
        or path.startswith("/")
        or {"..", "."} & {*path.split("/")}
        or any(mark in path for mark in ("\\", "://", "\0"))
    ):
        raise SourceError(
            f"{uri}: OME-Zarr metadata name the path {path!r:.80}; expected one below"
        )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _checked(uri: str, key: str, kind: Any, value: Any) -> Any:
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(json.dumps(value))
    except (ValidationError, RecursionError) as error:
        where, why = key, "nested too deep"
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_input=False)[0]
            where, why = ".".join(map(str, (key, *first["loc"]))), first["msg"]
        raise SourceError(
            f"{uri}: OME-Zarr metadata garble {where} ({why}); pass one of its arrays by its path"
        ) from None


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(strict=True, allow_inf_nan=False)
    return TypeAdapter(list[kind], config=config)
