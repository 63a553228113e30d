"""Networks and files that are refused, and what their refusal advises.

Run as a program, it prints the table of docs/models.md.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import tilesegm as ts
from tilesegm.errors import TilesegmError

__all__ = ["IMAGE", "ROWS", "Row", "Run", "refusal"]

IMAGE = np.random.default_rng(7).integers(0, 256, (128, 96, 3)).astype(np.uint8)
"""The networks below give the brightest band as the class, so its arg-max is the class map."""


@dataclass(frozen=True)
class Run:
    """A network, and all that is said of it."""

    model: Any
    options: dict[str, Any] = field(default_factory=dict)
    tiling: dict[str, Any] = field(default_factory=dict)
    image: np.ndarray = field(default_factory=lambda: IMAGE)

    def __call__(self) -> ts.Segmentation:
        return ts.segment(
            self.image,
            self.model,
            "map.tif",
            tiling=ts.Tiling(**self.tiling),
            options=ts.Options(**self.options),
        )


@dataclass(frozen=True)
class Row:
    """A refusal, and the run that follows its advice."""

    name: str
    make: Callable[[], Run]
    follow: Callable[[Run], Run] | None
    """None where it takes software that is not installed with tilesegm."""
    how: str
    """Words for what following does."""
    exact: bool = True
    """Whether the brightest band must come out."""


def refusal(row: Row) -> str:
    """Return what is said of a network of a row, without its name."""
    try:
        row.make()()
    except TilesegmError as error:
        return str(error).partition(" ")[2]
    raise AssertionError(f"{row.name} was not refused")


def brightest(x: Any, name: str | None = None) -> Any:
    """Return scores of three classes: the bands times a unit matrix."""
    eye = keras.initializers.Constant(np.eye(3)[None, None])
    return layers.Conv2D(3, 1, use_bias=False, kernel_initializer=eye, name=name)(x)


def net(build: Callable[[Any], Any] = brightest, shape: Any = (None, None, 3), **more: Any) -> Any:
    inputs = keras.Input(shape, name="image", **more)
    return keras.Model(inputs, build(inputs), name="net")


def saved(path: str, shape: Any, give: Callable[[Any], Any], *keys: str) -> Any:
    """Save a SavedModel with signatures of one input."""

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
        def __call__(self, x: Any) -> Any:
            return give(self.scale * x)

    module = Module()
    tf.saved_model.save(
        module, path, signatures=dict.fromkeys(keys or ["serving_default"], module.__call__)
    )
    return path


@keras.saving.register_keras_serializable(package="tests.refusals")
class Named(layers.Layer):
    """A layer of a user's own."""

    def call(self, inputs: Any) -> Any:
        return inputs


def two_inputs() -> Run:
    first, second = keras.Input((None, None, 2), name="a"), keras.Input((None, None, 1), name="b")
    both = brightest(layers.Concatenate()([first, second]))
    return Run(keras.Model([first, second], both, name="net"))


def of_file(path: str, write: Callable[[str], Any]) -> Run:
    write(path)
    return Run(path)


def channels_first(x: Any) -> Any:
    return layers.Permute((3, 1, 2))(brightest(layers.Permute((2, 3, 1))(x)))


def quarter(x: Any) -> Any:
    return brightest(layers.AveragePooling2D(4)(x))


def ids(pixels: Any) -> Any:
    return pixels.argmax(-1)[..., None].astype("float32")


def mask(pixels: Any) -> Any:
    return (pixels[..., :1] > 100).astype("float32")


def difference(pixels: Any) -> Any:
    return pixels[..., :1] - pixels[..., 1:2]


def moved(pixels: Any) -> Any:
    return np.moveaxis(pixels, -1, 1)


def one_row(pixels: Any) -> Any:
    return pixels.reshape(len(pixels), -1, pixels.shape[3])


def first_tile(pixels: Any) -> Any:
    return pixels[:1]


def complex_scores(pixels: Any) -> Any:
    return pixels + 0j


def nothing(pixels: Any) -> None:
    return None


def small(pixels: Any) -> Any:
    return pixels[:, ::4, ::4]


def pair(pixels: Any) -> Any:
    return np.concatenate([1 - pixels[..., :1], pixels[..., :1]], -1)


def network_of_bytes() -> Any:
    return net(lambda x: brightest(keras.ops.cast(x, "float32")), dtype="uint8")


