"""The report of a run."""

from __future__ import annotations

from tilesegm.training.result import ResultData

__all__ = ["write_report"]


def write_report(data: ResultData) -> None:
    """Write it."""
