"""A scheduler with two workers, in a process to be killed: workers end with it.

python -m tests.cluster.scheduler PORT
"""

from __future__ import annotations

import sys
import time

from distributed import LocalCluster

__all__: list[str] = []

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, scheduler_port=int(sys.argv[1]), dashboard_address=":0"
    ):
        print("ready", flush=True)
        time.sleep(600)
