"""What ``tilesegm losses advise`` prints: facts, candidates to paste, and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table

from tilesegm.cli.loss_tables import GAIN, paste, study_table
from tilesegm.cli.terminal import PlainConsole
from tilesegm.counted import counted

if TYPE_CHECKING:
    from tilesegm.advice import Advice
    from tilesegm.advice.facts import Facts

__all__ = ["show_advice"]


def show_advice(console: PlainConsole, advice: Advice) -> None:
    """Print facts, candidates with what to paste, and notes."""
    facts = advice.facts
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    for name, text in _lines(facts).items():
        table.add_row(name, text)
    console.print(table)
    console.print()
    console.print(_classes(facts))
    console.print()
    console.print(advice.rule)
    for number, each in enumerate(advice.candidates, 1):
        console.print()
        console.print(f"{number}. {each.name}: {each.reason}")
        paste({"loss": dict(each.loss), "sampling": dict(each.sampling)})
        if each.evidence:
            console.print(Padding(study_table(each.evidence), (0, 0, 0, 2)))
    console.print()
    console.print(f"The study: {GAIN}.")
    for note in advice.notes:
        console.print(f"note: {note}")
    console.print(
        "Its networks were small and its runs short; `tilesegm losses show NAME` tells more of "
        f"each term, such as {_last_term(advice)}."
    )


def _last_term(advice: Advice) -> str:
    return str(advice.candidates[0].loss["terms"][-1]["name"])


def _lines(facts: Facts) -> dict[str, str]:
    some = "" if facts.looked_at == 1 else f", {facts.looked_at:.1%} of the windows, spread evenly"
    unknown = "unknown: no two scenes that follow each other have one size"
    if facts.agreement is not None:
        unknown = (
            f"unknown: neighbouring scenes show different things (kappa {facts.agreement:.2f})"
        )
    moving = unknown
    if facts.moving is not None:
        moving = (
            f"{facts.moving:.1f} px between borders of neighbouring scenes (kappa "
            f"{facts.agreement:.2f})"
        )
    return {
        "looked at": f"{facts.pixels:,} labelled training pixels of "
        f"{counted(facts.scenes, 'scene')}{some}; "
        "no held-out pixel",
        "borders": f"{facts.border:.1%} of pixels lie beside another class",
        "noise": moving,
        "objects": "known one by one"
        if facts.instances
        else "connected parts of a class: those that touch count as one",
    }


def _classes(facts: Facts) -> Table:
    table = Table(
        caption=f"empty: of windows of {facts.window} px; size: median diameter of whole objects; "
        "near: objects at most a pixel from another; width, length of centre line per object; "
        "winding: path over distance",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("class")
    names = ("pixels", "empty", "objects", "size", "near", "width", "length", "winding")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for each in facts.classes:
        table.add_row(
            each.name,
            _percent(each.share),
            _percent(each.empty),
            f"{each.objects:,}",
            _number(each.diameter),
            "" if each.near is None else _percent(each.near),
            _number(each.width),
            _number(each.length),
            "" if each.tortuosity is None else f"{each.tortuosity:.2f}",
        )
    return table


def _percent(value: float) -> str:
    return f"{value:.2%}" if 0 < value < 0.01 else f"{value:.0%}"


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"
