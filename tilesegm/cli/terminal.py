"""What is printed: names and texts of others as text, whatever markup or control they hold."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from tilesegm.shown import visible, without_secrets

__all__ = ["PlainConsole", "lines", "say", "text_of"]


def text_of(value: object) -> str:
    """Return one line without secrets, and without anything that a terminal obeys."""
    return visible(without_secrets(str(value)))


def say(line: object, *, err: bool = False) -> None:
    """Print a line on standard output, or on standard error."""
    typer.echo(text_of(line), err=err)


def lines(*parts: object, style: str = "") -> Text:
    """Return several lines for one cell of a table, where a text alone is one line."""
    return Text("\n".join(map(text_of, parts)), style=style)


class PlainConsole(Console):
    """A terminal for tables, on which every `str` is one line of text and nothing else.

    Only `Text`, which `lines` makes, has several lines or colours.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Turn a text into what is printed; all texts in tables and titles come here."""
        return super().render_str(text_of(text), **settings | {"markup": False, "emoji": False})
