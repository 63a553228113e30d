"""Settings that change nothing in the situation of a run: one row of a table for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tilesegm.data.settings import INSTANCES, SceneSettings
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.keys import key_at

__all__ = ["Situation", "without_effect"]

_BALANCING = ("softadapt", "dwa", "random", "gls", "gradnorm")
"""Rules that weigh terms against each other, and leave a single one as it is."""
_CHANGING = ("later", "scheduled", "softadapt", "dwa", "random", "gradnorm")
"""Rules whose factors are others from epoch to epoch."""
_HELD_OUT = ("validation", "test")
_ENCODER_STAGES = tuple(f"encoder{number}" for number in range(1, 6))


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Facts about a run that decide whether a setting has an effect."""

    config: TrainingConfig
    classes_learnt: int
    """Classes of the pixels that are learnt from."""
    held_out: bool
    """Whether any pixel is."""
    vector_scenes: int
    """Scenes whose labels are vector files."""
    terms: int
    """Terms of the loss, those of a compound loss counted one by one."""
    smoothed_terms: int
    """Cross-entropy terms without a label smoothing of their own."""
    negative_bands: tuple[str, ...]
    """Names of bands with values below 0."""
    backend: str
    """Backend of Keras."""
    roles_by_place: bool = False
    """Whether an image has labels of several roles."""

    @property
    def all_roles(self) -> bool:
        """Whether every scene has a role, and no file another one."""
        scenes = self.config.data.scenes
        return self.config.split.file is None and all(scene.role for scene in scenes)

    @property
    def scenes(self) -> int:
        """Entries of ``data.scenes``."""
        return len(self.config.data.scenes)

    @property
    def learnt_scenes(self) -> tuple[SceneSettings, ...]:
        """Entries of ``data.scenes`` that are not held out by their role."""
        return tuple(x for x in self.config.data.scenes if x.role not in _HELD_OUT)

    @property
    def follows_validation(self) -> bool:
        """Whether class weights follow held-out scores."""
        adaptive = self.config.loss.adaptive_classes
        return adaptive is not None and adaptive.follow == "validation"

    @property
    def later(self) -> bool:
        """Whether some terms come later."""
        return str((self.config.loss.weighting or {}).get("name")).lower() == "later"

    @property
    def weights_change(self) -> bool:
        """Whether a loss is weighed otherwise from epoch to epoch."""
        loss = self.config.loss
        name = str((loss.weighting or {}).get("name")).lower()
        return bool(name in _CHANGING or loss.adaptive_classes or loss.hard_pixels)

    @property
    def whole_scenes(self) -> bool:
        """Whether the split deals whole scenes."""
        return self.config.split.strategy in ("image", "group", "range")


@dataclass(frozen=True)
class _Row:
    """Keys without effect when a condition holds."""

    keys: tuple[str, ...]
    when: Callable[[Situation], bool]
    why: str
    verb: str = "no effect"


