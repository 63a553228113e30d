"""Shows progress: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tilesegm.cli.terminal import PlainConsole, text_of
from tilesegm.closing import Closing
from tilesegm.events import (
    ClusterJoined,
    Event,
    Noted,
    PixelsDone,
    RunStarted,
    StageProgress,
    StageStarted,
)

__all__ = ["ProgressBar"]

_PAUSES = (10.0, 30.0, 60.0)
"""Seconds before the first line of a log, before the second, and before each further one."""


class ProgressBar(Closing):
    """Reports events of a run on standard error.

    On a terminal it draws a bar; in a file, pipe or batch system it prints a line with time,
    percentage, rate and time left, at first after 10 s, later once per minute.

    Args:
        quiet: whether no progress is reported.
        notes: whether notes are printed; when not given, unless ``quiet``.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        quiet: bool = False,
        *,
        notes: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notes = not quiet if notes is None else notes
        console = PlainConsole(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[rate]}", markup=False),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._logs = not quiet and not console.is_terminal
        self._clock = clock
        self._task: TaskID | None = None
        self._name = ""
        self._total = self._start = self._completed = 0.0
        self._began = self._due = 0.0
        self._lines = 0
        self._noted: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Report an event of the engine."""
        match event:
            case RunStarted():
                self._begin(event.uri, event.pixels, event.resumed)
            case PixelsDone():
                self._completed += event.pixels
                self._update(f"{self._per_second() / 1e6:.1f} MP/s")
            case StageStarted():
                self._begin(event.name, 1, 0)
            case StageProgress():
                self._completed = event.fraction
                self._update("")
            case ClusterJoined() if self._notes:
                plural = "s" if event.workers > 1 else ""
                page = f", seen at {event.dashboard}" if event.dashboard else ""
                self.say(f"{event.workers} worker{plural} at work{page}")
            case Noted() if self._notes and event.text not in self._noted:
                self._noted.add(event.text)  # once, also where it holds for many images
                self.say(f"note: {event.text}")

    def close(self) -> None:
        """Leave the terminal to others."""
        self._bar.stop()

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(line, highlight=False, soft_wrap=True)

    def _begin(self, name: str, total: float, completed: float) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        name = text_of(name)
        self._task = self._bar.add_task(name, total=total, completed=int(completed), rate="")
        self._name, self._total, self._start, self._completed = name, total, completed, completed
        self._began = self._clock()
        self._due, self._lines = self._began + _PAUSES[0], 0

    def _update(self, rate: str) -> None:
        if self._task is None:
            return
        self._bar.update(self._task, completed=self._completed, rate=rate)
        if self._logs and self._clock() >= self._due:
            self._lines += 1
            self._due = self._clock() + _PAUSES[min(self._lines, len(_PAUSES) - 1)]
            self.say(self._line(rate))

    def _line(self, rate: str) -> str:
        parts = [f"{self._completed / self._total:.0%}", rate]
        if speed := self._per_second():
            left = timedelta(seconds=round((self._total - self._completed) / speed))
            parts.append(f"{left} left")
        now = datetime.now().astimezone().isoformat(" ", "seconds")
        return f"{now}  {self._name}: {', '.join(filter(None, parts))}"

    def _per_second(self) -> float:
        return (self._completed - self._start) / max(self._clock() - self._began, 1e-9)
