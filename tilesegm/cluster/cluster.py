"""Which workers compute."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tilesegm.checks import in_range
from tilesegm.errors import SettingsError

__all__ = ["Cluster"]

_ADDRESS = re.compile(r"(?:\w+://)?(?:[^\s:/]+|\[[0-9a-fA-F:]+\]):(\d{1,5})(?:/\S*)?|inproc://\S+")
_PORTS = 65_535


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Workers of Dask that compute the regions of an image: exactly one of the first three.

    Results are the same whatever computes them, so this is no part of a run's fingerprint: what
    workers began can be finished without them, and the other way round.

    Example:
        >>> import tilesegm as ts
        >>> ts.Options(cluster=ts.Cluster(workers=2)).cluster
        Cluster(workers=2)
    """

    workers: int | None = None
    """Processes to start on this machine, which share its cores; they end with the run."""
    address: str | None = None
    """Address of a scheduler that runs, such as ``tcp://10.0.0.1:8786``."""
    client: Any = None
    """An open ``dask.distributed.Client``, which stays open."""
    resource: str | None = None
    """Resource that a worker must offer, such as ``GPU``: a region takes one of it."""

    def __post_init__(self) -> None:
        in_range("workers", self.workers, 1, what="a number of processes")
        given = [name for name in ("workers", "address", "client") if getattr(self, name)]
        if len(given) != 1:
            raise SettingsError(
                f"a cluster is given by {' and '.join(given) or 'nothing'}; give one: the number "
                "of workers to start here, the address of a scheduler, or a client"
            )
        if self.address and not _is_address(self.address):
            raise SettingsError(
                f"the scheduler's address is {self.address!r}; expected HOST:PORT, or with a "
                "protocol before it, such as tcp://10.0.0.1:8786"
            )
        if self.workers and self.resource:
            raise SettingsError(
                "workers that are started here offer no resource; leave the resource out, or give "
                "the address of a scheduler whose workers offer it"
            )

    def __repr__(self) -> str:
        fields = ("workers", "address", "client", "resource")
        told = (f"{name}={getattr(self, name)!r}" for name in fields if getattr(self, name))
        return f"Cluster({', '.join(told)})"


def _is_address(text: str) -> bool:
    found = _ADDRESS.fullmatch(text)
    return found is not None and (found[1] is None or 0 < int(found[1]) <= _PORTS)