_ALL_OF_SPLIT = tuple(f"split.{name}" for name in ("strategy", "folds", "block", "buffer", "seed"))
_COLOURS = ("exposure", "tint", "gamma")
_TABLE = (
    _Row(
        (*_ALL_OF_SPLIT, "split.fold"),
        lambda s: s.all_roles and not s.roles_by_place,
        "every scene has a role, which says what is held out; take the roles away to split",
    ),
    _Row(
        ("split.strategy", "split.folds", "split.block", "split.seed", "split.fold"),
        lambda s: s.all_roles,
        "every scene has a role, which says what is held out; take the roles away to split",
    ),
    _Row(
        ("data.scenes.role",),
        lambda s: s.config.split.file is not None and not s.roles_by_place,
        "split.file says what is held out; leave it out to make a new split",
    ),
    _Row(
        (*_ALL_OF_SPLIT, "data.scenes.group"),
        lambda s: s.config.split.file is not None,
        "split.file says what is held out; leave it out to make a new split",
    ),
    _Row(
        ("split.block",),
        lambda s: s.whole_scenes,
        "the strategy deals whole images; blocks and random alone cut them",
    ),
    _Row(
        ("split.buffer",),
        lambda s: (s.whole_scenes and not s.roles_by_place) or s.config.split.strategy == "random",
        "a buffer lies around held-out blocks alone, so it needs split.strategy blocks",
    ),
    _Row(
        ("split.seed",),
        lambda s: s.config.split.strategy == "range",
        "runs of neighbours are dealt by their order",
    ),
    _Row(
        ("data.scenes.group",),
        lambda s: s.config.split.strategy != "group" and s.config.split.file is None,
        "it needs split.strategy group to keep a group together",
    ),
    _Row(
        ("data.scenes.instances",),
        lambda s: (
            s.config.loss.border_weights is None
            and all(x.labels != INSTANCES for x in s.config.data.scenes)
        ),
        "objects are for loss.border_weights, or for `labels: instances`",
    ),
    _Row(
        ("data.scenes.weights",),
        lambda s: all(x.role in _HELD_OUT for x in s.config.data.scenes if x.weights),
        "no scene that has them is learnt from; pixels of weight 0 are not scored, and others are "
        "scored alike",
        "an effect on scores alone",
    ),
    _Row(
        ("data.scenes.weights",),
        lambda s: any(x.weights is None for x in s.learnt_scenes),
        "every pixel of scenes without them counts 1",
        "an effect on some scenes alone",
    ),
    _Row(
        ("data.scenes.weight",),
        lambda s: len({x.weight or 1 for x in s.learnt_scenes}) < 2,
        "it says how often a scene is drawn for training beside others, and all that are learnt "
        "from have the same",
    ),
    _Row(
        ("data.scenes.weight",),
        lambda s: any(x.weight and x.role in _HELD_OUT for x in s.config.data.scenes),
        "no window of validation and test scenes is drawn for training",
        "an effect on some scenes alone",
    ),
    _Row(
        tuple(f"data.labels.{key}" for key in ("attribute", "layer", "all_touched", "background")),
        lambda s: not s.vector_scenes,
        "it is for vector files, and all labels are rasters",
    ),
    _Row(
        ("loss.border_weights",),
        lambda s: all(x.instances is None for x in s.config.data.scenes),
        "no scene has instances; give data.scenes the objects, such as instances: masks/*.png",
    ),
    _Row(
        ("loss.border_weights",),
        lambda s: 0 < sum(x.instances is None for x in s.config.data.scenes) < s.scenes,
        "scenes without instances are trained without border weights",
        "an effect on some scenes alone",
    ),
    _Row(
        ("loss.class_weights", "sampling.balanced", "sampling.border", "augmentation.copy_paste"),
        lambda s: s.classes_learnt < 2,
        "the pixels that are learnt from show a single class",
    ),
    _Row(
        ("loss.adaptive_classes", "loss.hard_pixels"),
        lambda s: s.classes_learnt < 2,
        "the pixels that are learnt from show a single class",
    ),
    _Row(
        ("loss.adaptive_classes",),
        lambda s: s.follows_validation and not s.held_out,
        "no pixel is held out, and it follows the validation; hold some out, or pass follow: "
        "training",
    ),
    _Row(
        ("loss.adaptive_classes",),
        lambda s: s.follows_validation and s.config.validation.every >= s.config.schedule.epochs,
        "it follows the validation, and the only one comes after the last epoch; lower "
        "validation.every",
    ),
    _Row(
        ("loss.adaptive_classes",),
        lambda s: s.follows_validation,
        "held-out scores steer what is learnt, so they are a little too good; judge by scenes of "
        "the role test, or pass follow: training",
        "an effect on validation too",
    ),
    _Row(
        ("loss.weighting",),
        lambda s: s.later and s.config.schedule.epochs < 2,
        "schedule.epochs is 1, so the later terms count from the beginning",
    ),
    _Row(
        ("validation.metric",),
        lambda s: s.config.validation.metric == "loss" and s.weights_change,
        "the loss of two epochs cannot be compared while weights change; choose the best network "
        "by mean_iou",
        "another effect than its name says",
    ),
    _Row(
        ("loss.label_smoothing",),
        lambda s: not s.smoothed_terms,
        "no term of the loss is a cross-entropy without a label_smoothing of its own",
    ),
    _Row(
        ("loss.weighting",),
        lambda s: s.terms < 2 and (s.config.loss.weighting or {}).get("name") in _BALANCING,
        "the rule weighs terms against each other, and loss.terms is a single one",
    ),
    _Row(
        ("sampling.hard",),
        lambda s: s.config.schedule.epochs == 1,
        "hard places are known after the first epoch, and schedule.epochs is 1",
    ),
    _Row(
        ("augmentation.elastic_grain",),
        lambda s: not s.config.augmentation.elastic,
        "augmentation.elastic is 0",
    ),
    _Row(
        tuple(f"augmentation.{name}" for name in _COLOURS),
        lambda s: bool(s.negative_bands),
        "it imitates light, where 0 is black, and {bands} below 0; brightness, contrast and noise "
        "suit heights, decibels and differences",
        "another effect than its name says",
    ),
    _Row(
        ("schedule.patience",),
        lambda s: (s.config.schedule.patience or 0) >= s.config.schedule.epochs,
        "it is not smaller than schedule.epochs, so training never stops early",
    ),
    _Row(
        ("validation.every", "validation.tile", "validation.overlap", "validation.megapixels"),
        lambda s: not s.held_out,
        "no pixel is held out",
    ),
    _Row(
        ("device.xla",),
        lambda s: s.backend == "jax",
        "JAX always compiles",
    ),
    _Row(
        ("model.encoder.weights",),
        lambda s: (
            s.config.model.encoder is not None and s.config.model.encoder.name.endswith(".keras")
        ),
        "the file of a Keras model brings its own",
    ),
    _Row(
        ("model.encoder.learning_rate",),
        lambda s: _untouched(s, _ENCODER_STAGES, with_rates=True),
        "every stage of the encoder is frozen or has a rate of its own",
    ),
    _Row(
        ("model.encoder.stage_rates",),
        lambda s: _untouched(s, tuple(_encoder(s).stage_rates)),
        "the stages that it names are frozen",
    ),
)


