"""Where numbers are computed: one device, or several that share each batch."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from tilesegm.errors import SettingsError
from tilesegm.model.device import device_kind
from tilesegm.training.settings.config import DeviceSettings
from tilesegm.training.workers import Workers, join_workers

__all__ = ["Devices", "compiles_with_xla", "open_devices"]


@dataclass(frozen=True)
class Devices:
    """The devices of a run."""

    strategy: Any = None
    """A strategy of `tf.distribute`, a distribution of Keras for JAX, or None for one device."""
    count: int = 1
    """Devices that share a batch."""
    replicas: int = 1
    """Losses that a batch has: TensorFlow computes one a device, JAX one of the whole batch."""
    workers: Workers = field(default_factory=Workers)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the scope in which variables are made and trained."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that the devices cannot share evenly.

        Raises:
            SettingsError: it is no multiple of their number.
        """
        if batch % self.count:
            near = -(-batch // self.count) * self.count
            raise SettingsError(
                f"schedule.batch is {batch} and {self.count} devices share it; pass a multiple "
                f"of {self.count}, such as {near}"
            )


def compiles_with_xla(asked: bool | None, replicas: int = 1) -> bool:
    """Tell whether XLA compiles the training step.

    What is asked for counts. Left open, JAX compiles, which it is made for, and Torch does not.
    TensorFlow compiles on one GPU; on processors XLA makes spatial convolutions slower than
    TensorFlow's own kernels, and several devices have steps that it cannot compile as a whole.
    """
    import keras

    backend = keras.backend.backend()
    if asked is not None or backend != "tensorflow":
        return backend == "jax" if asked is None else asked
    return device_kind() != "cpu" and replicas == 1


def open_devices(settings: DeviceSettings, accumulate: int = 1) -> Devices:
    """Find the devices of a run.

    Args:
        settings: what to use.
        accumulate: batches whose gradients make one update.

    Raises:
        SettingsError: the running Keras backend does not distribute, or not with these settings,
            or other processes cannot be found.
    """
    import keras

    if settings.distribute == "none":
        return Devices()
    backend = keras.backend.backend()
    if backend == "jax":
        workers = join_workers() if settings.distribute == "workers" else Workers()
        parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
        return Devices(parallel, parallel.num_model_replicas, workers=workers)
    if settings.distribute == "workers":
        # Under MultiWorkerMirroredStrategy Keras 3.15 gets the batch as PerReplica values, which
        # its training step cannot convert to tensors.
        raise SettingsError(
            f"device.distribute is 'workers' and the Keras backend {backend}, which cannot train "
            "with several processes; set the environment variable KERAS_BACKEND=jax"
        )
    if backend != "tensorflow":
        raise SettingsError(
            f"device.distribute is 'mirrored' and the Keras backend {backend}, which trains on one "
            "device; set KERAS_BACKEND to tensorflow or jax, or pass none"
        )
    if accumulate > 1:
        # Keras gathers behind a condition, which a step shared by devices must not have.
        raise SettingsError(
            f"optimizer.accumulate is {accumulate}, which one device alone can do; pass 1 and a "
            "larger schedule.batch to distribute"
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
    strategy = tf.distribute.MirroredStrategy(names)
    return Devices(strategy, strategy.num_replicas_in_sync, strategy.num_replicas_in_sync)
