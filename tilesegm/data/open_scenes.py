"""Opens scenes of files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from tilesegm.data.find import SceneFiles
from tilesegm.data.instances import InstanceLabels, Instances
from tilesegm.data.labels.base import Labels
from tilesegm.data.labels.classes import class_ids, class_infos
from tilesegm.data.labels.open import open_labels
from tilesegm.data.scene import OpenScene, SceneEntry
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import INSTANCES, BorderWeightSettings, DataSettings
from tilesegm.source.area import open_area
from tilesegm.source.identity import Identity
from tilesegm.source.open import open_source

__all__ = ["open_scenes"]


def open_scenes(
    files: Sequence[SceneFiles], settings: DataSettings, border: BorderWeightSettings | None = None
) -> Scenes:
    """Open scenes of files, each once, so that what does not fit is refused before work starts.

    Args:
        files: of the scenes, as `tilesegm.data.find.find_scenes` returns them.
        settings: how they are read.
        border: weights of the borders between objects, for scenes that have instances.

    Raises:
        SourceError: a file cannot be read, labels do not fit their image, or images differ in
            their bands.
        SettingsError: settings contradict the files.
    """
    entries = [
        SceneEntry(each.name, each.group, each.role, partial(_open, each, settings, border))
        for each in files
    ]
    return Scenes(entries, class_infos(settings.labels), border)


def _open(
    files: SceneFiles, settings: DataSettings, border: BorderWeightSettings | None
) -> OpenScene:
    """Open the files of a scene; with ``border`` objects that touch are drawn apart."""
    with ExitStack() as opened:
        image = open_source(
            files.image,
            bands=settings.bands,
            nodata=settings.nodata,
            unscale=bool(settings.unscale),
        )
        opened.callback(image.close)
        instances = None
        drawn = files.labels == INSTANCES
        if files.instances is not None:
            instances = Instances(
                files.instances, image.info, separate=border is not None and drawn
            )
            opened.callback(instances.close)
        labels: Labels
        if drawn and instances is not None:
            labels = InstanceLabels(instances, settings.labels, image.info)
        else:
            labels = open_labels(files.labels, settings.labels, image.info)
        opened.callback(labels.close)
        area = None if files.area is None else open_area(files.area, image.info)
        opened.pop_all()
    meaning = _label_identity(settings, border)
    return OpenScene(
        image=image, labels=labels, label_identity=meaning, area=area, instances=instances
    )


def _label_identity(settings: DataSettings, border: BorderWeightSettings | None) -> Identity:
    """Return what decides class ids and weights beside the files, colours and names left out."""
    labels = settings.labels
    decisive = (
        sorted((str(value), number) for value, number in class_ids(labels).items()),
        labels.unknown,
        labels.attribute,
        labels.layer,
        labels.all_touched,
        labels.background,
        border,
        *(() if labels.nodata is None else (labels.nodata,)),
    )
    return (("labels mean", repr(decisive)),)
