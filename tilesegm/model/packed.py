"""A model that lies in memory, as bytes for another process."""

from __future__ import annotations

import pickle
from typing import Any

from tilesegm.errors import ModelError, SettingsError

__all__ = ["pack", "unpack"]


def pack(model: Any) -> bytes:
    """Return a model, or a list of several, as bytes; functions of scripts and notebooks too.

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


def unpack(data: bytes) -> Any:
    """Return what `pack` packed in another process of ours, which is trusted with its code.

    Raises:
        ModelError: a module that it needs is missing here, or has another version.
    """
    try:
        return pickle.loads(data)
    except Exception as error:
        raise ModelError(
            f"the network cannot be unpacked in a worker ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:120]}); install there what it needs, or save it and "
            "pass its path"
        ) from error
