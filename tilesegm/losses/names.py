"""Looking things up by a name that a person typed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tilesegm.errors import InputError

__all__ = ["find"]


def find(name: str, choices: Iterable[str], kind: str) -> str:
    """Return the choice meant by ``name``; case, hyphens and underscores do not matter.

    Args:
        name: What was typed.
        choices: The names that exist.
        kind: What they name, for the message.

    Raises:
        InputError: There is no such name; the message proposes the nearest.
    """
    by_key = {_key(choice): choice for choice in choices}
    if _key(name) in by_key:
        return by_key[_key(name)]
    near = difflib.get_close_matches(_key(name), by_key, n=1, cutoff=0.5)
    advice = f"did you mean {by_key[near[0]]!r}?" if near else ""
    every = ", ".join(sorted(by_key.values()))
    raise InputError(f"there is no {kind} {name!r}; {advice or f'there are {every}'}")


def _key(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
