"""A run on the workers of a scheduler, in a process to be killed.

python -m tests.cluster.client IMAGE OUTPUT ADDRESS
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.cluster import networks
from tests.cluster.test_workers import run
from tilesegm.cluster.cluster import Cluster

__all__: list[str] = []

if __name__ == "__main__":
    image, output = map(Path, sys.argv[1:3])
    run(image, output, networks.slow, cluster=Cluster(address=sys.argv[3]))
