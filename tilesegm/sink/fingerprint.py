"""Fingerprints of runs, and how two of them differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["differences", "plain"]

_SHOWN = 16  # characters of a hash or a path that are shown


def plain(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fingerprint as it reads back from JSON: tuples become lists."""
    result: dict[str, Any] = json.loads(json.dumps(fingerprint))
    return result


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what changed between two fingerprints, one phrase per entry.

    An entry whose values are mappings reads ``model changed: sha256 ab12 -> cd34, stride 4 -> 8``,
    a plain one ``tile: 512 -> 1024``.
    """
    phrases = []
    for name in [*before, *(name for name in now if name not in before)]:
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            keys = [*old, *(key for key in new if key not in old)]
            parts = [
                f"{key} {_change(old.get(key), new.get(key))}"
                for key in keys
                if old.get(key) != new.get(key)
            ]
            phrases.append(f"{name} changed: {', '.join(parts)}")
        else:
            phrases.append(f"{name}: {_change(old, new)}")
    return tuple(phrases)


def _change(old: Any, new: Any) -> str:
    before, after = _text(old), _text(new)
    if max(len(before), len(after)) > 2 * _SHOWN:
        start = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
        start = 0 if start < _SHOWN - 4 else start - 4
        before, after = (_cut(text, start) for text in (before, after))
    return f"{before} -> {after}"


def _cut(text: str, start: int) -> str:
    shown = text[start : start + _SHOWN]
    return f"{'…' if start else ''}{shown}{'…' if len(text) > start + _SHOWN else ''}"


def _text(value: Any) -> str:
    if value is None:
        return "(none)"
    return value if isinstance(value, str) else json.dumps(value)
