"""What differs between the runs of a comparison: a grid of values of keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tilesegm.errors import SettingsError
from tilesegm.training.settings.keys import key_at, section_at, sections
from tilesegm.training.settings.settings_file import load_document
from tilesegm.training.settings.validation_messages import nearest
from tilesegm.training.settings.yaml_positions import key_text, read_document

__all__ = ["Variant", "make_variants"]

_FIXED = {
    "output": "each run has a folder of its own (-o FOLDER names the one of all)",
    "seed": "--seeds N takes several, the same for all",
    "data": "all runs are scored on the same pixels; compare other data by a command each",
    "split": "all runs are scored on the same pixels; --folds takes several parts of the split",
    "validation": "it says how all runs are scored",
    "schedule.epochs": "all runs have one length: --steps N, --budget 1h, or schedule in the file",
    "schedule.steps": "all runs have one length: --steps N, --budget 1h, or schedule in the file",
    "schedule.patience": "all runs are looked at after the same epochs",
}
"""Keys that cannot vary, and why."""
_LONGEST = 40
"""Letters of a name that is made of a value."""


@dataclass(frozen=True)
class Variant:
    """Settings of some of the runs, as changes of the file."""

    name: str
    changes: tuple[str, ...]
    """``key.path=value`` each, as `--set` takes them, the value as JSON."""


def make_variants(
    texts: Sequence[str], sums: Mapping[str, Any] = MappingProxyType({})
) -> tuple[Variant, ...]:
    """Read ``KEY=A,B,...`` each, and combine every value with every one of the others.

    A value is YAML, a file of settings that holds it (``.yaml``, ``.yml``, ``.json``), or for
    ``loss`` names of losses that are added, such as ``cross_entropy+lovasz``. ``KEY=@FILE`` takes
    names and values from a file, and ``KEY=@FILE:a,b`` those of some names.

    Args:
        texts: what varies; the first value of each is the one that others are compared with.
        sums: what stands under ``loss:`` for names that settings do not know.

    Raises:
        SettingsError: a key is unknown or cannot vary, or there is nothing to compare.
    """
    axes = [list(_axis(text, sums)) for text in texts]
    found = []
    for choice in product(*axes):
        name = ", ".join(name for name, _ in choice)
        found.append(Variant(name, tuple(change for _, change in choice)))
    names = [variant.name for variant in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"{twice!r} is given twice; name each value once")
    if len(found) < 2:
        raise SettingsError(
            f"there is nothing to compare {', '.join(names)} with; give two values or more, such "
            "as cross_entropy,dice_ce"
        )
    return tuple(found)


def _axis(text: str, sums: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the change of each value."""
    key, equals, rest = text.partition("=")
    key = key.strip()
    if not equals or not key or not rest.strip():
        raise SettingsError(f"{text}: expected KEY=A,B,..., such as loss=cross_entropy,dice_ce")
    _check_key(key, text)
    short = key.rpartition(".")[2]
    values = list(_values(key, rest.strip(), text, sums))
    cut = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name, _ in values]
    for number, (name, value) in enumerate(values):
        # Long names are cut where that leaves them different.
        name = cut[number] if cut.count(cut[number]) == 1 else name
        shown = name if key == "loss" or rest.startswith("@") else f"{short}={name}"
        yield shown, f"{key}={json.dumps(value)}"


def _check_key(key: str, text: str) -> None:
    """Refuse a key that is none of settings, or that cannot vary."""
    path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    for fixed, why in _FIXED.items():
        if key == fixed or key.startswith(f"{fixed}."):
            raise SettingsError(f"{text}: {key} cannot vary: {why}")
    known = key_at(path)
    # Below loss.terms and the like stand arguments, which are checked when losses are made.
    if known is None or (known.inner is not None and section_at(path) is None):
        every = [
            key_text((*at, name))
            for at, section in sections().items()
            if 0 not in at
            for name in section.names
        ]
        near = nearest(key, every)
        advice = f"did you mean {near}?" if near else "`tilesegm train schema` lists all"
        raise SettingsError(f"{text}: {key} is no key of the settings; {advice}")


def _values(key: str, rest: str, text: str, sums: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if rest.startswith("@"):
        yield from _named(rest[1:], text)
        return
    for part in _split_list(rest):
        if re.search(r"\.(ya?ml|json)$", part) and "{" not in part:
            held = _load(part, text)
            values: Any = held
            for step in key.split("."):
                # A file without the key is the value itself, not settings that hold it.
                values = values.get(step) if isinstance(values, dict) else None
            yield Path(part).stem, held if values is None else values
            continue
        value = read_document(f"value: {part}", f"{text}").values["value"]
        shown = part
        if key == "loss" and isinstance(value, str):
            value = sums.get(value) or {"terms": [*_terms(value, sums)]}
        elif key == "loss":
            shown = _loss_words(value) or part
        yield shown, value


def _terms(text: str, sums: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the terms of names that are joined by ``+``."""
    for name in map(str.strip, text.split("+")):
        block = sums.get(name, {"terms": [{"name": name}]})
        if set(block) != {"terms"}:
            others = " and ".join(sorted(set(block) - {"terms"}))
            raise SettingsError(
                f"{text}: {name} has {others} of its own, so nothing can be added to it; write "
                "the loss block out (@FILE of names and values)"
            )
        yield from block["terms"]


def _loss_words(block: Any) -> str:
    """Name a loss block by its terms, with their arguments, and by whatever else it sets."""
    if not isinstance(block, dict) or not isinstance(block.get("terms"), list):
        return ""
    terms = [_words(term) for term in block["terms"]]
    others = [f"{key} {_words(value) or value}" for key, value in block.items() if key != "terms"]
    return ", ".join(["+".join(terms), *others]) if all(terms) else ""


def _words(term: Any) -> str:
    """Write ``{name: tversky, alpha: 0.3}`` as ``tversky(alpha=0.3)``."""
    if not isinstance(term, dict) or not isinstance(term.get("name"), str):
        return ""
    said = ", ".join(f"{key}={value}" for key, value in term.items() if key != "name")
    return f"{term['name']}({said})" if said else str(term["name"])


def _named(rest: str, text: str) -> Iterator[tuple[str, Any]]:
    """Yield what a file of names and values holds."""
    name, _, wanted = rest.partition(":")
    values = _load(name, text)
    chosen = _split_list(wanted) if wanted else list(values)
    for each in chosen:
        if each not in values:
            near = nearest(each, values)
            advice = f"did you mean {near}?" if near else f"there are {', '.join(values)}"
            raise SettingsError(f"{text}: {name} has no {each!r}; {advice}")
        yield each, values[each]


def _load(name: str, text: str) -> dict[str, Any]:
    if not Path(name).is_file():
        raise SettingsError(f"{text}: there is no file {name}")
    return load_document(name).values


def _split_list(text: str) -> list[str]:
    """Split at commas that stand outside of brackets and quotes."""
    parts, depth, quoted = [""], 0, ""
    for letter in text:
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "'\"":
            quoted = letter
        else:
            depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
