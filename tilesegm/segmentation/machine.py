"""Plans that no machine holds are refused unasked: a file may claim any number of bands."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from tilesegm.cluster.pool import Pool
from tilesegm.engine.plan import Plan
from tilesegm.errors import BudgetError

__all__ = ["check_machine", "check_workers", "free_memory", "machine_memory"]

_MEMORY = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def machine_memory() -> int | None:
    """Return bytes of memory, or of the container's; None where the system does not tell."""
    sizes = []
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):  # no container, or "max"
        sizes.append(int(_CONTAINER.read_text()))
    return min(sizes, default=None)


def free_memory() -> int | None:
    """Return bytes that a process may still take; None where the system does not tell."""
    sizes = [machine_memory()]
    with suppress(OSError, ValueError):  # Linux alone tells
        found = re.search(r"^MemAvailable:\s+(\d+) kB", _MEMORY.read_text(), re.MULTILINE)
        sizes.append(int(found[1]) * 1024 if found else None)
    return min((size for size in sizes if size is not None), default=None)


def check_machine(plan: Plan, limit: int | None) -> None:
    """Refuse a plan beyond the memory of the machine, unless the user set a limit.

    Args:
        plan: of a run.
        limit: that the user set; plans above it were refused when they were made.

    Raises:
        BudgetError: the machine has less.
    """
    there = machine_memory()
    if limit is None and there is not None and plan.memory.peak > there:
        raise BudgetError(
            f"this machine has {there / 1e6:.0f} MB of memory, and {plan.info.uri} with its "
            f"{plan.info.bands} bands needs {plan.memory.peak / 1e6:.0f} MB; take smaller tiles "
            "(--tile), fewer bands (--bands) or fewer results, or set --memory"
        )


def check_workers(plan: Plan, pool: Pool, limit: int | None) -> None:
    """Refuse a plan beyond the memory of the machine or of the workers that are to compute it.

    Args:
        plan: of a run; each worker needs its memory.
        pool: the workers.
        limit: that the user set for each process.

    Raises:
        BudgetError: there is less.
    """
    there, needed = machine_memory(), plan.memory.peak * (pool.local or 0)
    if limit is None and there is not None and needed > there:
        raise BudgetError(
            f"this machine has {there / 1e6:.0f} MB of memory, and {pool.local} workers of "
            f"{plan.memory.peak / 1e6:.0f} MB each need {needed / 1e6:.0f} MB for {plan.info.uri}; "
            "take fewer (--workers), or set --memory for each"
        )
    pool.check_memory(plan.memory.peak)
