"""How long distance transforms and border weight maps take, beside scipy and the naive way.

    KERAS_BACKEND=jax python benchmarks/losses.py [folder of real masks]

Without a folder, masks are drawn. Prints a table: medians of seven runs after one warm-up.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
from keras import ops
from PIL import Image
from scipy import ndimage

from tilesegm.data.border_weights import falk_weights, ronneberger_weights
from tilesegm.losses.edt import distance_transform
from tilesegm.losses.skeleton import thin


def drawn(side: int) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(side, side))
    return ndimage.gaussian_filter(noise, side / 64) > 0


def lonely(side: int) -> np.ndarray:
    """The worst case: one background pixel near a corner."""
    mask = np.ones((side, side), bool)
    mask[3, 4] = False
    return mask


def masks(folder: Path | None) -> Iterator[tuple[str, np.ndarray]]:
    if folder is None:
        for side in (256, 512, 1024):
            yield f"drawn {side}", drawn(side)
    else:
        for path in sorted(folder.rglob("*.png"))[:3]:
            with Image.open(path) as image:
                yield path.name, np.asarray(image.convert("L")) > 127
    yield "one seed 512", lonely(512)


def compiled(function: Callable[[object], object]) -> Callable[[object], object]:
    """Compile by XLA; Torch stays eager."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True, autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def milliseconds(function: Callable[[], object], runs: int = 7) -> float:
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))


def naive_weights(instances: np.ndarray, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """Ridge of ``ronneberger_weights`` by one transform of the whole image for each object."""
    nearest = second = np.full(instances.shape, np.inf)
    for i in range(1, instances.max() + 1):
        distance = ndimage.distance_transform_edt(instances != i)
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    return w0 * np.exp(-((nearest + second) ** 2) / (2 * sigma**2)) * (instances == 0)


def main(folder: Path | None) -> None:
    exact = compiled(distance_transform)
    near = compiled(lambda x: distance_transform(x, 8.0))
    lines = compiled(lambda x: thin(x[..., None]))
    print(f"backend {keras.backend.backend()}, milliseconds")
    print(f"{'mask':<16}{'scipy EDT':>10}{'EDT':>9}{'radius 8':>10}{'error':>10}{'thin':>9}")
    for name, mask in masks(folder):
        tensor = ops.convert_to_tensor(mask[None])
        truth = ndimage.distance_transform_edt(mask)
        error = np.abs(ops.convert_to_numpy(exact(tensor))[0] - truth).max()
        columns = [
            milliseconds(lambda m=mask: ndimage.distance_transform_edt(m)),
            milliseconds(lambda t=tensor: ops.convert_to_numpy(exact(t))),
            milliseconds(lambda t=tensor: ops.convert_to_numpy(near(t))),
        ]
        peel = milliseconds(lambda t=tensor: ops.convert_to_numpy(lines(t)), runs=3)
        print(
            f"{name:<16}{columns[0]:10.1f}{columns[1]:9.1f}{columns[2]:10.1f}{error:10.1e}{peel:9.1f}"
        )
    print(f"\n{'border weights':<16}{'objects':>8}{'naive':>10}{'2015':>9}{'2019':>9}{'error':>10}")
    for name, mask in masks(folder):
        instances, count = ndimage.label(mask)
        if count < 2:
            continue
        slow, fast = naive_weights(instances), ronneberger_weights(instances, class_weights=(0, 0))
        times = [
            milliseconds(lambda i=instances: naive_weights(i), runs=1),
            milliseconds(lambda i=instances: ronneberger_weights(i)),
            milliseconds(lambda i=instances: falk_weights(i)),
        ]
        error = np.abs(slow - fast).max()
        print(f"{name:<16}{count:8d}{times[0]:10.0f}{times[1]:9.1f}{times[2]:9.1f}{error:10.1e}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
