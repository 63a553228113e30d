"""The file of settings that describes a training run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tilesegm.errors import SettingsError
from tilesegm.inputs import read_text
from tilesegm.shown import without_secrets
from tilesegm.training.settings.config import TrainingConfig
from tilesegm.training.settings.paths import anchored
from tilesegm.training.settings.schema import adapter
from tilesegm.training.settings.validation_messages import validation_messages
from tilesegm.training.settings.yaml_positions import Document, read_document

__all__ = [
    "changed_keys",
    "config_digest",
    "dump_config",
    "load_config",
    "load_document",
    "plain_config",
    "read_config",
]

_OF_RUN = "settings.json"
"""The settings that a run keeps in its folder."""
_SHOWN = 3
_LARGEST = 1 << 22
"""Bytes of a file of settings: its reader makes about a megabyte a second of them."""


def load_config(path: str | Path, changes: Sequence[str] = ()) -> TrainingConfig:
    """Read a file of settings (YAML, or JSON, which is YAML too).

    ``${NAME}`` stands for an environment variable. Relative paths begin in the folder of the file,
    and are absolute in the result. Names and arguments of losses are left unchecked.

    Args:
        path: the file.
        changes: ``key.path=value`` each, as `--set` takes them; later ones win.

    Raises:
        SettingsError: the file cannot be read, or something in it cannot be used; the message
            names line, key, value and what is allowed.
    """
    return read_config(load_document(path, changes), Path(path).parent)


def load_document(path: str | Path, changes: Sequence[str] = ()) -> Document:
    """Read a file of settings as plain values and their lines.

    Args:
        path: the file.
        changes: ``key.path=value`` each; later ones win.

    Raises:
        SettingsError: the file cannot be read or is not YAML, or a change is not of that form.
    """
    document = _read(Path(path))
    for change in changes:
        document = document.changed(change)
    return document


def read_config(document: Document | Mapping[str, Any], folder: Path = Path()) -> TrainingConfig:
    """Make settings of a document or of plain data, such as `plain_config` returns.

    Args:
        document: the file of settings, or plain data.
        folder: where relative paths begin.

    Raises:
        SettingsError: something cannot be used.
    """
    from pydantic import ValidationError

    if not isinstance(document, Document):
        document = Document(dict(document), {(): "settings"})
    # A section whose keys are all commented out is empty, and means its defaults.
    given = {key: value for key, value in document.values.items() if value is not None}
    document = Document(_expanded(given, (), document), document.places)
    try:
        config: TrainingConfig = adapter().validate_json(json.dumps([document.values]))[0]
    except ValidationError as error:
        errors = [{**each, "loc": each["loc"][1:]} for each in error.errors(include_url=False)]
        raise SettingsError(_joined(validation_messages(document, errors))) from None
    return anchored(config, folder)


def plain_config(config: TrainingConfig) -> dict[str, Any]:
    """Return settings as dicts, lists and scalars; `read_config` makes them again.

    Secrets of addresses are hidden: what is plain is stored, and shown.
    """
    plain: dict[str, Any] = _hidden(dataclasses.asdict(config))
    return plain


def dump_config(config: TrainingConfig) -> str:
    """Write settings as JSON, which `load_config` reads again; see `plain_config`."""
    return json.dumps(plain_config(config), indent=1) + "\n"


def _hidden(value: Any) -> Any:
    """Return what JSON makes of a value, with the secrets of all texts hidden."""
    if isinstance(value, dict):
        return {key: _hidden(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(each) for each in value]
    return without_secrets(value) if isinstance(value, str) else value


def config_digest(config: TrainingConfig) -> str:
    """Return the SHA-256 of settings in hexadecimal."""
    text = json.dumps(plain_config(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def changed_keys(
    old: TrainingConfig | Mapping[str, Any], new: TrainingConfig | Mapping[str, Any]
) -> dict[str, str]:
    """Return the keys whose values differ, such as ``schedule.epochs``, in the order of the file.

    Args:
        old: settings, or the plain data of settings that an older version may have written.
        new: likewise.

    Returns:
        The old value of each key, as JSON, which YAML reads as well.
    """

    def written(config: TrainingConfig | Mapping[str, Any]) -> dict[str, str]:
        plain = plain_config(config) if isinstance(config, TrainingConfig) else config
        return {key: json.dumps(value, sort_keys=True) for key, value in _leaves(plain, "")}

    before, after = written(old), written(new)
    # A version that does not know a key yet means the same as one that gives it no value.
    return {
        key: before.get(key, "null")
        for key in {**after, **before}
        if before.get(key, "null") != after.get(key, "null")
    }


def _read(path: Path) -> Document:
    try:
        text = read_text(path, SettingsError, _LARGEST)
    except FileNotFoundError:
        raise SettingsError(
            f"there is no settings file {path}; `tilesegm train init` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read as a settings file: {_reason(path, error)}"
        ) from None
    return read_document(text, str(path))


def _reason(path: Path, error: OSError | UnicodeDecodeError) -> str:
    """Say what a file or folder is that holds no settings, and where there are some."""
    if isinstance(error, IsADirectoryError):
        of_run = [found for found in (path / _OF_RUN, path.parent / _OF_RUN) if found.is_file()]
        return "it is a folder; " + (
            f"{of_run[0]} has those of the run" if of_run else "`tilesegm train init` writes a file"
        )
    if isinstance(error, UnicodeDecodeError):
        return "it is no text; expected YAML in UTF-8, such as `tilesegm train init` writes"
    return str(error.strerror)


def _expanded(node: Any, path: tuple[str | int, ...], document: Document) -> Any:
    """Put environment variables in place of ``${NAME}``."""

    def value(variable: re.Match[str]) -> str:
        name = variable[1]
        if name not in os.environ:
            raise SettingsError(
                f"{document.place(path)}: the environment variable {name} is not set; "
                f"set it, such as by export {name}=..."
            )
        return os.environ[name]

    if isinstance(node, str):
        return re.sub(r"\$\{(\w+)\}", value, node)
    if isinstance(node, dict):
        return {key: _expanded(one, (*path, key), document) for key, one in node.items()}
    if isinstance(node, list):
        return [_expanded(one, (*path, number), document) for number, one in enumerate(node)]
    return node


def _leaves(node: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the innermost keys, lists of plain values as one."""
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    elif isinstance(node, list | tuple) and any(isinstance(one, Mapping) for one in node):
        for number, value in enumerate(node):
            yield from _leaves(value, f"{name}[{number}]")
    else:
        yield name, node


def _joined(lines: list[str]) -> str:
    """Join the first few mistakes."""
    more = len(lines) - _SHOWN
    return " | ".join(lines[:_SHOWN]) + (f" | and {more} more" if more > 0 else "")
