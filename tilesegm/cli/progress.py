"""Shows progress on a terminal: pixels, rate, and time left."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tilesegm.events import (
    Event,
    Noted,
    PixelsDone,
    RunStarted,
    StageProgress,
    StageStarted,
)

__all__ = ["ProgressBar"]


class ProgressBar:
    """Draws events of a run on standard error, if it is a terminal, and writes notes there.

    Args:
        quiet: whether nothing is drawn.
        notes: whether notes are written; as long as it is not ``quiet`` when not given.
    """

    def __init__(self, quiet: bool = False, *, notes: bool | None = None) -> None:
        self._notes = not quiet if notes is None else notes
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._began = 0.0
        self._pixels = 0

    def __call__(self, event: Event) -> None:
        """Show an event of the engine."""
        match event:
            case RunStarted():
                self._begin(event.uri, event.pixels, event.resumed)
            case PixelsDone():
                self._pixels += event.pixels
                rate = self._pixels / 1e6 / max(time.monotonic() - self._began, 1e-9)
                self._update(advance=event.pixels, rate=f"{rate:.1f} MP/s")
            case StageStarted():
                self._begin(event.name, 1, 0)
            case StageProgress():
                self._update(completed=event.fraction)
            case Noted() if self._notes:
                self._write(f"note: {event.text}")

    def _write(self, line: str) -> None:
        self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _begin(self, name: str, total: float, completed: float) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=total, rate="")
        self._progress.update(self._task, completed=completed)
        self._began, self._pixels = time.monotonic(), 0

    def _update(
        self, *, advance: float | None = None, completed: float | None = None, rate: str = ""
    ) -> None:
        if self._task is not None:
            self._progress.update(self._task, advance=advance, completed=completed, rate=rate)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
