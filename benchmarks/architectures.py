"""Prints the table of docs/architectures.md: size, receptive field and speed of each network.

    python benchmarks/architectures.py [--threads N]

The time is that of one 256 x 256 window of 3 bands scored in float32 by a compiled predictor in
batches of 4, the fastest of 5.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tilesegm.networks.settings import EncoderSettings, ModelSettings

_ENCODERS = (
    "resnet50",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_v2_b0",
    "efficientnet_v2_s",
)
NETWORKS: dict[str, ModelSettings] = {
    "`unet`": ModelSettings(),
    "`residual`": ModelSettings(residual=True),
    "`attention`": ModelSettings(attention=True),
    "`aspp: [2, 4, 6]`": ModelSettings(aspp=(2, 4, 6)),
    "`upsampling: transpose`": ModelSettings(upsampling="transpose"),
    "`norm: group`": ModelSettings(norm="group"),
    "`unet++`": ModelSettings("unet++"),
    "`unet3+`": ModelSettings("unet3+"),
    **{
        f"encoder `{name}`": ModelSettings(encoder=EncoderSettings(name, weights=None))
        for name in _ENCODERS
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, help="threads of the network; all cores if left out")
    threads = parser.parse_args().threads

    import tensorflow as tf

    from tilesegm.model.open import open_model
    from tilesegm.model.receptive_field import receptive_field
    from tilesegm.networks.build import build

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    tiles = np.random.default_rng(0).normal(size=(4, 256, 256, 3)).astype(np.float32)
    print("| network | parameters | radius | halo | stride | exact | ms a window |")
    print("| --- | ---: | ---: | ---: | ---: | --- | ---: |")
    for name, settings in NETWORKS.items():
        model = build(settings, 3, 5)
        field = receptive_field(model)
        predictor = open_model(model)
        predictor(tiles)
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            predictor(tiles)
            seconds.append(time.perf_counter() - start)
        exact = "no" if field.inexact else "yes"
        print(
            f"| {name} | {model.count_params() / 1e6:.2f} M | {field.radius} | {field.halo} "
            f"| {field.stride} | {exact} | {1000 * min(seconds) / len(tiles):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
