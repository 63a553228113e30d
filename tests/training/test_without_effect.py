"""Settings that change nothing in a situation say so, and no setting does in an ordinary one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tilesegm.data.settings import (
    AugmentationSettings,
    BorderWeightSettings,
    ClassSettings,
    DataSettings,
    LabelSettings,
    SamplingSettings,
    SceneSettings,
    SplitSettings,
)
from tilesegm.errors import SettingsError
from tilesegm.networks.settings import EncoderSettings, ModelSettings
from tilesegm.training.objective import make_loss
from tilesegm.training.settings.config import (
    DeviceSettings,
    LossSettings,
    ScheduleSettings,
    TrainingConfig,
    ValidationSettings,
)
from tilesegm.training.settings.strategies import AdaptiveClassSettings, HardPixelSettings
from tilesegm.training.settings.without_effect import Situation, without_effect

LABELS = LabelSettings((ClassSettings("land", 0), ClassSettings("water", 1)))

FOLLOW = AdaptiveClassSettings("validation")


def situation(facts: dict[str, Any] | None = None, **sections: Any) -> Situation:
    """Return an ordinary run but for some sections and facts."""
    data = dict(sections.pop("data", {}))
    labels = replace(LABELS, **data.pop("labels", {}))
    scenes = data.pop("scenes", [{}])
    each = tuple(SceneSettings(**({"image": "a.tif", "labels": "b.tif"} | s)) for s in scenes)
    config = TrainingConfig(data=DataSettings(scenes=each, labels=labels, **data), **sections)
    ordinary: dict[str, Any] = {
        "classes_learnt": 2,
        "held_out": True,
        "vector_scenes": 0,
        "terms": 2,
        "smoothed_terms": 1,
        "negative_bands": (),
        "backend": "tensorflow",
    }
    return Situation(config=config, **(ordinary | (facts or {})))


ROLES = {"scenes": [{"role": "train"}, {"image": "c.tif", "role": "validation"}]}
SPLIT_FILE = "run/split.json"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            situation(data=ROLES, split=SplitSettings(strategy="group")),
            r"^split.strategy has no effect: every scene has a role",
        ),
        (
            situation(data=ROLES, split=SplitSettings(folds=3, block=256, fold=1)),
            "^split.folds and split.block and split.fold have no effect: every scene has a role",
        ),
        (situation(split=SplitSettings(file=SPLIT_FILE, block=64)), "split.block .* split.file"),
        (
            situation(data=ROLES, split=SplitSettings(file=SPLIT_FILE)),
            "data.scenes.role has no effect: split.file says",
        ),
        (
            situation(split=SplitSettings(strategy="image", block=64)),
            "split.block has no effect: the strategy deals whole images",
        ),
        (
            situation(split=SplitSettings(strategy="range", buffer=9)),
            "split.buffer has no effect: .* needs split.strategy blocks",
        ),
        (situation(split=SplitSettings(strategy="random", buffer=9)), "split.buffer has no effect"),
        (situation(split=SplitSettings(strategy="range", seed=4)), "split.seed .* by their order"),
        (
            situation(data={"scenes": [{"group": "site"}]}),
            "data.scenes.group has no effect: it needs split.strategy group",
        ),
        (
            situation(data={"scenes": [{"instances": "c.tif"}]}),
            "data.scenes.instances has no effect: objects are for loss.border_weights",
        ),
        *(
            (situation(data={"labels": {name: value}}), f"data.labels.{name} has no effect: .* are")
            for name, value in (
                ("attribute", "kind"),
                ("layer", "fields"),
                ("all_touched", True),
                ("background", "land"),
            )
        ),
        (
            situation(loss=LossSettings(border_weights=BorderWeightSettings())),
            "loss.border_weights has no effect: no scene has instances",
        ),
        (
            situation(
                loss=LossSettings(border_weights=BorderWeightSettings()),
                data={"scenes": [{"instances": "c.tif"}, {"image": "d.tif"}]},
            ),
            "loss.border_weights has an effect on some scenes alone",
        ),
        (
            situation(data={"scenes": [{"weights": "w.tif", "role": "test"}, {"image": "c.tif"}]}),
            "data.scenes.weights has an effect on scores alone: no scene that has them",
        ),
        (
            situation(data={"scenes": [{"weights": "w.tif"}, {"image": "c.tif"}]}),
            "data.scenes.weights has an effect on some scenes alone: .* counts? 1",
        ),
        (
            situation(data={"scenes": [{"weight": 2.0}, {"image": "c.tif", "weight": 2.0}]}),
            "data.scenes.weight has no effect: .* have the same",
        ),
        (
            situation(
                data={
                    "scenes": [
                        {"weight": 2.0},
                        {"image": "c.tif"},
                        {"image": "d.tif", "role": "test", "weight": 2.0},
                    ]
                }
            ),
            "data.scenes.weight has an effect on some scenes alone: no window of validation",
        ),
        (
            situation({"classes_learnt": 1}, loss=LossSettings(class_weights="inverse")),
            "loss.class_weights has no effect: .* a single class",
        ),
        (
            situation({"classes_learnt": 1}, sampling=SamplingSettings(balanced=0.7)),
            "sampling.balanced has no effect: .* a single class",
        ),
        (
            situation({"smoothed_terms": 0}, loss=LossSettings(label_smoothing=0.1)),
            "loss.label_smoothing has no effect: no term of the loss is a cross-entropy",
        ),
        (
            situation({"terms": 1}, loss=LossSettings(weighting={"name": "dwa"})),
            "loss.weighting has no effect: .* loss.terms is a single one",
        ),
        (
            situation({"classes_learnt": 1}, loss=LossSettings(hard_pixels=HardPixelSettings())),
            "loss.hard_pixels has no effect: .* a single class",
        ),
        (
            situation({"held_out": False}, loss=LossSettings(adaptive_classes=FOLLOW)),
            "loss.adaptive_classes has no effect: no pixel is held out, and it follows",
        ),
        (
            situation(
                loss=LossSettings(adaptive_classes=FOLLOW),
                schedule=ScheduleSettings(epochs=4),
                validation=ValidationSettings(every=4),
            ),
            "loss.adaptive_classes has no effect: .* the only one comes after the last epoch",
        ),
        (
            situation(loss=LossSettings(adaptive_classes=FOLLOW)),
            "loss.adaptive_classes has an effect on validation too: held-out scores steer",
        ),
        (
            situation(
                loss=LossSettings(weighting={"name": "later"}), schedule=ScheduleSettings(epochs=1)
            ),
            "loss.weighting has no effect: schedule.epochs is 1",
        ),
        (
            situation(
                loss=LossSettings(hard_pixels=HardPixelSettings()),
                validation=ValidationSettings(metric="loss"),
            ),
            "validation.metric has another effect than its name says: .* cannot be compared",
        ),
        (
            situation(sampling=SamplingSettings(hard=0.2), schedule=ScheduleSettings(epochs=1)),
            "sampling.hard has no effect: .* schedule.epochs is 1",
        ),
        (
            situation(augmentation=AugmentationSettings(elastic_grain=64)),
            "augmentation.elastic_grain has no effect: augmentation.elastic is 0",
        ),
        (
            situation({"negative_bands": ("VV",)}, augmentation=AugmentationSettings(exposure=0.3)),
            "augmentation.exposure has another effect than its name says: .* VV goes below 0",
        ),
        (
            situation({"negative_bands": ("VV", "VH")}, augmentation=AugmentationSettings(tint=1)),
            "augmentation.tint has another effect .* VV, VH go below 0",
        ),
        (situation(schedule=ScheduleSettings(epochs=5, patience=5)), "schedule.patience .* early"),
        (
            situation({"held_out": False}, validation=ValidationSettings(every=2, tile=128)),
            "validation.every and validation.tile have no effect: no pixel is held out",
        ),
        (situation({"backend": "jax"}, device=DeviceSettings(xla=False)), "device.xla .* always"),
        (
            situation(model=ModelSettings(encoder=EncoderSettings("own.keras", weights="w.h5"))),
            "model.encoder.weights has no effect: the file of a Keras model brings its own",
        ),
        (
            situation(
                model=ModelSettings(
                    encoder=EncoderSettings("resnet50", frozen=("encoder",), learning_rate=0.1)
                )
            ),
            "model.encoder.learning_rate has no effect: every stage",
        ),
        (
            situation(
                model=ModelSettings(
                    encoder=EncoderSettings(
                        "resnet50", frozen=("encoder1",), stage_rates={"encoder1": 0.1}
                    )
                )
            ),
            "model.encoder.stage_rates has no effect: the stages that it names are frozen",
        ),
    ],
)
def test_a_setting_without_effect_says_so(given: Situation, words: str) -> None:
    (told,) = without_effect(given)
    assert re.search(words, told), told


@pytest.mark.parametrize(
    "given",
    [
        situation(),
        situation(data=ROLES),
        situation(data={"scenes": [{"role": "test"}, {}]}, split=SplitSettings(folds=3, block=64)),
        situation(split=SplitSettings(file=SPLIT_FILE, fold=1)),
        situation(
            split=SplitSettings(strategy="group", folds=3, seed=1),
            data={"scenes": [{"group": "site"}]},
        ),
        situation(
            data={"scenes": [{"instances": "c.tif"}]},
            loss=LossSettings(border_weights=BorderWeightSettings(), class_weights="median"),
        ),
        situation(data={"scenes": [{"labels": "instances", "instances": "c.tif"}]}),
        situation(
            {"vector_scenes": 1}, data={"labels": {"attribute": "kind", "all_touched": True}}
        ),
        situation(loss=LossSettings(label_smoothing=0.1, weighting={"name": "dwa"})),
        situation({"terms": 1}, loss=LossSettings(weighting={"name": "uncertainty"})),
        situation(
            augmentation=AugmentationSettings(elastic=5, elastic_grain=64, exposure=0.3, tint=0.1),
            sampling=SamplingSettings(hard=0.2, balanced=0.2),
            schedule=ScheduleSettings(patience=5),
            validation=ValidationSettings(every=2, tile=128),
            device=DeviceSettings(xla=False),
        ),
        situation(
            model=ModelSettings(
                encoder=EncoderSettings(
                    "resnet50",
                    frozen=("encoder1",),
                    learning_rate=0.1,
                    stage_rates={"encoder2": 0.1},
                )
            )
        ),
    ],
)
def test_nothing_is_told_in_an_ordinary_situation(given: Situation) -> None:
    assert list(without_effect(given)) == []


@pytest.mark.parametrize("argument", ["from_logits", "ignore"])
def test_losses_of_a_run_leave_to_it_what_it_knows(argument: str) -> None:
    term = {"name": "dice", argument: False}
    with pytest.raises(SettingsError, match=f"dice has {argument}=False, and .*; leave it out"):
        make_loss(LossSettings(terms=(term,)))
