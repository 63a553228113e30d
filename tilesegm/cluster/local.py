"""Worker processes on this machine."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
from contextlib import suppress
from typing import Any

from tilesegm.errors import ClusterError

__all__ = ["cores", "end_workers", "has_pages", "start_workers"]

_THREADS = (
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)


def has_pages() -> bool:
    """Tell whether Dask's pages about workers can be shown: they need bokeh."""
    return importlib.util.find_spec("bokeh") is not None


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_workers(count: int) -> Any:
    """Start a `LocalCluster` of processes that share the cores, one region at a time in each.

    Raises:
        ClusterError: they do not start.
    """
    from distributed import LocalCluster

    threads = str(max(cores() // count, 1))
    try:
        return LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",  # any port that is free
            silence_logs=logging.CRITICAL + 1,
            memory_limit=0,  # what a worker takes is planned; half a process is of no use
            env=dict.fromkeys(_THREADS, threads),
            preload=["tilesegm.cluster.preload"],
        )
    except (RuntimeError, OSError, TimeoutError) as error:
        raise ClusterError(
            f"{count} workers do not start ({' '.join(str(error).split())[:200]}); in a script, "
            'start the run under `if __name__ == "__main__":`, since each worker imports the script'
        ) from error


def end_workers(cluster: Any) -> None:
    """Kill the workers of a `LocalCluster`: chunks that they leave half written fail their digest.

    Args:
        cluster: what `start_workers` returned.
    """
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        with suppress(OSError, TypeError):  # it is gone, or has not started
            os.kill(nanny.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
