"""Models that lie in memory, on their way to workers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from distributed import WorkerPlugin, get_worker

from tilesegm.errors import ClusterError
from tilesegm.model.packed import unpack

__all__ = ["ModelPlugin", "Shipped"]


class ModelPlugin(WorkerPlugin):  # type: ignore[misc]
    """Keeps the bytes of a model on each worker, also on those that come later."""

    def __init__(self, data: bytes) -> None:
        self.name = f"tilesegm-model-{hashlib.sha256(data).hexdigest()[:16]}"
        self.data = data


@dataclass(frozen=True)
class Shipped:
    """Stands for a model that was sent to all workers."""

    name: str

    def unpack(self) -> Any:
        """Return the model, on a worker.

        Raises:
            ClusterError: it did not arrive.
            ModelError: it needs what is not there.
        """
        plugin = get_worker().plugins.get(self.name)
        if plugin is None:
            raise ClusterError(
                "the model did not reach a worker; save it, and pass its path, which workers open"
            )
        return unpack(plugin.data)
