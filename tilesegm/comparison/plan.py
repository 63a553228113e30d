"""The runs of a comparison, before any of them begins."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilesegm.checks import in_range
from tilesegm.comparison.dropping import rungs_of
from tilesegm.comparison.measures import Measure, rank_measures
from tilesegm.comparison.variants import Variant
from tilesegm.errors import SettingsError
from tilesegm.metrics.measures import Measures
from tilesegm.training.checked_config import load_checked_config, load_trusted_config
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.settings_file import load_config, plain_config

__all__ = ["RANK_BY", "ComparisonOptions", "Plan", "Trial", "make_plan"]

RANK_BY = "mean_iou+boundary_iou"
"""What runs are ranked by unless somebody says: regions and borders alike."""


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """How settings are compared.

    Raises:
        SettingsError: a value is out of range.
    """

    seeds: int = 3
    """Runs of each value and fold, which differ in first weights and windows."""
    folds: str | None = None
    """``all``, or numbers such as ``0,1``; that of the settings when not given."""
    steps: int | None = None
    """Updates of a run; those of the settings when not given."""
    rank_by: str = RANK_BY
    """Measures by name, joined by ``+``."""
    drop: bool = True
    """Whether the worst stop early."""
    thin: tuple[int, ...] = ()
    """Ids of classes of thin structures, for clDice."""
    objects: tuple[int, ...] = ()
    """Ids of classes whose connected parts are objects."""

    def __post_init__(self) -> None:
        in_range("seeds", self.seeds, 1, what="a number of runs")
        in_range("steps", self.steps, 1, what="updates of a run")
        for measure in rank_measures(self.rank_by):
            if measure.needs and not getattr(self, measure.needs):
                raise SettingsError(
                    f"--rank-by {self.rank_by}: {measure.name} is counted of the classes that "
                    f"--{measure.needs} names; give their ids, such as --{measure.needs} 1"
                )


@dataclass(frozen=True)
class Trial:
    """One run: a variant with a seed, trained on everything but a fold."""

    variant: str
    seed: int
    fold: int

    @property
    def words(self) -> str:
        """As it is called in messages."""
        return f"{self.variant}, seed {self.seed}, fold {self.fold}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All runs of a comparison."""

    variants: tuple[Variant, ...]
    """The first is the one that others are compared with."""
    configs: dict[str, TrainingConfig]
    """Settings by name of the variant, without seed, fold and output."""
    trials: tuple[Trial, ...]
    seeds: tuple[int, ...]
    folds: tuple[int, ...]
    rungs: tuple[int, ...]
    """Epochs after which all runs are looked at; the last is that of the end."""
    options: ComparisonOptions
    folder: Path
    path: Path
    """File of settings."""
    changes: tuple[str, ...]
    """``key.path=value`` each, of all runs."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of variants."""
        return tuple(variant.name for variant in self.variants)

    @property
    def epochs(self) -> int:
        """Epochs of a run."""
        return self.rungs[-1]

    @property
    def steps(self) -> int:
        """Updates of a run."""
        return self.epochs * self.configs[self.names[0]].schedule.steps

    @property
    def ranked_by(self) -> tuple[Measure, ...]:
        """Measures whose mean ranks."""
        return rank_measures(self.options.rank_by)

    def name_of(self, trial: Trial) -> str:
        """Name the files of a run."""
        return f"{self.names.index(trial.variant):02d}-s{trial.seed}-f{trial.fold}"

    def config_of(self, trial: Trial) -> TrainingConfig:
        """Return the settings of a run, as `tilesegm train` takes them."""
        config = self.configs[trial.variant]
        return dataclasses.replace(
            config,
            seed=trial.seed,
            split=dataclasses.replace(config.split, fold=trial.fold),
            output=str(self.folder / "runs" / self.name_of(trial)),
        )

    def facts(self) -> dict[str, Any]:
        """Return all that decides the numbers of a comparison, as JSON holds it."""
        said = {
            "variants": {
                variant.name: plain_config(
                    dataclasses.replace(self.configs[variant.name], output="")
                )
                for variant in self.variants
            },
            "seeds": self.seeds,
            "folds": self.folds,
            "options": dataclasses.asdict(self.options),
        }
        facts: dict[str, Any] = json.loads(json.dumps(said))
        return facts


def make_plan(
    path: str | Path,
    variants: Sequence[Variant],
    options: ComparisonOptions,
    folder: Path,
    changes: Sequence[str] = (),
) -> Plan:
    """Read and check the settings of all runs.

    Args:
        path: file of settings.
        variants: what differs.
        options: how they are compared.
        folder: of all files of the comparison.
        changes: ``key.path=value`` each, for all runs.

    Raises:
        SettingsError: settings cannot be used, or seeds, folds and steps do not fit them.
    """
    base = load_config(path, changes)
    configs = {}
    for variant in variants:  # first what is quick to tell of all
        _load(load_trusted_config, path, changes, variant)
    for variant in variants:
        config = _load(load_checked_config, path, changes, variant)
        schedule = _schedule(config, options.steps)
        configs[variant.name] = dataclasses.replace(config, schedule=schedule)
    measures = Measures(thin=options.thin, objects=options.objects)
    measures.check_classes(len(base.data.labels.classes))
    folds = _folds(base, options.folds)
    seeds = tuple(range(base.seed, base.seed + options.seeds))
    epochs = configs[variants[0].name].schedule.epochs
    return Plan(
        variants=tuple(variants),
        configs=configs,
        # Seed by seed, so that what is finished first can be compared already.
        trials=tuple(
            Trial(variant.name, seed, fold)
            for seed in seeds
            for fold in folds
            for variant in variants
        ),
        seeds=seeds,
        folds=folds,
        rungs=rungs_of(epochs, len(variants)) if options.drop else (epochs,),
        options=options,
        folder=folder.absolute(),
        path=Path(path).absolute(),
        changes=tuple(changes),
    )


def _load(
    load: Callable[[str | Path, Sequence[str]], TrainingConfig],
    path: str | Path,
    changes: Sequence[str],
    variant: Variant,
) -> TrainingConfig:
    """Read the settings of a variant, whose mistakes are told by its name."""
    try:
        return load(path, [*changes, *variant.changes])
    except SettingsError as error:
        text = str(error)
        for change in variant.changes:
            text = text.replace(f"--set {change}", variant.name)
        raise SettingsError(text) from None


def _schedule(config: TrainingConfig, steps: int | None) -> Any:
    schedule = dataclasses.replace(config.schedule, patience=None)
    if steps is None:
        return schedule
    epochs = min(schedule.epochs, steps)
    return dataclasses.replace(schedule, epochs=epochs, steps=round(steps / epochs))


def _folds(config: TrainingConfig, text: str | None) -> tuple[int, ...]:
    """Read which parts of the split are held out in turn."""
    split = config.split
    if text is None:
        return (split.fold,)
    if all(scene.role for scene in config.data.scenes):
        raise SettingsError(
            f"--folds {text}: all scenes have a role, so there is nothing to deal to folds; leave "
            "it out, or take the role from scenes that may be held out in turn"
        )
    if text == "all":
        return tuple(range(split.folds))
    try:
        folds = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise SettingsError(f"--folds {text}: expected all, or numbers such as 0,1") from None
    wrong = [fold for fold in folds if not 0 <= fold < split.folds]
    if wrong or len(set(folds)) < len(folds):
        raise SettingsError(
            f"--folds {text}: expected different numbers from 0 to {split.folds - 1}, one less "
            "than split.folds"
        )
    return folds
