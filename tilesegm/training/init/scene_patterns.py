"""Finds the placeholders that describe many files at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from tilesegm.data.pattern import escape

__all__ = ["common_start", "find_patterns"]


def find_patterns(*columns: Sequence[str]) -> tuple[str, ...] | None:
    """Describe files that belong together by one pattern each.

    Args:
        *columns: paths of the images, of their labels and so on, equally many each; those with the
            same place belong together.

    Returns:
        One path with placeholders a column, such as ``images/{name}.jpg``; None when the names of
        the first column do not decide those of the others, or a column has no such form.
    """
    names: dict[tuple[str, ...], str] = {}
    patterns = []
    for number, column in enumerate(columns):
        before = set(names)
        pattern = _pattern(column, names)
        if pattern is None or (number and set(names) != before):
            return None
        patterns.append(pattern)
    return tuple(patterns) if names else None


def _pattern(paths: Sequence[str], names: dict[tuple[str, ...], str]) -> str | None:
    """Make a pattern of one column; new placeholders are added to ``names`` by their values."""
    split = [path.split("/") for path in paths]
    if len({len(parts) for parts in split}) != 1:
        return None
    pattern = []
    for parts in zip(*split, strict=True):
        if len(set(parts)) == 1:
            pattern.append(escape(parts[0]))
            continue
        before = re.split(r"[^\W_]*$", common_start(parts))[0]
        mirrored = common_start([part[len(before) :][::-1] for part in parts])
        after = re.split(r"[^\W_]*$", mirrored)[0][::-1]
        values = tuple(part[len(before) : len(part) - len(after)] for part in parts)
        if not all(values):
            return None
        first = values not in names
        name = names.setdefault(values, _new_name(before, names.values()))
        # Values of one character can be listed, so that no other file fits.
        letters = "".join(sorted(set(values)))
        listed = first and letters.isalnum() and all(len(value) == 1 for value in values)
        glob = f":[{letters}]" if listed else ""
        pattern.append(f"{escape(before)}{{{name}{glob}}}{escape(after)}")
    return "/".join(pattern)


def common_start(words: Sequence[str]) -> str:
    """Return the characters with which all words begin."""
    first, last = min(words), max(words)
    same = (number for number, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(same, min(len(first), len(last)))]


def _new_name(before: str, taken: Collection[str]) -> str:
    wanted = re.sub(r"\W|^\d+", "", before).strip("_").lower()
    # A name of a placeholder begins with a letter from A to Z.
    wanted = wanted if re.match("[a-z]", wanted) else "name"
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}{number}", number + 1
    return name
