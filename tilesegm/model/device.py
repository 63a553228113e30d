"""What the device of the running Keras backend can do."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["has_accelerator", "native_bfloat16"]


def has_accelerator() -> bool:
    """Tell whether it is something other than a CPU."""
    import keras

    return any(not name.startswith("cpu") for name in keras.distribution.list_devices())


def native_bfloat16() -> bool:
    """Tell whether it multiplies bfloat16 natively.

    True for a TPU, for NVIDIA GPUs of compute capability 8 or more, and for CPUs whose flags name
    ``avx512_bf16`` or ``amx_bf16``.
    """
    import keras

    devices = keras.distribution.list_devices()
    if any(name.startswith("tpu") for name in devices):
        return True
    if any(not name.startswith("cpu") for name in devices):
        return _gpu_capability() >= 8
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return False
    return re.search(r"\b(avx512_bf16|amx_bf16)\b", flags) is not None


def _gpu_capability() -> int:
    """Major compute capability of the weakest GPU; 0 when the backend does not say."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        details = [
            tf.config.experimental.get_device_details(device)
            for device in tf.config.list_physical_devices("GPU")
        ]
        return min(
            (int(detail.get("compute_capability", (0,))[0]) for detail in details), default=0
        )
    if backend == "torch":
        import torch

        if not torch.cuda.is_available():
            return 0
        count = torch.cuda.device_count()
        return min(int(torch.cuda.get_device_capability(device)[0]) for device in range(count))
    import jax

    return min(
        int(str(getattr(device, "compute_capability", "0")).partition(".")[0])
        for device in jax.devices()
    )
