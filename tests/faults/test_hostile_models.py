"""Model files that try to run code, reach other files, or unpack to more than memory."""

# ruff: noqa: E501 (tables of attacks, one a row)

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.model.networks import wrap
from tilesegm.errors import ModelError
from tilesegm.model.open import open_model
from tilesegm.networks.encoder_file import _open as open_encoder


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.keras"
    wrap(layers.Conv2D(2, 1)).save(path)
    return path


def rewritten(net: Path, path: Path, change: dict[str, bytes], deflate: bool = False) -> Path:
    """Write a Keras file again, with other contents of some members."""
    kind = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    with zipfile.ZipFile(net) as old, zipfile.ZipFile(path, "w", kind) as new:
        for name in {**dict.fromkeys(old.namelist()), **change}:
            new.writestr(name, change.get(name) or old.read(name))
    return path


def weights(write: Callable[[h5py.File], Any], path: Path) -> bytes:
    with h5py.File(path, "w") as file:
        write(file)
    return path.read_bytes()


HDF5: dict[str, Callable[[h5py.File], Any]] = {
    "a giant shape": lambda f: f.create_dataset("a", (10**6, 10**6), "f4", chunks=(8, 8)),
    "many large ones": lambda f: [
        f.create_dataset(f"a{n}", (10**7,), "f4", chunks=(1000,)) for n in range(9)
    ],
    "other files, by a link": lambda f: f.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/")),
    "other arrays, by a link": lambda f: f.__setitem__("a", h5py.SoftLink("/b")),
    "other files, as storage": lambda f: f.create_dataset(
        "a", (9,), "u1", external=[("/etc/passwd", 0, 9)]
    ),
    "other files, as a mosaic": lambda f: f.create_virtual_dataset("a", layout()),
}


def layout() -> h5py.VirtualLayout:
    made = h5py.VirtualLayout((4,), "u1")
    made[:] = h5py.VirtualSource("/tmp/other.h5", "a", (4,))
    return made


@pytest.mark.parametrize("name", HDF5)
@pytest.mark.parametrize("deflate", [False, True], ids=["stored", "deflated"])
def test_weights_beyond_their_file(tmp_path: Path, net: Path, name: str, deflate: bool) -> None:
    data = weights(HDF5[name], tmp_path / "w.h5")
    path = rewritten(net, tmp_path / "bad.keras", {"model.weights.h5": data}, deflate)
    with pytest.raises(ModelError, match=r"times; if you trust|expected|another file") as told:
        open_model(path)
    assert str(path) in str(told.value)
    with pytest.raises(ModelError, match="encoder"):
        open_encoder(path)
    with pytest.raises(ModelError, match=r"times; if you trust|expected|another file"):
        open_model(tmp_path / "w.h5")


def test_a_zip_bomb(tmp_path: Path, net: Path) -> None:
    path = rewritten(net, tmp_path / "bomb.keras", {"assets/zeros": bytes(2**28)}, deflate=True)
    assert path.stat().st_size < 2**20
    with pytest.raises(ModelError, match="unpacks to 268 MB"):
        open_model(path)


def test_nested_layers(tmp_path: Path, net: Path) -> None:
    deep = json.dumps({"a": 1})
    for opening, closing in (("[", "]"), ('{"config":', "}")):
        text = (opening * 100_000 + deep + closing * 100_000).encode()
        with pytest.raises(ModelError, match="cannot be loaded"):
            open_model(rewritten(net, tmp_path / "deep.keras", {"config.json": text}))


def test_code_runs_only_where_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = wrap(lambda x: layers.Conv2D(2, 1)(layers.Lambda(lambda y: 2 * y)(x)))
    tiles = np.ones((1, 8, 8, 3), np.uint8)
    for name in ("code.keras", "code.h5"):
        double.save(tmp_path / name)
        with pytest.raises(ModelError, match="Lambda layer, which may run any code; if you trust"):
            open_model(tmp_path / name)
    monkeypatch.setenv("TILESEGM_TRUST", "1")
    trusted = open_model(tmp_path / "code.keras")
    np.testing.assert_array_equal(trusted(tiles), open_model(double)(tiles))


def served(
    folder: Path, function: Callable[[Any], Any], init: Callable[[], Any] | None = None
) -> Path:
    """Save a SavedModel whose scores go through a function."""

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = tf.Variable([0.0, 1.0])

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
        def __call__(self, x: Any) -> Any:
            return {"scores": function(x[..., :2] + self.bias)}

    tf.saved_model.save(Net(), str(folder))
    return folder


def after(operation: Callable[[], Any]) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        done = operation()
        with tf.control_dependencies([done] if done is not None else []):
            return tf.identity(x)

    return function