def with_weights_only(path: str) -> None:
    net().save_weights(path)


def rebuilt(run: Run) -> Run:
    network = net()
    network.load_weights(run.model)
    network.save("net.keras")
    return Run("net.keras")


def checkpoint(path: str) -> None:
    tf.train.Checkpoint(net()).write(f"{path}/net")


def restored(run: Run) -> Run:
    network = net()
    tf.train.Checkpoint(network).restore(f"{run.model}/net").expect_partial()
    network.export("exported", verbose=False)
    return Run("exported")


def file_of_keras_2(path: str) -> None:
    config = {"module": "keras.src.engine.functional", "class_name": "Functional", "config": {}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("model.weights.h5", b"")


def custom(path: str) -> None:
    net(lambda x: brightest(Named()(x))).save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = parts["config.json"].replace(b"tests.refusals>Named", b"mine>Named")
    parts["config.json"] = parts["config.json"].replace(b"tests.model.refusals", b"mine")
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def tflite(path: str) -> None:
    converter = tf.lite.TFLiteConverter.from_keras_model(net(shape=(128, 128, 3)))
    Path(path).write_bytes(converter.convert())


def interpreted(run: Run) -> Run:
    interpreter = tf.lite.Interpreter(run.model)
    interpreter.allocate_tensors()
    (given,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()

    def function(pixels: Any) -> Any:
        tiles = []
        for tile in pixels:
            interpreter.set_tensor(given["index"], tile[None])
            interpreter.invoke()
            tiles.append(interpreter.get_tensor(scores["index"])[0])
        return np.stack(tiles)

    return Run(function)


def frozen(path: str) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), name="x")
        tf.multiply(x, 2.0, name="y")
    Path(path).write_bytes(graph.as_graph_def().SerializeToString())


def imported(run: Run) -> Run:
    definition = tf.compat.v1.GraphDef.FromString(Path(run.model).read_bytes())
    wrapped = tf.compat.v1.wrap_function(
        lambda: tf.compat.v1.import_graph_def(definition, name=""), []
    )
    return Run(wrapped.prune("x:0", "y:0"))


def zipped(path: str) -> None:
    net().export("exported", verbose=False)
    with zipfile.ZipFile(path, "w") as archive:
        for file in Path("exported").rglob("*"):
            archive.write(file, file.relative_to("exported"))


def unzipped(run: Run) -> Run:
    zipfile.ZipFile(run.model).extractall("unzipped")
    return Run("unzipped")


def unpacked(path: str) -> None:
    net().save("net.keras")
    zipfile.ZipFile("net.keras").extractall(path)


def packed(run: Run) -> Run:
    shutil.move(shutil.make_archive("net", "zip", "net"), "net_packed.keras")
    return Run("net_packed.keras")


def described(path: str) -> None:
    Path(path).write_text(net().to_json())
    net().save_weights("net.weights.h5")


def from_text(run: Run) -> Run:
    network = keras.models.model_from_json(Path(run.model).read_text())
    network.load_weights("net.weights.h5")
    network.save("net.keras")
    return Run("net.keras")


def from_channels_first(run: Run) -> Run:
    chain = [layers.Permute((3, 1, 2)), run.model, layers.Permute((2, 3, 1))]
    return Run(keras.Sequential([keras.Input((None, None, 3)), *chain]))


def moved_signature(run: Run) -> Run:
    net = tf.saved_model.load(run.model)

    def function(x: Any) -> Any:
        scores = net.signatures["serving_default"](tf.constant(np.moveaxis(x, -1, 1)))["out"]
        return np.moveaxis(scores, 1, -1)

    return Run(function)


def in_rows(run: Run) -> Run:
    net = tf.saved_model.load(run.model)

    def function(x: Any) -> Any:
        scores = next(iter(net.signatures.get("serving_default")(tf.constant(x)).values()))
        return scores.numpy().reshape(-1, 64, 64, 3)

    return Run(function)


def signature_a(run: Run) -> Run:
    net = tf.saved_model.load(run.model)
    return Run(lambda x: net.signatures.get("a")(tf.constant(x)))


def exported(path: str) -> None:
    net().export(str(Path(path).parent), verbose=False)


def folder_in_folder(path: str) -> None:
    net().export(f"{path}/1", verbose=False)


def with_option(**more: Any) -> Callable[[Run], Run]:
    return lambda run: Run(run.model, {**run.options, **more}, image=run.image)


