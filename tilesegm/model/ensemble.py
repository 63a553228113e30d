"""Several networks as one: all of them score the same tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilesegm.classes import default_classes
from tilesegm.errors import ModelError
from tilesegm.grid.resolution import SAME, Resolution
from tilesegm.model.base import ModelSpec, Predictor

__all__ = ["EnsemblePredictor", "join_specs"]


class EnsemblePredictor:
    """Lets several networks score each batch, one after the other.

    The scores stay those of each network: they are blended on their own and averaged where they
    are decided. So what each contributes is to the last bit what it gives alone.

    Args:
        predictors: the networks.
        names: what they are called, all different.

    Raises:
        ModelError: they do not fit each other; see `join_specs`.
    """

    def __init__(self, predictors: Sequence[Predictor], names: Sequence[str]) -> None:
        specs = [predictor.spec for predictor in predictors]
        self._predictors = tuple(predictors)
        self._orders = [one.order for one in _join_classes(_renamed(specs, names))]
        self._spec = join_specs(specs, names)

    @property
    def spec(self) -> ModelSpec:
        """What is known about the networks together."""
        return self._spec

    def __call__(self, tiles: NDArray[Any]) -> NDArray[np.float32]:
        """Score a batch; see `Predictor`."""
        spec, fills = self._spec, self._spec.fills
        count, height, width, _ = tiles.shape[-4:]
        size = len(spec.classes)
        scores = np.empty((count, len(spec.members) * size, height, width), np.float32)
        parts = zip(self._predictors, spec.members, self._orders, strict=True)
        for number, (predictor, member, order) in enumerate(parts):
            own = tiles[fills.index(member.fill)] if len(fills) > 1 else tiles
            try:
                planes = predictor(own)
            except ModelError as error:
                if member.name in str(error):
                    raise
                raise ModelError(f"{member.name}: {error}") from error
            place = slice(number * size, (number + 1) * size)
            scores[:, place] = planes if order is None else planes[:, order]
        return scores


def join_specs(specs: Sequence[ModelSpec], names: Sequence[str]) -> ModelSpec:
    """Describe several networks as one ensemble, whose members are these in the same order.

    Tiles suit all of them: they start at multiples of all strides, and the largest halo is kept.
    Classes are those of the first network that names them; others that have the same names in
    another order are taken by name.

    Args:
        specs: of the networks.
        names: what they are called, all different.

    Raises:
        ModelError: numbers or names of classes, numbers of bands, or sizes of tiles differ.
    """
    joined = _join_classes(_renamed(specs, names))
    members = tuple(one.spec for one in joined)
    stride = math.lcm(*(spec.stride for spec in members))
    multiple = math.lcm(*(spec.multiple for spec in members))
    size = len(members[0].classes)
    resolution, scales = _resolution(members)
    return ModelSpec(
        name=" + ".join(names),
        bands=_bands(members),
        classes=members[0].classes,
        stride=stride,
        radius=_largest([spec.radius for spec in members]),
        halo=_largest([spec.radius if spec.halo is None else spec.halo for spec in members]),
        inexact=_reasons(members),
        probabilities=True,
        tile=_tile(members),
        multiple=multiple,
        fill=members[0].fill,
        # They work one after the other, and what they gave is kept until all have.
        bytes_per_pixel=max(spec.bytes_per_pixel for spec in members) + 4 * size * len(members),
        identity=tuple(
            (f"{key} of model {number}", value)
            for number, one in enumerate(joined, 1)
            for key, value in one.identity
        ),
        members=members,
        resolution=resolution,
        notes=(*(one.note for one in joined if one.note), *_same(members), *scales),
    )


@dataclass(frozen=True)
class _Joined:
    """A network with the classes of the ensemble."""

    spec: ModelSpec
    order: list[int] | None = None
    """Its own numbers of the classes, in the order of the ensemble; None where they are equal."""
    note: str = ""

    @property
    def identity(self) -> list[tuple[str, str]]:
        """What scores depend on, and what they mean, which the weights do not tell."""
        kind = "probabilities" if self.spec.probabilities else "logits"
        order = [("order", " ".join(map(str, self.order)))] if self.order else []
        return [*self.spec.identity, ("outputs", kind), *order]


def _renamed(specs: Sequence[ModelSpec], names: Sequence[str]) -> list[ModelSpec]:
    return [replace(spec, name=name) for spec, name in zip(specs, names, strict=True)]


def _join_classes(specs: list[ModelSpec]) -> list[_Joined]:
    """Give all networks the classes of the first one that names them.

    Raises:
        ModelError: they have others.
    """
    leader = next((spec for spec in specs if not _unnamed(spec)), specs[0])
    return [_with_classes(spec, leader) for spec in specs]


def _with_classes(spec: ModelSpec, leader: ModelSpec) -> _Joined:
    own, wanted = ([info.name for info in one.classes] for one in (spec, leader))
    if own == wanted:
        return _Joined(replace(spec, classes=leader.classes))
    if len(own) == len(wanted) and _unnamed(spec):
        note = (
            f"{spec.name} does not name its classes: they are taken for those of {leader.name} in "
            f"the same order, {', '.join(wanted)}"
        )
        return _Joined(replace(spec, classes=leader.classes), note=note)
    if sorted(own) != sorted(wanted) or len({*own}) < len(own):
        raise ModelError(
            f"{leader.name} has {len(wanted)} classes ({', '.join(wanted)}) and {spec.name} has "
            f"{len(own)} ({', '.join(own)}); average models of the same classes"
        )
    order = [own.index(name) for name in wanted]
    point = spec.operating_point
    if point is not None:
        point = replace(point, offsets=tuple(point.offsets[number] for number in order))
    note = (
        f"{spec.name} has its classes in another order ({', '.join(own)}) than {leader.name} "
        f"({', '.join(wanted)}): they are taken by name"
    )
    return _Joined(replace(spec, classes=leader.classes, operating_point=point), order, note)


def _same(members: Sequence[ModelSpec]) -> list[str]:
    """Say which networks are one, as far as their weights are known."""
    known: dict[Any, list[str]] = {}
    for spec in members:
        # Of functions the code is known, and not what it reads.
        if spec.identity and "code" not in dict(spec.identity):
            known.setdefault(spec.identity, []).append(spec.name)
    return [
        f"{' and '.join(names)} are the same network, which counts {len(names)} times"
        for names in known.values()
        if len(names) > 1
    ]


def _unnamed(spec: ModelSpec) -> bool:
    return spec.classes == default_classes(len(spec.classes))


def _bands(members: Sequence[ModelSpec]) -> int | None:
    known = [spec for spec in members if spec.bands is not None]
    for spec in known:
        if spec.bands != known[0].bands:
            raise ModelError(
                f"{known[0].name} expects {known[0].bands} bands and {spec.name} expects "
                f"{spec.bands}; average models of the same bands"
            )
    return known[0].bands if known else None


def _tile(members: Sequence[ModelSpec]) -> tuple[int, int] | None:
    """Return the only size of tiles that all take, if any takes one only."""
    fixed = [spec for spec in members if spec.tile]
    if not fixed:
        return None
    first = fixed[0]
    assert first.tile is not None
    height, width = first.tile
    for spec in fixed:
        if spec.tile and spec.tile != first.tile:
            raise ModelError(
                f"{first.name} takes tiles of {height} x {width} pixels only and {spec.name} of "
                f"{spec.tile[0]} x {spec.tile[1]}; average models that take the same tiles"
            )
    for spec in members:
        own = math.lcm(spec.stride, spec.multiple)
        if height % own or width % own:
            raise ModelError(
                f"{first.name} takes tiles of {height} x {width} pixels only and {spec.name} those "
                f"whose sides are multiples of {own}; average models that take the same tiles"
            )
    return first.tile


def _resolution(members: Sequence[ModelSpec]) -> tuple[Resolution | None, tuple[str, ...]]:
    """Return the size of pixels that all learnt which tell one, and what is to be said of it."""
    known = [(spec.name, spec.resolution) for spec in members if spec.resolution is not None]
    if not known:
        return None, ()
    first = known[0][1]
    if not any(size.differs(first, SAME) for _, size in known):
        return first, ()
    told = ", ".join(f"{name} from {size}" for name, size in known)
    return None, (
        f"the models learnt from pixels of different sizes ({told}): the image is read as it is, "
        "unless --resolution gives a size",
    )


def _largest(distances: Sequence[int | None]) -> int | None:
    known = [distance for distance in distances if distance is not None]
    return max(known) if len(known) == len(distances) else None


def _reasons(members: Sequence[ModelSpec]) -> tuple[str, ...]:
    """Return why tiles cannot be exact, with the network where it is not that of all."""
    reasons = dict.fromkeys(why for spec in members for why in spec.inexact)
    return tuple(
        why
        if all(why in spec.inexact for spec in members)
        else f"{why} ({', '.join(spec.name for spec in members if why in spec.inexact)})"
        for why in reasons
    )
