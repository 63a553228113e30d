"""What the device of the running Keras backend can do."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["device_kind", "native_bfloat16"]


def device_kind() -> str:
    """Return ``"cpu"``, ``"gpu"`` or ``"tpu"``."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        kinds = {device.device_type.lower() for device in tf.config.list_logical_devices()}
        return next((kind for kind in ("tpu", "gpu") if kind in kinds), "cpu")
    if backend == "torch":
        import torch

        return "gpu" if torch.cuda.is_available() else "cpu"
    import jax

    return str(jax.default_backend())


def native_bfloat16() -> bool:
    """Tell whether the device multiplies bfloat16 natively.

    True for a TPU, for NVIDIA GPUs of compute capability 8 or more, and for CPUs whose flags name
    ``avx512_bf16`` or ``amx_bf16``.
    """
    kind = device_kind()
    if kind != "cpu":
        return kind == "tpu" or _gpu_capability() >= 8
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return False
    return re.search(r"\b(avx512_bf16|amx_bf16)\b", flags) is not None


def _gpu_capability() -> int:
    """Return the major compute capability of the first GPU, 0 when the backend does not say."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        device = tf.config.list_physical_devices("GPU")[0]
        details = tf.config.experimental.get_device_details(device)
        return int(details.get("compute_capability", (0,))[0])
    if backend == "torch":
        import torch

        return int(torch.cuda.get_device_capability()[0])
    import jax

    return int(str(getattr(jax.devices()[0], "compute_capability", "0")).partition(".")[0])
