"""Models that lie in memory, on their way to workers."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from typing import Any

from distributed import WorkerPlugin, get_worker

from tilesegm.errors import ClusterError, SettingsError

__all__ = ["ModelPlugin", "Shipped", "pack"]


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
        """
        plugin = get_worker().plugins.get(self.name)
        if plugin is None:
            raise ClusterError(
                "the model did not reach a worker; save it, and pass its path, which workers open"
            )
        return pickle.loads(plugin.data)


def pack(model: Any) -> bytes:
    """Return a model as bytes.

    Raises:
        SettingsError: it is none that can be sent.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(model))
    except Exception as error:
        raise SettingsError(
            f"{model!r:.80} cannot be sent to workers ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:120]}); save it, and pass its path"
        ) from error
