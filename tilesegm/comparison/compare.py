"""Compares settings by training with each: the whole of it, from a plan to a page."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tilesegm.comparison.answer import Answer, answer, gather
from tilesegm.comparison.best import best_file, check_best, write_best
from tilesegm.comparison.folder import ComparisonFolder, claim
from tilesegm.comparison.look import Look, load_look
from tilesegm.comparison.measures import MEASURES
from tilesegm.comparison.page import Findings, write_page
from tilesegm.comparison.plan import Plan, Trial
from tilesegm.comparison.rows import read_rows
from tilesegm.comparison.run import Runner
from tilesegm.comparison.scored_pixels import ScoredPixels
from tilesegm.errors import InputError, TilesegmError
from tilesegm.events import Event, Noted, OnEvent, StageStarted, ignore
from tilesegm.training.setup import set_up_aside

__all__ = ["ComparisonResult", "compare"]

_OF_WINDOWS = ("sampling", "augmentation", "schedule.batch", "schedule.size")
"""Keys that decide what samples there are."""


@dataclass(frozen=True)
class ComparisonResult:
    """A finished comparison."""

    folder: Path
    answer: Answer
    report: Path
    best_settings: Path
    """Settings with the best values, as `train` takes them."""
    rows: tuple[dict[str, str], ...]
    """The table of runs."""


def compare(
    plan: Plan, *, overwrite: bool = False, workers: int = 1, on_event: OnEvent = ignore
) -> ComparisonResult:
    """Train and score what is left of a comparison, and say what comes of it.

    Runs are ordinary ones of `train`. Whatever is interrupted goes on when the same call is made
    again; several processes may work in one folder.

    Args:
        plan: all runs.
        overwrite: whether a comparison that is in the folder is dropped.
        workers: processes that train side by side.
        on_event: called with progress.

    Raises:
        InputError: settings and data do not fit each other, or every run failed.
        OutputError: a file cannot be written.
        ResumeError: the folder holds a comparison with other settings.
    """
    check_best(plan)
    folder = claim(plan, overwrite=overwrite)
    tell = _once(on_event)
    with _opened(plan, folder, tell) as scored:
        for note in (*scored.notes, *_alike(plan)):
            tell(Noted(note))
        runner = Runner(plan, folder, scored, tell)
        with _helpers(plan, folder, workers):
            runner.work()
        tell(StageStarted("comparing"))
        with folder.lock("report", wait=True):
            return _conclude(runner, tell)


@contextmanager
def _opened(plan: Plan, folder: ComparisonFolder, on_event: OnEvent) -> Iterator[ScoredPixels]:
    """Open scenes, and split them as every run will."""
    base = plan.configs[plan.names[0]]
    config = replace(base, output=str(folder.path), split=replace(base.split, fold=plan.folds[0]))
    with set_up_aside(config, on_event=on_event) as setup:
        yield ScoredPixels(setup.data, config.validation, plan.folds)


def _alike(plan: Plan) -> Iterator[str]:
    """Say what keeps runs of one seed from being alike but for what varies."""
    changes = [change for variant in plan.variants for change in variant.changes]
    if any(change.startswith("model") for change in changes):
        yield "model varies, so runs of one seed begin with other weights"
    if any(change.startswith(_OF_WINDOWS) for change in changes):
        yield "what varies decides on windows, so runs of one seed see other ones"


@contextmanager
def _helpers(plan: Plan, folder: ComparisonFolder, workers: int) -> Iterator[None]:
    """Let other processes work beside this one."""
    if workers > 1:
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ.setdefault(name, threads)
    context = multiprocessing.get_context("spawn")
    helpers = [
        context.Process(target=_help, args=(plan, folder), daemon=True) for _ in range(workers - 1)
    ]
    for helper in helpers:
        helper.start()
    try:
        yield
    finally:
        for helper in helpers:
            helper.terminate()
            helper.join()


def _help(plan: Plan, folder: ComparisonFolder) -> None:
    """Work as a process of its own, which ends with the one that began it."""
    parent = multiprocessing.parent_process()
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch(event: Event) -> None:
        if parent is not None and not parent.is_alive():
            os._exit(1)

    try:
        with _opened(plan, folder, watch) as scored:
            Runner(plan, folder, scored, watch).work()
    except TilesegmError:
        os._exit(1)  # the first process meets it too, and says so


def _once(on_event: OnEvent) -> OnEvent:
    """Pass on every event, but each note once: all runs have the same."""
    told: set[str] = set()

    def tell(event: Event) -> None:
        if isinstance(event, Noted):
            if event.text in told:
                return
            told.add(event.text)
        on_event(event)

    return tell


def _conclude(runner: Runner, tell: OnEvent) -> ComparisonResult:
    """Compare all whole runs, and write the page and the best settings."""
    plan, folder, scored = runner.plan, runner.folder, runner.scored
    standing, rows = runner.standing(), read_rows(folder.rows)
    looks = {
        epoch: {
            trial: load_look(path)
            for trial in plan.trials
            if (path := folder.look(plan.name_of(trial), epoch)).exists()
        }
        for epoch in plan.rungs
    }
    whole = {t: look for t, look in looks[plan.epochs].items() if t.variant in standing.live}
    if not whole:
        failed = [row for row in rows if row["state"] == "failed"]
        raise InputError(
            f"all {len(failed)} runs failed, the first ({failed[0]['variant']}, seed "
            f"{failed[0]['seed']}): {failed[0]['error']}"
        )
    kind = "test" if scored.test else "validation"
    found = _answer_of(plan, whole, kind)
    at_rungs = {
        epoch: _answer_of(plan, each, "validation") for epoch, each in looks.items() if each
    }
    findings = Findings(
        plan=plan,
        scored=scored,
        answer=found,
        at_rungs=at_rungs,
        dropped=standing.dropped,
        looks=looks,
        rows=rows,
    )
    write_page(findings, folder.report)
    aside = write_best(plan, found.best)
    if aside is not None:
        tell(Noted(f"{best_file(plan).name} was edited, and is kept as {aside}"))
    return ComparisonResult(
        folder=folder.path,
        answer=found,
        report=folder.report,
        best_settings=best_file(plan),
        rows=tuple(rows),
    )


def _answer_of(plan: Plan, looks: dict[Trial, Look], kind: str) -> Answer:
    names = [name for name in plan.names if any(trial.variant == name for trial in looks)]
    gathered = gather(looks, names, kind)
    return answer(gathered, tuple(MEASURES.values()), plan.ranked_by)
