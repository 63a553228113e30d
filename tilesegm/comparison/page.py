"""The page of a comparison: who is best, how sure that is, and what it looks like."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tilesegm.comparison.answer import Answer, Gain, chance_words, repeats_of
from tilesegm.comparison.dropping import KEPT, LEAST
from tilesegm.comparison.look import Look
from tilesegm.comparison.measures import Measure
from tilesegm.comparison.places import add_places
from tilesegm.comparison.plan import Plan, Trial
from tilesegm.comparison.scored_pixels import ScoredPixels
from tilesegm.counted import counted
from tilesegm.files import write_file
from tilesegm.plain import plain
from tilesegm.report.charts import intervals, lines
from tilesegm.report.page import Page

__all__ = ["Findings", "write_page"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Findings:
    """All that a page tells."""

    plan: Plan
    scored: ScoredPixels
    answer: Answer
    """Of whole runs."""
    at_rungs: Mapping[int, Answer]
    """Of all runs that were looked at after an epoch, on validation pixels."""
    dropped: Mapping[str, int]
    """Epoch after which a variant was dropped."""
    looks: Mapping[int, Mapping[Trial, Look]]
    rows: Sequence[Mapping[str, str]]

    @property
    def rank_title(self) -> str:
        """What runs are ranked by, in words."""
        titles = [measure.title for measure in self.plan.ranked_by]
        return titles[0] if len(titles) == 1 else f"mean of {' and '.join(titles)}"

    @property
    def seconds_per_step(self) -> dict[str, float]:
        """Of each variant of which steps could be timed, its fastest: others hold other work."""
        found: dict[str, float] = {}
        for looks in self.looks.values():
            for trial, look in looks.items():
                step = look.facts.get("seconds_per_step")
                if step is not None:
                    found[trial.variant] = min(found.get(trial.variant, step), step)
        return found

    @property
    def share_of_steps(self) -> float:
        """Steps that were made, of those of all runs to their end."""
        made = sum(int(row["steps"]) for row in self.rows)
        return made / (len(self.plan.trials) * self.plan.steps)


def write_page(findings: Findings, path: Path) -> None:
    """Write the page, and the same as JSON beside it.

    Raises:
        OutputError: they cannot be written.
    """
    plan, found = findings.plan, findings.answer
    page = Page("Comparison", " ".join(found.sentences()))
    _add_protocol(page, findings)
    _add_scores(page, findings)
    _add_intervals(page, findings)
    _add_dropped(page, findings)
    _add_curves(page, findings)
    _add_cost(page, findings)
    add_places(page, findings.scored, plan.names, findings.looks)
    _add_failed(page, findings)
    page.section("What varies")
    page.table(["name", "settings"], [[v.name, "; ".join(v.changes)] for v in plan.variants])
    page.save(path)
    text = json.dumps(plain(_facts(findings)), indent=1, allow_nan=False)
    write_file(path.with_suffix(".json"), text + "\n")


def _add_protocol(page: Page, findings: Findings) -> None:
    plan, found, scored = findings.plan, findings.answer, findings.scored
    page.text(
        f"{counted(len(plan.names), 'value')}, {counted(len(plan.seeds), 'seed')}, "
        f"{counted(len(plan.folds), 'fold')}; {plan.steps:,} updates a run. Scored on "
        f"{scored.decided_on}. Intervals hold 95 % of {found.units} units and "
        f"{repeats_of(found.repeats)} that are drawn again with replacement, the same for all: "
        "what makes a seed or a place hard for all cancels out."
    )
    if len(plan.rungs) > 1:
        looks = ", ".join(map(str, plan.rungs[:-1]))
        page.text(
            f"After epoch {looks} of {plan.epochs} the best of every {KEPT} went on, at least "
            f"{LEAST}, by the {findings.rank_title} of validation pixels over the same seeds and "
            f"folds: {findings.share_of_steps:.0%} of all steps were made. --no-drop trains all."
        )
    page.text(
        "The best is chosen on the pixels it is scored on, which flatters it a little; scenes that "
        "no comparison has seen tell what it is worth."
    )


def _add_scores(page: Page, findings: Findings) -> None:
    found = findings.answer
    page.section(
        "Scores",
        "Mean of all repeats ± standard deviation, in points; best first by the "
        f"{findings.rank_title}.",
    )
    rows: list[list[object]] = []
    for number in found.order:
        cells = [_spread(found.scores[m.name][number], m) for m in found.measures]
        shown = chance_words(found.chances[number])
        rows.append([found.names[number], f"{found.ranked[number]:.2f}", *cells, shown])
    titles = [m.title + (" (px)" if m.unit == "px" else "") for m in found.measures]
    page.table(["", "rank by", *titles, "chance to be best"], rows)


def _add_intervals(page: Page, findings: Findings) -> None:
    found = findings.answer
    if len(found.names) < 2:
        return
    first = found.names[0]
    page.section(
        "Differences",
        f"Points above {first}, within pairs of runs that began alike. Right of zero, and with a "
        "+, it is better, whatever the measure is; grey may be chance.",
    )
    if first != findings.plan.names[0]:
        page.text(
            f"{findings.plan.names[0]}, which others were to be compared with, has no whole run: "
            f"{first} is the first of those that have."
        )
    for name, title in [("rank", findings.rank_title)] + [
        (m.name, m.title + (" (px, less is to the right)" if m.unit == "px" else ""))
        for m in found.measures
    ]:
        gains = found.gains[name]
        page.figure(_drawn(dict(zip(found.names[1:], gains[1:], strict=True)), title), title)
    page.table(
        ["", *(m.title for m in found.measures)],
        [
            [found.names[n], *(_said(found.gains[m.name][n]) for m in found.measures)]
            for n in range(1, len(found.names))
        ],
    )


def _add_dropped(page: Page, findings: Findings) -> None:
    if not findings.dropped:
        return
    page.section(
        "Dropped early",
        f"By the {findings.rank_title} of validation pixels at the epoch at which they stopped, "
        "beside the best run there.",
    )
    rows = []
    for name, epoch in findings.dropped.items():
        there = findings.at_rungs[epoch]
        if name not in there.names:
            rows.append([name, str(epoch), "–", there.best, "all its runs failed"])
            continue
        number = there.names.index(name)
        score = f"{there.ranked[number]:.2f}"
        rows.append([name, str(epoch), score, there.best, _said(there.behind[number])])
    page.table(["", "after epoch", "rank by", "best there", "behind it, 95 %"], rows)


def _add_curves(page: Page, findings: Findings) -> None:
    page.section("Curves", "Means of all seeds and folds, on validation pixels.")
    ranks: dict[str, tuple[list[int], list[float]]] = {}
    for epoch, there in sorted(findings.at_rungs.items()):
        for number, name in enumerate(there.names):
            x, y = ranks.setdefault(name, ([], []))
            x.append(epoch)
            y.append(float(there.ranked[number]))
    page.figure(lines(ranks, x="epoch", y="rank by"), f"The {findings.rank_title}, in points")
    # Losses have no common unit, so their own curves would say nothing beside each other.
    histories = {name: _history(findings, name, "val_mean_iou") for name in findings.plan.names}
    series = {
        name: (list(row), [100 * value for value in row.values()])
        for name, row in histories.items()
        if row
    }
    if series:
        title = "mean IoU of the likeliest class"
        page.figure(lines(series, x="epoch", y=title), f"{title}, in points")


def _history(findings: Findings, name: str, key: str) -> dict[int, float]:
    """Mean over runs of a number of each epoch."""
    longest: dict[Trial, Sequence[Mapping[str, float]]] = {}
    for _, looks in sorted(findings.looks.items()):
        longest |= {t: look.facts["history"] for t, look in looks.items() if t.variant == name}
    epochs = range(1, 1 + max(map(len, longest.values()), default=0))
    found = {
        epoch: [row[epoch - 1][key] for row in longest.values() if key in row[epoch - 1 : epoch][0]]
        for epoch in epochs
        if all(len(row) >= epoch for row in longest.values())
    }
    return {epoch: float(np.mean(values)) for epoch, values in found.items() if values}


def _add_cost(page: Page, findings: Findings) -> None:
    cost, found = findings.seconds_per_step, findings.answer
    first = findings.plan.names[0]
    if first not in cost:
        page.section("Cost against gain", "Epochs were too short to time a step.")
        return
    page.section(
        "Cost against gain",
        f"Time of a training step in units of that of {first}, without validation and compilation: "
        "the fastest of each, which other work on the machine, and short runs, make longer.",
    )
    points = {}
    rows = []
    for number, name in enumerate(found.names):
        if name in cost:
            gain = found.gains["rank"][number].mean
            points[name] = ([cost[name] / cost[first]], [gain])
    for name in findings.plan.names:
        if name in cost:
            rows.append([name, f"{1000 * cost[name]:.0f} ms", f"{cost[name] / cost[first]:.2f}"])
    page.table(["", "a step", "of the first"], rows)
    page.figure(
        lines(points, x="cost of a step", y=f"points above {found.names[0]}"),
        findings.rank_title,
    )


def _add_failed(page: Page, findings: Findings) -> None:
    failed = [row for row in findings.rows if row["state"] == "failed"]
    if failed:
        page.section("Failed runs", "They are left out, and so are their seeds for all in pairs.")
        page.table(
            ["", "seed", "fold", "error"],
            [[row["variant"], row["seed"], row["fold"], row["error"]] for row in failed],
        )


def _drawn(gains: Mapping[str, Gain], title: str) -> str:
    return intervals({name: (g.low, g.mean, g.high) for name, g in gains.items()}, x=title)


def _said(gain: Gain) -> str:
    if not np.isfinite(gain.mean):
        return "–"
    if not np.isfinite(gain.low):
        return f"{gain.mean:+.2f}"
    return f"{gain.mean:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"


def _spread(values: np.ndarray, measure: Measure) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "–"
    spread = f" ± {known.std(ddof=1):.1f}" if known.size > 1 else ""
    return f"{known.mean():.1f}{spread}"


def _facts(findings: Findings) -> dict[str, object]:
    plan, found = findings.plan, findings.answer
    return {
        "sentences": found.sentences(),
        "best": found.best,
        "rank_by": plan.options.rank_by,
        "scored_on": "test" if findings.scored.test else "validation",
        "units": found.units,
        "repeats": found.repeats,
        "rungs": plan.rungs,
        "share_of_steps": findings.share_of_steps,
        "dropped": dict(findings.dropped),
        "variants": {
            name: {
                "rank": found.ranked[number],
                "chance_to_be_best": found.chances[number],
                "scores": {m.name: found.scores[m.name][number].tolist() for m in found.measures},
                "above_first": {key: vars(gains[number]) for key, gains in found.gains.items()},
                "behind_best": vars(found.behind[number]),
            }
            for number, name in enumerate(found.names)
        },
    }
