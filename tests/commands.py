"""The real command line without what its commands do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from typer.main import get_command

from tilesegm.cli.main import app

__all__ = ["COMMANDS", "command_of", "long_options", "parse", "signatures"]


def _walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _walk(inner, (*words, name))
    else:
        yield " ".join(words), command


_ROOT = get_command(app)
COMMANDS: dict[str, Any] = dict(_walk(_ROOT))
"""All commands by their words: ``predict``, ``train init``, ..."""
CALLBACKS: dict[str, Callable[..., Any]] = {name: c.callback for name, c in COMMANDS.items()}


def signatures() -> dict[str, dict[str, inspect.Parameter]]:
    """Parameters of each command, with resolved annotations."""
    return {
        name: dict(inspect.signature(callback, eval_str=True).parameters)
        for name, callback in CALLBACKS.items()
    }


@functools.cache
def long_options(name: str) -> frozenset[str]:
    """Options of a command, such as ``--tile``; an empty name gives those of `tilesegm` itself."""
    command = COMMANDS[name] if name else _ROOT
    written = (word for param in command.params for word in (*param.opts, *param.secondary_opts))
    return frozenset({"--help", *(word for word in written if word.startswith("--"))})


def command_of(words: str) -> str:
    """The command that two words, or the first one, begin with; empty if there is none."""
    first = words.split()[0]
    return next((name for name in (words, first, f"{first} run") if name in COMMANDS), "")


def parse(words: list[str]) -> str:
    """Parse what follows ``tilesegm`` as the program does, and return the name of the command.

    Raises:
        Exception: the words are no command, or not what the command takes.
    """
    seen: list[str] = []
    for name, command in COMMANDS.items():
        command.callback = functools.partial(lambda name, **_: seen.append(name), name)
    try:
        _ROOT.main(list(words), prog_name="tilesegm", standalone_mode=False)
    finally:
        for name, command in COMMANDS.items():
            command.callback = CALLBACKS[name]
    return seen[0] if seen else ""
