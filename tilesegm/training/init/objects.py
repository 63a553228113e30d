"""Counts the pixels of objects that have a mask each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tilesegm.data.instances import Instances
from tilesegm.source.open import open_source
from tilesegm.training.init.label_survey import LabelSurvey

__all__ = ["survey_objects"]


def survey_objects(scenes: Sequence[tuple[str, str]]) -> LabelSurvey:
    """Count pixels of background (0) and of objects (1).

    Args:
        scenes: image, and folder of its masks, each.

    Raises:
        SourceError: a file cannot be read, or a mask does not fit its image.
    """
    objects = pixels = 0
    for image, folder in scenes:
        with open_source(image) as source:
            info = source.info
        masks = Instances(f"{folder}/*", info, separate=False)
        objects += int(np.count_nonzero(masks.read(info.window)))
        pixels += info.pixels
    return LabelSurvey("ids", {0: pixels - objects, 1: objects}, {})
