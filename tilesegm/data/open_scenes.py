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
from tilesegm.data.labels.roles import LabelPart, RoleLabels
from tilesegm.data.scene import BY_PLACE, OpenScene, SceneEntry
from tilesegm.data.scenes import Scenes
from tilesegm.data.settings import INSTANCES, BorderWeightSettings, DataSettings
from tilesegm.data.weight_map import WeightMap
from tilesegm.errors import SettingsError
from tilesegm.grid.resolution import Resolution
from tilesegm.source.area import open_area
from tilesegm.source.base import ImageInfo, Source
from tilesegm.source.identity import Identity
from tilesegm.source.image import ImageSource
from tilesegm.source.open import open_source
from tilesegm.source.scaled import read_at

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
        SceneEntry(
            each.name,
            each.group,
            BY_PLACE if each.others else each.role,
            partial(_open, each, settings, border),
            # Of an image with several roles, the labels that are learnt from say it.
            next((part.weight for part in each.by_role if part.role == "train"), each.weight),
        )
        for each in files
    ]
    return Scenes(entries, class_infos(settings.labels), border)


def _open(
    files: SceneFiles, settings: DataSettings, border: BorderWeightSettings | None
) -> OpenScene:
    """Open the files of a scene."""
    with ExitStack() as opened:
        image = _open_image(files, settings)
        opened.callback(image.close)
        parts = []
        for each in files.by_role:
            parts.append(_open_part(each, settings, border, image.info))
            opened.callback(parts[-1].close)
        opened.pop_all()
    first = parts[0]
    meaning = _label_identity(settings, border)
    if len(parts) == 1:
        return OpenScene(
            image=image,
            labels=first.labels,
            label_identity=meaning,
            area=first.area,
            instances=first.instances,
            weights=first.weights,
        )
    # Borders have weights where they are learnt from.
    instances = next((part.instances for part in parts if part.role == "train"), None)
    return OpenScene(
        image=image, labels=RoleLabels(parts), label_identity=meaning, instances=instances
    )


def _open_image(files: SceneFiles, settings: DataSettings) -> Source:
    """Open the image of a scene, at the resolution that settings ask for."""

    def open_level(level: int) -> Source:
        return open_source(
            files.image,
            bands=settings.bands,
            nodata=settings.nodata,
            level=level,
            at=settings.at,
            unscale=bool(settings.unscale),
        )

    image = open_level(0)
    if settings.resolution is None:
        return image
    try:
        if isinstance(image, ImageSource) and image.palette is not None:
            raise SettingsError(
                f"{image.info.uri} has a table of colours, so its values are ids that have no "
                "averages; leave data.resolution out, or turn it to colours with gdal_translate "
                "-expand rgb"
            )
        return read_at(image, Resolution.parse(settings.resolution), open_level)[0]
    except BaseException:
        image.close()
        raise


def _open_part(
    files: SceneFiles, settings: DataSettings, border: BorderWeightSettings | None, info: ImageInfo
) -> LabelPart:
    """Open what belongs to labels; with ``border`` objects that touch are drawn apart."""
    with ExitStack() as opened:
        instances = weights = None
        drawn = files.labels == INSTANCES
        if files.instances is not None:
            buffer = settings.labels.buffer
            apart = border is not None and drawn
            instances = Instances(files.instances, info, separate=apart, buffer=buffer)
            opened.callback(instances.close)
        labels: Labels
        if drawn and instances is not None:
            labels = InstanceLabels(instances, settings.labels, info)
        else:
            labels = open_labels(files.labels, settings.labels, info)
        opened.callback(labels.close)
        area = None if files.area is None else open_area(files.area, info)
        if files.weights is not None:
            weights = WeightMap(files.weights, info)
            opened.callback(weights.close)
        opened.pop_all()
    return LabelPart(files.role or "", labels, area, instances, weights)


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
        *(() if labels.buffer is None else (("buffer", labels.buffer),)),
        *(() if labels.snap is None else (("snap", labels.snap),)),
    )
    return (("labels mean", repr(decisive)),)
