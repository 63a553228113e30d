"""Segments an image in its own process: ``python -m tests.cluster.one_process THREADS ...``."""

from __future__ import annotations

import sys

import tilesegm as ts


def main(threads: str, image: str, model: str, output: str) -> None:
    """Segment with so many threads of TensorFlow."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    options = ts.Options(confidence="margin", scores="float32")
    ts.segment(image, model, output, tiling=ts.Tiling(tile=128, overlap=32), options=options)


if __name__ == "__main__":
    main(*sys.argv[1:])