def without_effect(situation: Situation) -> Iterator[str]:
    """Say in one line each which settings change nothing, why, and what would let them.

    Keys that have their default are not spoken of: nobody asked for them.

    Args:
        situation: of the run.
    """
    told: set[str] = set()
    for row in _TABLE:
        keys = [k for k in row.keys if k not in told and _is_given(situation.config, k)]
        if keys and row.when(situation):
            told.update(keys)
            names = ", ".join(situation.negative_bands[:3])
            why = row.why.format(bands=f"{names} {'go' if ',' in names else 'goes'}")
            yield f"{' and '.join(keys)} {'have' if len(keys) > 1 else 'has'} {row.verb}: {why}"


def _is_given(config: TrainingConfig, key: str) -> bool:
    """Tell whether a key has another value than its default."""
    path = key.split(".")
    if path[:2] == ["data", "scenes"]:
        return any(getattr(scene, path[2]) is not None for scene in config.data.scenes)
    value: Any = config
    for name in path:
        value = getattr(value, name)
        if value is None:
            return False
    default = key_at(tuple(path))
    return default is not None and value != default.default


def _encoder(situation: Situation) -> Any:
    return situation.config.model.encoder


def _untouched(situation: Situation, stages: tuple[str, ...], with_rates: bool = False) -> bool:
    """Tell whether all these stages of an encoder are frozen, or have rates of their own."""
    encoder = _encoder(situation)
    rates = encoder.stage_rates if with_rates else {}
    return "encoder" in encoder.frozen or all(s in encoder.frozen or s in rates for s in stages)
