"""Where numbers are computed: one device, or several that share each batch."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from tilesegm.errors import SettingsError
from tilesegm.training.config import DeviceSettings

__all__ = ["Devices", "open_devices"]


@dataclass(frozen=True)
class Devices:
    """The devices of a run."""

    strategy: Any = None
    """What `tf.distribute` calls a strategy; None for one device."""

    @property
    def replicas(self) -> int:
        """Devices that share a batch."""
        return 1 if self.strategy is None else int(self.strategy.num_replicas_in_sync)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes files; false for all workers but the first."""
        task = json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {})
        return self.strategy is None or not task.get("index")

    def scope(self) -> AbstractContextManager[Any]:
        """Return the scope in which variables are made."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that the devices cannot share evenly.

        Raises:
            SettingsError: it is no multiple of their number.
        """
        if batch % self.replicas:
            near = -(-batch // self.replicas) * self.replicas
            raise SettingsError(
                f"schedule.batch is {batch} and {self.replicas} devices share it; pass a multiple "
                f"of {self.replicas}, such as {near}"
            )


def open_devices(settings: DeviceSettings) -> Devices:
    """Find the devices of a run.

    Raises:
        SettingsError: the running Keras backend does not distribute.
    """
    import keras

    if settings.distribute == "none":
        return Devices()
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise SettingsError(
            f"device.distribute is {settings.distribute!r} and the Keras backend {backend}; many "
            "devices need TensorFlow: unset KERAS_BACKEND, or pass none"
        )
    if settings.precision == "float16":
        # LossScaleOptimizer takes gradients for those of all devices, and Keras hands it those
        # of each: one that overflows alone would part the weights of the devices.
        raise SettingsError(
            "device.precision is 'float16', which one device alone can train; pass 'bfloat16' or "
            "'float32' to distribute"
        )
    import tensorflow as tf

    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    return Devices(tf.distribute.MirroredStrategy(names))
