"""Making splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tilesegm.data.scene import BY_PLACE, SceneInfo
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import SplitSettings
from tilesegm.data.split.assign import balance
from tilesegm.data.split.file import load_split
from tilesegm.data.split.learnable import class_counts
from tilesegm.data.split.notes import find_notes
from tilesegm.data.split.pieces import ROLES, Piece, SplitScene, count_labels, cut_blocks
from tilesegm.data.split.roles import check_roles, role_notes
from tilesegm.data.split.split import Split
from tilesegm.data.statistics.values import SceneStatistics
from tilesegm.errors import SettingsError
from tilesegm.grid.window import Window

__all__ = ["make_split"]

Part = list[tuple[SceneInfo, Window]]
"""What stays together: windows of scenes."""


def make_split(
    scenes: Scenes, statistics: Sequence[SceneStatistics], settings: SplitSettings, buffer: int
) -> Split:
    """Split scenes as the settings say; the same settings give the same split.

    Parts (blocks, images, groups) are dealt to folds such that each fold has about the same part
    of every class and of all labelled pixels, see `balance`. Runs of neighbouring images and
    random tiles are dealt by number alone.

    Args:
        scenes: images with labels.
        statistics: as measured, one per scene.
        settings: strategy, number of folds, or a file with a split.
        buffer: pixels around hidden ones that are not learnt from, where the settings leave that
            open: the receptive field's radius of the network.

    Raises:
        SettingsError: there are fewer parts than folds, nothing would be left to learn from, or
            the file is no split of these scenes.
    """
    if settings.file is not None:
        split = load_split(settings.file, scenes)
        split.views(settings.fold)  # refuses a fold that the file does not have
        return split
    if settings.strategy == "random":
        buffer = 0
    elif settings.buffer is not None:
        buffer = settings.buffer
    places = {
        info.name: scenes.role_places(number)
        for number, info in enumerate(scenes.infos)
        if info.role == BY_PLACE
    }
    free = [info for info in scenes.infos if info.role is None]
    parts = _parts(free, settings)
    folds = _deal(parts, statistics, settings) if parts else np.zeros(0, np.intp)
    pieces = [
        Piece(info.name, Window(0, 0, info.height, info.width), ROLES[info.role])
        for info in scenes.infos
        if info.role in ROLES
    ]
    pieces += [
        Piece(info.name, window, ROLES[role])
        for info in scenes.infos
        if info.name in places
        for role, window in places[info.name].rectangles(info.height, info.width)
    ]
    pieces += [
        Piece(info.name, window, int(fold))
        for part, fold in zip(parts, folds, strict=True)
        for info, window in part
    ]
    place = {info.name: number for number, info in enumerate(scenes.infos)}
    split = Split(
        strategy=settings.strategy,
        folds=settings.folds,
        buffer=buffer,
        seed=settings.seed,
        scenes=tuple(
            SplitScene(info.name, info.height, info.width, info.image) for info in scenes.infos
        ),
        pieces=tuple(sorted(pieces, key=lambda piece: place[piece.scene])),
    )
    for name, found in places.items():
        check_roles(split, name, found, statistics)
    _check_left(split, statistics, settings)
    notes = (
        *(note for name, found in places.items() for note in role_notes(split, name, found)),
        *find_notes(split, statistics, scenes.classes),
    )
    return replace(split, notes=notes)


def _parts(infos: Sequence[SceneInfo], settings: SplitSettings) -> list[Part]:
    """Cut scenes into what is dealt to folds."""
    whole = [(info, Window(0, 0, info.height, info.width)) for info in infos]
    if settings.strategy in ("image", "range"):
        return [[part] for part in whole]
    if settings.strategy == "group":
        groups: dict[str, Part] = {}
        for info, window in whole:
            groups.setdefault(info.group, []).append((info, window))
        return list(groups.values())
    return [
        [(info, window)]
        for info in infos
        for window in cut_blocks(info.height, info.width, settings.block)
    ]


def _deal(
    parts: Sequence[Part], statistics: Sequence[SceneStatistics], settings: SplitSettings
) -> NDArray[np.intp]:
    """Number the fold of each part."""
    by_name = {scene.name: scene for scene in statistics}
    counts = np.array(
        [
            np.sum([count_labels(by_name[info.name], window) for info, window in part], axis=0)
            for part in parts
        ],
        np.float64,
    )
    labelled = int((counts.sum(axis=1) > 0).sum())
    if labelled < settings.folds:
        raise SettingsError(_too_few(len(parts), labelled, settings))
    random = np.random.default_rng(settings.seed)
    in_turn = np.arange(len(parts)) * settings.folds // len(parts)
    if settings.strategy == "range":
        return in_turn
    if settings.strategy == "random":
        return random.permutation(in_turn)
    counts = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    return balance(counts / np.maximum(counts.sum(axis=0), 1.0), settings.folds, random)


def _too_few(parts: int, labelled: int, settings: SplitSettings) -> str:
    if not labelled:
        return (
            "no pixel to split has a class; check that the values in labels.classes are those "
            "that the labels hold, and that labels lie on pixels of the images that are not missing"
        )
    strategy, folds = settings.strategy, settings.folds
    kind, remedy = {
        "blocks": (f"blocks of {settings.block} pixels", "smaller blocks"),
        "random": (f"tiles of {settings.block} pixels", "smaller tiles"),
        "image": ("images without a role", "strategy 'blocks'"),
        "group": ("groups without a role", "strategy 'image' or 'blocks'"),
        "range": ("images without a role", "strategy 'blocks'"),
    }[strategy]
    return (
        f"strategy {strategy!r} has {labelled} parts with labels and folds is {folds}: there are "
        f"{parts} {kind}, {labelled} of them labelled; take {remedy} or fewer folds"
    )


def _check_left(
    split: Split, statistics: Sequence[SceneStatistics], settings: SplitSettings
) -> None:
    """Refuse a split that leaves nothing to learn from."""
    if not class_counts(statistics, split.views(settings.fold)).any():
        dealt = any(piece.fold >= 0 for piece in split.pieces)
        cut = f" (blocks are {settings.block} pixels)" if dealt else ""
        larger = "larger blocks, " if dealt else ""
        raise SettingsError(
            f"fold {settings.fold} held out with a buffer of {split.buffer} pixels leaves no "
            f"labelled pixel to learn from{cut}; take {larger}a smaller buffer (split.buffer, or "
            "model.depth for a network that sees less far), or label more"
        )