ROWS = (
    Row(
        "Keras network with a dict of outputs",
        lambda: Run(net(lambda x: {"seg": brightest(x), "edge": layers.Conv2D(1, 1)(x)})),
        with_option(head="seg"),
        "the option",
    ),
    Row(
        "Keras network with several outputs",
        lambda: Run(net(lambda x: [brightest(x, "seg"), layers.Conv2D(1, 1, name="edge")(x)])),
        with_option(head=0),
        "the option, by number",
    ),
    Row(
        "Keras network with several inputs",
        two_inputs,
        lambda run: Run(lambda x: run.model([x[..., :2], x[..., 2:]])),
        "a function",
    ),
    Row(
        "Keras network, channels first",
        lambda: Run(net(channels_first, (3, None, None))),
        from_channels_first,
        "the `Sequential`",
    ),
    Row(
        "Keras network, scores with channels first",
        lambda: Run(net(lambda x: layers.Permute((3, 1, 2))(brightest(x)))),
        lambda run: Run(keras.Sequential([run.model, layers.Permute((2, 3, 1))])),
        "the `Sequential`",
    ),
    Row(
        "SavedModel, channels first",
        lambda: Run(saved("net", (None, 3, None, None), lambda x: {"out": x})),
        moved_signature,
        "the function",
    ),
    Row(
        "function, scores with channels first",
        lambda: Run(moved),
        lambda run: Run(lambda x: np.moveaxis(moved(x), 1, -1)),
        "the function",
    ),
    Row(
        "Keras network, scores of a quarter of the size, as SegFormer",
        lambda: Run(net(quarter)),
        lambda run: Run(
            keras.Sequential([run.model, layers.UpSampling2D(4, interpolation="bilinear")])
        ),
        "a `Sequential`",
        exact=False,
    ),
    Row(
        "function, scores of a quarter of the size",
        lambda: Run(small),
        lambda run: Run(lambda x: layers.UpSampling2D(4, interpolation="bilinear")(small(x))),
        "a function",
        exact=False,
    ),
    Row(
        "Keras network, pixels in one row, as SegNet",
        lambda: Run(net(lambda x: layers.Reshape((64 * 64, 3))(brightest(x)), (64, 64, 3))),
        lambda run: Run(keras.Sequential([run.model, layers.Reshape((64, 64, 3))])),
        "the `Sequential`",
    ),
    Row(
        "SavedModel, pixels in one row",
        lambda: Run(saved("net", (None, 64, 64, 3), lambda x: tf.reshape(x, (-1, 4096, 3)))),
        in_rows,
        "the function",
    ),
    Row(
        "function, pixels in one row",
        lambda: Run(one_row),
        lambda run: Run(lambda x: one_row(x).reshape(-1, *x.shape[1:3], 3)),
        "the call",
    ),
    Row(
        "function that scores the first tile only",
        lambda: Run(first_tile, tiling={"tile": 64}),
        lambda run: Run(lambda x: x, tiling=run.tiling),
        "all tiles",
    ),
    Row(
        "function that gives complex numbers",
        lambda: Run(complex_scores),
        lambda run: Run(lambda x: run.model(x).real.astype("float32")),
        "float32",
    ),
    Row(
        "function that returns nothing",
        lambda: Run(nothing),
        lambda run: Run(lambda x: x),
        "the return",
    ),
    Row(
        "network that ends in a softmax over one channel",
        lambda: Run(net(lambda x: layers.Conv2D(1, 1, activation="softmax")(x))),
        lambda run: Run(net(lambda x: layers.Conv2D(1, 1, activation="sigmoid")(x))),
        "another network",
        exact=False,
    ),
    Row(
        "network that ends in an arg-max",
        lambda: Run(net(lambda x: keras.ops.argmax(brightest(x), -1)[..., None])),
        lambda run: Run(lambda x: keras.ops.one_hot(run.model(x)[..., 0], 3)),
        "the function",
    ),
    Row(
        "function that gives class ids as float",
        lambda: Run(ids),
        lambda run: Run(lambda x: x),
        "the scores",
    ),
    Row(
        "function that gives a mask of 0 and 1",
        lambda: Run(mask),
        with_option(network_outputs="probabilities"),
        "the option",
        exact=False,
    ),
    Row(
        "function that gives one logit per pixel",
        lambda: Run(difference),
        with_option(network_outputs="logits"),
        "the option",
        exact=False,
    ),
    Row(
        "function whose scores contradict the probe",
        lambda: Run(pair, {"scores": "float32"}),
        with_option(network_outputs="logits"),
        "the option",
        exact=False,
    ),
    Row(
        "network of uint8 input, uint16 image",
        lambda: Run(network_of_bytes(), image=IMAGE.astype(np.uint16) * 257),
        with_option(normalisation=ts.Normalisation((0.0,), (1 / 257,))),
        "the option",
    ),
    Row(
        "network of uint8 input, image of 0 to 1",
        lambda: Run(network_of_bytes(), image=(IMAGE / 255).astype(np.float32)),
        with_option(normalisation=ts.Normalisation((0.0,), (1 / 0.00392157,))),
        "the option",
    ),
    Row(
        "network of uint8 input with `--normalise 0:255`",
        lambda: Run(network_of_bytes(), {"normalisation": ts.Normalisation((0.0,), (1 / 255,))}),
        with_option(normalisation=None),
        "without it",
    ),
    Row(
        "network of 64 x 64 pixels with `--tile 512`",
        lambda: Run(net(shape=(64, 64, 3)), tiling={"tile": 512}),
        lambda run: Run(run.model),
        "without it",
    ),
    Row(
        "weights without a network, `.weights.h5`",
        lambda: of_file("net.weights.h5", with_weights_only),
        rebuilt,
        "these calls",
    ),
    Row(
        "checkpoint of TensorFlow",
        lambda: of_file("checkpoints", checkpoint),
        restored,
        "these calls",
    ),
    Row(
        "Keras file with a layer of your own",
        lambda: of_file("net.keras", custom),
        lambda run: Run(keras.models.load_model(run.model, custom_objects={"mine>Named": Named})),
        "the call",
    ),
    Row(
        "Keras file with a Lambda layer",
        lambda: of_file(
            "net.keras", net(lambda x: layers.Lambda(lambda y: 2 * y)(brightest(x))).save
        ),
        lambda run: Run(keras.models.load_model(run.model, safe_mode=False)),
        "the call",
    ),
    Row(
        "`.keras` file of Keras 2",
        lambda: of_file("net.keras", file_of_keras_2),
        None,
        "by hand with tf_keras 2.21",
    ),
    Row(
        "ONNX file",
        lambda: of_file("net.onnx", lambda path: Path(path).write_bytes(b"\x08\x07")),
        None,
        "by hand with onnxruntime",
    ),
    Row(
        "PyTorch file",
        lambda: of_file("net.pt", lambda path: Path(path).write_bytes(b"\x80\x02")),
        None,
        "not run",
    ),
    Row("TensorFlow Lite file", lambda: of_file("net.tflite", tflite), interpreted, "a function"),
    Row("frozen graph", lambda: of_file("net.pb", frozen), imported, "a function"),
    Row(
        "file inside of a SavedModel",
        lambda: of_file("exported/saved_model.pb", exported),
        lambda run: Run("exported"),
        "the folder",
    ),
    Row("zip of a SavedModel", lambda: of_file("net.zip", zipped), unzipped, "the folder"),
    Row(
        "folder that holds a SavedModel",
        lambda: of_file("models", folder_in_folder),
        lambda run: Run("models/1"),
        "the folder",
    ),
    Row(
        "SavedModel with several signatures",
        lambda: Run(saved("net", (None, None, None, 3), lambda x: {"out": x}, "a", "b")),
        signature_a,
        "the function",
    ),
    Row(
        "unpacked `.keras` file",
        lambda: of_file("net", unpacked),
        packed,
        "the call",
    ),
    Row(
        "path without its suffix",
        lambda: (net().save("net.keras"), Run("net"))[1],
        lambda run: Run("net.keras"),
        "the name",
    ),
    Row(
        "address of a network",
        lambda: (net().save("net.keras"), Run("https://example.org/net.keras"))[1],
        lambda run: Run("net.keras"),
        "the file",
    ),
    Row("architecture as JSON", lambda: of_file("net.json", described), from_text, "these calls"),
)


def table() -> str:
    """Return the table of docs/models.md."""
    lines = ["| network or file | the line, after its name | followed by |", "| --- | --- | --- |"]
    here = Path.cwd()
    for row in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            lines.append(f"| {row.name} | {refusal(row)} | {row.how} |")
            os.chdir(here)
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
