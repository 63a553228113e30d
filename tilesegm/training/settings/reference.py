"""Writes the page of every key of a settings file from the settings themselves.

python -m tilesegm.training.settings.reference > docs/settings.md
"""

from __future__ import annotations

from tilesegm.checks import describe
from tilesegm.training.settings.commented import scalar
from tilesegm.training.settings.keys import REQUIRED, Key, Section, sections
from tilesegm.training.settings.yaml_positions import KeyPath

__all__ = ["reference"]

_INTRODUCTION = """\
# Settings of a training run

A training run is described by one YAML file. `tilesegm train init` writes one from images and
labels, and `tilesegm train CONFIG` runs it; see [training](training.md).

* Only `data` must be given. A section that is left out has the defaults of its keys.
* Relative paths begin at the folder of the file. `${NAME}` stands for an environment variable.
* `--set schedule.epochs=5` gives a key another value for one run; entries of lists are counted
  from 0, as in `--set data.scenes.0.role=train`.
* Unknown keys, wrong types and values out of range are refused with the line, the value, and what
  is allowed. Words are those of YAML 1.2: `true` and `false`, not `yes` and `no`. Colours need
  quotes, because `#` begins a comment.

Editors complete and explain the keys by their JSON schema. With the YAML extension of VS Code, or
another editor that uses `yaml-language-server`, write the schema beside the file,

```
tilesegm train schema > settings.schema.json
```

and name it in the first line of the file: `# yaml-language-server: $schema=settings.schema.json`.

This page is written by `python -m tilesegm.training.settings.reference` from the settings of the
package.
"""


def reference() -> str:
    """Return the page as Markdown."""
    return _INTRODUCTION + "".join(_section(path, section) for path, section in sections().items())


def _section(path: KeyPath, section: Section) -> str:
    title = f"`{_name(path)}`" if path else "The file"
    rows = "".join(_row(path, key) for key in section.keys)
    head = "| key | takes | default | meaning |\n| --- | --- | --- | --- |\n"
    return f"\n## {title}\n\n{_prose(section.text)}\n\n{head}{rows}"


def _row(path: KeyPath, key: Key) -> str:
    takes, default = describe(key.hint), "required"
    if key.inner is not None:
        name = _name((*path, key.name))
        takes = f"{'list of ' if key.several else ''}[{name}](#{_anchor((*path, key.name))})"
        default = "required" if key.default is REQUIRED else "its defaults"
        default = "none" if key.default is None else default
    elif key.default is not REQUIRED:
        default = f"`{scalar(key.default)}`"
    cells = (f"`{key.name}`", takes, default, _prose(key.text))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _name(path: KeyPath) -> str:
    return ".".join(part for part in path if isinstance(part, str))


def _anchor(path: KeyPath) -> str:
    """Return the anchor that Markdown gives a title."""
    return _name(path).replace(".", "").lower()


def _prose(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    print(reference(), end="")