def inside_branches(x: Any) -> Any:
    return tf.cond(
        tf.reduce_sum(x) > 0,
        lambda: (
            x
            + tf.map_fn(
                lambda n: (
                    tf.cast(tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32) + n
                ),
                tf.zeros(2),
            )
        ),
        lambda: x,
    )


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "WriteFile": after(lambda: tf.io.write_file("/tmp/never-written", "x")),
    "ReadFile": after(lambda: tf.io.read_file("/etc/passwd")),
    "MatchingFiles": after(lambda: tf.io.matching_files("/*")),
    "EagerPyFunc": lambda x: tf.reshape(tf.py_function(lambda y: y, [x], tf.float32), tf.shape(x)),
    "PyFunc": lambda x: tf.reshape(tf.numpy_function(lambda y: y, [x], tf.float32), tf.shape(x)),
    "SaveV2": after(lambda: tf.raw_ops.SaveV2(prefix="/tmp/never", tensor_names=["a"], shape_and_slices=[""], tensors=[tf.zeros(1)])),
    "RestoreV2": after(lambda: tf.raw_ops.RestoreV2(prefix="/tmp/never", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])[0]),
    "ShardedFilename": after(lambda: tf.raw_ops.ShardedFilename(basename="/tmp/a", shard=0, num_shards=1)),
    "MergeV2Checkpoints": after(lambda: tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=["/tmp/a"], destination_prefix="/tmp/b")),
    "PrintV2": after(lambda: tf.print("x", output_stream="file:///tmp/never-written")),
    "TFRecordReaderV2": after(lambda: tf.raw_ops.TFRecordReaderV2()),
    "CreateSummaryFileWriter": after(lambda: tf.raw_ops.CreateSummaryFileWriter(writer=tf.raw_ops.SummaryWriter(), logdir="/tmp/never", max_queue=1, flush_millis=1, filename_suffix="a")),
    "DebugIdentityV3": lambda x: tf.raw_ops.DebugIdentityV3(input=x, debug_urls=["file:///tmp/never"]),
    "TextLineDataset": after(lambda: tf.raw_ops.TextLineDataset(filenames=["/etc/passwd"], compression_type="", buffer_size=1)),
    "ReadFile in branches": inside_branches,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_graphs_that_reach_beyond_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = served(tmp_path / "net", FUNCTIONS[name])

    def load(*arguments: Any) -> None:
        raise AssertionError("TensorFlow loaded it")

    monkeypatch.setattr(tf.saved_model, "load", load)
    with pytest.raises(ModelError, match=f"need: .*{name.split()[0]}.*; if you trust it, pass"):
        open_model(path)
    monkeypatch.setenv("TILESEGM_TRUST", "1")
    with pytest.raises(ModelError, match="TensorFlow loaded it"):
        open_model(path)


def test_a_table_from_a_file_is_refused(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("0\n1\n")

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            start = tf.lookup.TextFileInitializer(
                str(words), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
            )
            self.table = tf.lookup.StaticHashTable(start, -1)

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
        def __call__(self, x: Any) -> Any:
            number = self.table.lookup(tf.constant(["1"]))
            return {"scores": x + tf.cast(number[0], tf.float32)}

    tf.saved_model.save(Net(), str(tmp_path / "net"))
    with pytest.raises(ModelError, match="InitializeTableFromTextFileV2"):
        open_model(tmp_path / "net")


def test_the_saver_alone_may_save_and_restore(tmp_path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    path = served(tmp_path / "net", tf.identity)
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((path / "saved_model.pb").read_bytes())
    graph = model.meta_graphs[0]
    saves = next(f for f in graph.graph_def.library.function if "traced_save" in f.signature.name)
    # The signature calls the saver's own function as well.
    for function in graph.graph_def.library.function:
        if "signature_wrapper" in function.signature.name:
            call = function.node_def.add(name="hidden", op="StatefulPartitionedCall")
            call.attr["f"].func.name = saves.signature.name
    (path / "saved_model.pb").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="MergeV2Checkpoints, SaveV2"):
        open_model(path)


@pytest.mark.parametrize("how", ["export", "saved_model", "version 1"])
def test_honest_graphs_pass(tmp_path: Path, how: str) -> None:
    path = tmp_path / "net"
    if how == "export":
        wrap(layers.Conv2D(2, 1)).export(path, verbose=False)
    elif how == "saved_model":
        served(path, tf.identity)
    else:
        graph = tf.Graph()
        with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
            x = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3))
            kernel = tf.compat.v1.get_variable("k", (1, 1, 3, 2), use_resource=False)
            scores = tf.nn.conv2d(x, kernel, 1, "SAME")
            session.run(tf.compat.v1.global_variables_initializer())
            tf.compat.v1.saved_model.simple_save(session, str(path), {"x": x}, {"y": scores})
    assert len(open_model(path, bands=3).spec.classes) == 2


def test_a_saved_model_in_chunks_or_with_links_out(tmp_path: Path) -> None:
    path = served(tmp_path / "net", tf.identity)
    shutil.copy(path / "saved_model.pb", path / "saved_model.cpb")
    with pytest.raises(ModelError, match="chunks, which are not looked into; if you trust"):
        open_model(path)
    (path / "saved_model.cpb").unlink()
    (path / "assets" / "words").symlink_to("/etc/passwd")
    with pytest.raises(ModelError, match="link out of it"):
        open_model(path)


def test_keras_refuses_what_it_is_known_to_have_let_in(tmp_path: Path, net: Path) -> None:
    """The advisories up to CVE-2026-12481, each of which a file used to get past safe mode."""
    inner = {"module": "keras.utils", "class_name": "function", "registered_name": "function"}
    (tmp_path / "words.txt").write_text("secret\n")
    for layer in (
        {
            **inner,
            "config": "get_file",
            "module": "keras.src.utils.file_utils",
        },
        {
            "module": "keras.layers",
            "class_name": "StringLookup",
            "config": {"name": "a", "vocabulary": str(tmp_path / "words.txt")},
            "registered_name": None,
        },
        {
            "module": "keras.layers",
            "class_name": "TFSMLayer",
            "config": {"name": "a", "filepath": str(tmp_path / "net")},
            "registered_name": None,
        },
        {
            "module": "os",
            "class_name": "function",
            "config": "system",
            "registered_name": "function",
        },
        {
            "module": "keras.config",
            "class_name": "function",
            "config": "enable_unsafe_deserialization",
            "registered_name": "function",
        },
    ):
        config = json.loads(zipfile.ZipFile(net).read("config.json"))
        config["config"]["layers"].insert(1, {**layer, "name": "a", "inbound_nodes": []})
        data = json.dumps(config).encode()
        with pytest.raises(ModelError, match="cannot be loaded"):
            open_model(rewritten(net, tmp_path / "bad.keras", {"config.json": data}))
