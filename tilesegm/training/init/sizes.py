"""Checks that images have the sizes that they were annotated with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tilesegm.errors import SettingsError
from tilesegm.source.annotations.matching import check_size, listed_image
from tilesegm.source.annotations.opened import open_annotations
from tilesegm.source.open import open_source
from tilesegm.source.vector.address import VectorAddress, is_vector
from tilesegm.training.init.gather import listed
from tilesegm.training.init.pairing import Scene

__all__ = ["check_annotated_sizes"]


def check_annotated_sizes(scenes: Sequence[Scene]) -> None:
    """Refuse images of another size than their annotations say, all in one line.

    Raises:
        SettingsError: there are such images.
    """
    problems, checked = [], 0
    for scene in scenes:
        if not is_vector(scene.labels):
            continue
        address = VectorAddress.parse(scene.labels)
        file = open_annotations(Path(address.path))
        found = None if file is None else listed_image(file, scene.image[0])
        if found is None or found.image.height is None:
            continue
        checked += 1
        with open_source(scene.image[0]) as source:
            problem = check_size(found, source.info.height, source.info.width, address.scale)
        problems += [f"{Path(scene.image[0]).name}: {problem}"] if problem else []
    if problems:
        raise SettingsError(
            f"{len(problems)} of {checked} images have another size than they were annotated with "
            f"({listed(problems)}); give the images that were annotated, or where all of them were "
            "scaled alike, patterns with a scale: --labels '{name}.json|scale=2'"
        )
