"""A page to look at: one HTML file that holds everything it shows."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from tilesegm.files import write_file
from tilesegm.report.text import escaped
from tilesegm.version import __version__

__all__ = ["PAGE_MARK", "Page"]

PAGE_MARK = b"<footer>tilesegm "
"""What tells a page of ours."""

# Whatever slipped into a page, the browser would fetch nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root { --ink: #1b1f24; --soft: #5b6570; --line: #d8dee4; --paper: #fff; --accent: #2458a6 }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1100px; margin: 2rem auto; padding: 0 1.25rem }
h1 { font-size: 1.7rem; margin: 0 0 .25rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem;
  border-bottom: 1px solid var(--line); padding-bottom: .25rem }
p { margin: .5rem 0; max-width: 75ch } .soft, figcaption, footer { color: var(--soft) }
table { border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem; border-bottom: 1px solid var(--line); text-align: right }
th:first-child, td:first-child { text-align: left } th { font-weight: 600 }
.wide { overflow-x: auto } figure { margin: 1rem 0; display: inline-block; vertical-align: top;
  margin-right: 1.5rem } figcaption { font-size: .87rem; max-width: 60ch }
img, svg { max-width: 100%; height: auto } .key i { display: inline-block; width: .9em;
  height: .9em; margin: 0 .35em 0 1em; vertical-align: -.1em; border: 1px solid #0003 }
footer { margin: 3rem 0 1rem; font-size: .85rem }
.swipe { position: relative; max-width: 100%; outline: 1px solid var(--line) }
.swipe > * { position: absolute; inset: 0; width: 100%; height: 100% }
.swipe .over { clip-path: inset(0 0 0 50%) }
.swipe .line { left: calc(50% - 1px); width: 2px; background: #fff;
  box-shadow: 0 0 0 1px #0008 }
.swipe .line::after { content: ""; position: absolute; top: calc(50% - 14px); left: -13px;
  width: 28px; height: 28px; border-radius: 50%; background: #fffc; box-shadow: 0 0 0 1px #0008 }
.swipe input { appearance: none; opacity: 0; margin: 0; cursor: ew-resize; touch-action: pan-y }
.swipe input::-webkit-slider-thumb { appearance: none; width: 1px; height: 100% }
.swipe input::-moz-range-thumb { width: 1px; height: 100%; border: 0 }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink) }
"""


class Page:
    """Grows from top to bottom; every text given to it is shown as text, never as markup."""

    def __init__(self, title: str, summary: str = "") -> None:
        """Begin with a title and a sentence below it."""
        self._title = title
        self._scripts: dict[str, None] = {}
        self._parts = [f"<h1>{escaped(title)}</h1>"]
        if summary:
            self._parts.append(f'<p class="soft">{escaped(summary)}</p>')

    def section(self, title: str, text: str = "") -> None:
        """Begin a section."""
        self._parts.append(f"<h2>{escaped(title)}</h2>")
        if text:
            self.text(text)

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{escaped(text)}</p>")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table; floats are shown with four digits after the point, NaN and None as a dash.

        Args:
            head: name of each column.
            rows: one value per column; the first one is the row's name.
        """
        cells = "".join(f"<th>{escaped(name)}</th>" for name in head)
        body = "".join(
            "<tr>" + "".join(f"<td>{escaped(_shown(value))}</td>" for value in row) + "</tr>"
            for row in rows
        )
        self._parts.append(
            f'<div class="wide"><table><thead><tr>{cells}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def columns(self, columns: Mapping[str, Iterable[object]]) -> None:
        """Add a table by its columns, the first of which names the rows."""
        self.table([*columns], zip(*columns.values(), strict=True))

    def figure(self, drawing: str, caption: str = "") -> None:
        """Add a drawing of `tilesegm.report.charts` or `tilesegm.report.pictures`."""
        note = f"<figcaption>{escaped(caption)}</figcaption>" if caption else ""
        self._parts.append(f"<figure>{drawing}{note}</figure>")

    def script(self, code: str) -> None:
        """Add a script of tilesegm, once; the browser runs no other: it knows them by their hashes.

        Args:
            code: a constant, with nothing of a user's in it.
        """
        self._scripts[code] = None

    def key(self, entries: Iterable[tuple[str, tuple[int, int, int]]]) -> None:
        """Add a legend of names and colours."""
        items = "".join(
            f'<span><i style="background:rgb({red},{green},{blue})"></i>{escaped(name)}</span>'
            for name, (red, green, blue) in entries
        )
        self._parts.append(f'<p class="key">{items}</p>')

    def save(self, path: str | Path) -> Path:
        """Write the page; it appears under its name when it is whole.

        Raises:
            OutputError: the page cannot be written.
        """
        target = Path(path)
        scripts = "".join(f"<script>{code}</script>" for code in self._scripts)
        text = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{self._policy}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escaped(self._title)}</title><style>{_STYLE}</style></head><body>"
            + "\n".join(self._parts)
            + f"<footer>tilesegm {__version__}</footer>{scripts}</body></html>\n"
        )
        write_file(target, text, PAGE_MARK)
        return target

    @property
    def _policy(self) -> str:
        hashes = [b64encode(sha256(code.encode()).digest()).decode() for code in self._scripts]
        allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
        return f"{_POLICY}; script-src {allowed}" if hashes else _POLICY


def _shown(value: object) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
