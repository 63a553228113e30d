"""The held-out part of a training run's split, as windows of the maps that are evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tilesegm.counted import counted
from tilesegm.data.file_names import image_name
from tilesegm.data.split import Split, load_split
from tilesegm.errors import SettingsError
from tilesegm.evaluation.inputs import MapPair
from tilesegm.evaluation.pairing import FolderPairs, stem_of
from tilesegm.source.open import open_source

__all__ = ["take_held_out"]


def take_held_out(
    pairs: Sequence[MapPair], path: str | Path, fold: int = 0, *, test: bool = False
) -> FolderPairs:
    """Keep the pixels of maps that a training run held out.

    A map belongs to the scene of the same size whose image, or else whose name, is called as the
    map's image is, or to the only scene of the split.

    Args:
        pairs: maps with their truth.
        path: ``split.json`` of the run.
        fold: that was held out.
        test: whether the test pixels are kept in place of those of the fold.

    Returns:
        The maps with a pixel that was held out, and a note on the others.

    Raises:
        SettingsError: the file is no split, has no such fold, or has no scene of a map; or nothing
            was held out.
    """
    split = load_split(path)
    kept, without = [], []
    for pair in pairs:
        view = split.view(_scene_of(pair, split, path), fold)
        windows = view.test if test else view.held_out
        if windows:
            kept.append(replace(pair, windows=windows))
        else:
            without.append(Path(str(pair.prediction)).name)
    part = "test pixel" if test else f"pixel that fold {fold} holds out"
    if not kept:
        raise SettingsError(
            f"{path}: no map has a {part}; choose another fold (--fold, of 0 to {split.folds - 1})"
            + ("" if test else " or --test")
        )
    pixels = sum(window.pixels for pair in kept for window in pair.windows or ())
    by = "are test pixels" if test else f"are held out by fold {fold}"
    notes = [f"{path}: {pixels:,} pixels of {len(kept)} maps {by} and count"]
    if without:
        notes.append(
            f"{len(without)} maps without a {part} are left out: {', '.join(without[:5])}"
            + (" ..." if len(without) > 5 else "")
        )
    return FolderPairs(tuple(kept), tuple(notes))


def _scene_of(pair: MapPair, split: Split, path: str | Path) -> str:
    """Return the name of the scene that a map shows."""
    with open_source(pair.prediction) as source:
        uri, height, width = source.info.uri, source.info.height, source.info.width
    image = image_name(stem_of(Path(uri).name))
    alike = [scene for scene in split.scenes if (scene.height, scene.width) == (height, width)]
    named = [s for s in alike if image_name(s.name.rpartition("/")[2]) == image]
    exact = [s for s in alike if s.name in (image, image.replace("_", "/"))] or named
    of_image = [s for s in alike if s.image and image_name(s.image) == image]
    if len(of_image) == 1 or not exact:  # a name may be a mere part of the image's, such as 3
        exact = of_image
    if len(split.scenes) == 1 and alike:
        exact = alike
    if len(exact) != 1:
        names = ", ".join(scene.name for scene in (exact or split.scenes)[:5])
        raise SettingsError(
            f"{uri} ({height} x {width}, of image {image!r}) fits "
            + (counted(len(exact), "scene") if exact else "no scene")
            + f" of {path}, which has {names}{' ...' if len(split.scenes) > 5 else ''}; name maps "
            "as the scenes, and give maps of whole images"
        )
    return exact[0].name
