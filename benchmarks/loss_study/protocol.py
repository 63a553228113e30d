"""What is held fixed over all runs, and what differs: the loss alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tilesegm.data.settings import (
    AugmentationSettings,
    ClassSettings,
    DataSettings,
    LabelSettings,
    SamplingSettings,
    SceneSettings,
)
from tilesegm.networks.settings import ModelSettings
from tilesegm.training.settings.config import (
    DeviceSettings,
    LossSettings,
    OptimizerSettings,
    ScheduleSettings,
    TrainingConfig,
    ValidationSettings,
)

__all__ = ["DATASETS", "LOSSES", "SEEDS", "Dataset", "cases", "make_config"]

SEEDS = (0, 1, 2)
EPOCHS, STEPS, BATCH, SIZE = 10, 40, 4, 96


@dataclass(frozen=True)
class Dataset:
    """Images with a role each, and what is measured on them."""

    data: DataSettings
    """Training images learn, validation images choose the threshold, test images are scored."""
    thin: int | None = None
    """Class of thin structures, whose centre lines are compared."""
    stretch: bool = False
    """Whether brightness is told within each image: for images of several microscopes, of which
    some show nuclei in a hundredth of the range of others."""

    @property
    def binary(self) -> bool:
        """Whether class 1 is told from class 0 by a threshold."""
        return len(self.data.labels.classes) == 2


_EYE = "drive/{half}/images/{{eye:{eyes}}}_{half}.tif"
_VESSELS = "drive/{half}/1st_manual/{{eye}}_manual1.gif"
_FIELD = "drive/{half}/mask/{{eye}}_{half}_mask.gif"
_PART = "dubai/tile_{tile}/images/image_part_{{part:{parts}}}.jpg"
_COLOURS = "dubai/tile_{tile}/masks/image_part_{{part}}.png"


def _eyes(half: str, eyes: str, role: Any) -> SceneSettings:
    names = {"half": half, "eyes": eyes}
    image, labels, area = (text.format(**names) for text in (_EYE, _VESSELS, _FIELD))
    return SceneSettings(image, labels, area=area, role=role)


def _slices(slices: str, role: Any) -> SceneSettings:
    image = f"isbi2012/image/{{slice:{slices}}}.png"
    return SceneSettings(image, "isbi2012/label/{slice}.png", role=role)


def _nuclei(ids: str, role: Any) -> SceneSettings:
    folder = f"dsb2018/{{id:{ids}}}"
    return SceneSettings(
        f"{folder}/images/{{id}}.png", "instances", instances="dsb2018/{id}/masks/*.png", role=role
    )


def _parts(tile: str, parts: str, role: Any) -> SceneSettings:
    names = {"tile": tile, "parts": parts}
    return SceneSettings(_PART.format(**names), _COLOURS.format(**names), role=role)


DATASETS = {
    # The official halves. Eyes 37 to 40 choose thresholds.
    "drive": Dataset(
        DataSettings(
            (
                _eyes("training", "2?", "train"),
                _eyes("training", "3[0-6]", "train"),
                _eyes("training", "3[7-9]", "validation"),
                _eyes("training", "40", "validation"),
                _eyes("test", "*", "test"),
            ),
            LabelSettings((ClassSettings("background", 0), ClassSettings("vessel", 255))),
        ),
        thin=1,
    ),
    # Neighbouring slices are alike: two are left out on each side of those that choose thresholds.
    "isbi2012": Dataset(
        DataSettings(
            (
                _slices("[0-9]", "train"),
                _slices("1[0-4]", "train"),
                _slices("1[7-9]", "validation"),
                _slices("2[2-9]", "test"),
            ),
            LabelSettings((ClassSettings("cell", 255), ClassSettings("membrane", 0))),
        ),
        thin=1,
    ),
    # By the first letter of the image's hash, which is as good as drawing lots.
    "dsb2018": Dataset(
        DataSettings(
            (
                _nuclei("[0-7]*", "train"),
                _nuclei("[89a]*", "validation"),
                _nuclei("[b-f]*", "test"),
            ),
            LabelSettings((ClassSettings("background", 0), ClassSettings("nucleus", 1))),
        ),
        stretch=True,
    ),
    # Whole places: no pixel of the test lies near one that was learnt from.
    "dubai": Dataset(
        DataSettings(
            (
                *(_parts(tile, "*", "train") for tile in "1345"),
                _parts("2", "*", "validation"),
                _parts("7", "*", "test"),
            ),
            LabelSettings(
                (
                    ClassSettings("building", "#3C1098"),
                    ClassSettings("land", "#8429F6"),
                    ClassSettings("road", "#6EC1E4"),
                    ClassSettings("vegetation", "#FEDD3A"),
                    ClassSettings("water", "#E2A929"),
                ),
                ignore=("#9B9B9B", "#000000", "#FFFFFF"),
            ),
        ),
    ),
}

_CE, _DICE = {"name": "cross_entropy"}, {"name": "dice"}
_BORDER, _PYRAMID = {"name": "border_weighted"}, {"name": "pyramid"}
_BORDER_PYRAMID = LossSettings((_BORDER, _PYRAMID))
_HAND_OVER = {
    "name": "scheduled",
    "schedules": [
        {"name": "constant", "weight": 1.0},
        {"name": "constant", "weight": 1.0},
        {"name": "linear", "start": 0.0, "end": 1.0, "epochs": EPOCHS - 1},
    ],
}

LOSSES = {
    "ce": LossSettings((_CE,)),
    "weighted_ce": LossSettings((_CE,), class_weights="median"),
    "focal": LossSettings(({"name": "focal"},)),
    "dice": LossSettings((_DICE,)),
    "dice_ce": LossSettings(({"name": "dice_ce"},)),
    "dice_topk": LossSettings(({"name": "dice_topk"},)),
    "tversky": LossSettings(({"name": "tversky"},)),
    "focal_tversky": LossSettings(({"name": "focal_tversky"},)),
    "lovasz_ce": LossSettings((_CE, {"name": "lovasz"})),
    "border_ce": LossSettings((_BORDER,)),
    "dice_ce_boundary": LossSettings(
        (_CE, _DICE, {"name": "boundary", "radius": 16.0}), weighting=_HAND_OVER
    ),
    "dice_ce_cldice": LossSettings((_CE, _DICE, {"name": "cldice", "factor": 0.5})),
    "dice_ce_skeleton": LossSettings((_CE, _DICE, {"name": "skeleton_recall"})),
    "pyramid_ce": LossSettings((_CE, _PYRAMID)),
    "deep_ce": LossSettings((_CE,)),
    "border_pyramid": _BORDER_PYRAMID,
    "border_pyramid_uncertainty": replace(_BORDER_PYRAMID, weighting={"name": "uncertainty"}),
    "border_pyramid_softadapt": replace(_BORDER_PYRAMID, weighting={"name": "softadapt"}),
    "border_pyramid_dwa": replace(_BORDER_PYRAMID, weighting={"name": "dwa"}),
    "border_pyramid_random": replace(_BORDER_PYRAMID, weighting={"name": "random"}),
}
"""Losses under the names that tables give them; arguments are the library's own where none is."""

_FOR_THIN = ("dice_ce_cldice", "dice_ce_skeleton")


def cases(dataset: str) -> list[str]:
    """Return the losses that are tried on a data set: those of centre lines need thin things."""
    return [loss for loss in LOSSES if DATASETS[dataset].thin or loss not in _FOR_THIN]


def make_config(dataset: str, loss: str, seed: int, output: Path) -> TrainingConfig:
    """Return the settings of a run."""
    return TrainingConfig(
        DATASETS[dataset].data,
        output=str(output),
        sampling=SamplingSettings(balanced=0.5),
        augmentation=AugmentationSettings(scale=0.2, exposure=0.2, gamma=0.2),
        model=ModelSettings(
            filters=8, depth=3, upsampling="transpose", deep_supervision=loss == "deep_ce"
        ),
        loss=LOSSES[loss],
        optimizer=OptimizerSettings(learning_rate=4e-3),
        schedule=ScheduleSettings(epochs=EPOCHS, steps=STEPS, batch=BATCH, size=SIZE),
        # One look, at the end: every run keeps its last weights.
        validation=ValidationSettings(every=EPOCHS, megapixels=0.1),
        device=DeviceSettings(readers=1),
        seed=seed,
    )
