"""What the code of the documentation takes for granted: files of a user, and names."""

from __future__ import annotations

import ast
import builtins
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.images import GEO, blobs, write

__all__ = ["run", "settings_with"]

SIZE = (1100, 520)
"""Rows and columns of all images: blocks of 1024 rows cut them in two."""

SETTINGS: dict[str, Any] = {
    "data": {
        "scenes": [{"image": "city.tif", "labels": "city_truth.tif"}],
        "labels": {"classes": [{"name": "land", "value": 0}, {"name": "water", "value": 1}]},
    },
    "split": {"block": 64, "folds": 2, "buffer": 0},
    "model": {"filters": 4, "depth": 1},
    "schedule": {"epochs": 1, "steps": 2, "batch": 2, "size": 32},
    "validation": {"tile": 256, "overlap": 16},
}


def settings_with(sections: dict[str, Any]) -> str:
    """Settings of a small run as JSON, with some sections in place of its own."""
    return json.dumps(SETTINGS | sections)


def _image(path: Path) -> None:
    write(path, blobs(*SIZE), **GEO)


def _truth(path: Path) -> None:
    write(path, (blobs(*SIZE)[..., :1] > 127).astype(np.uint8), **GEO)


def _landsat(path: Path) -> None:
    """Write an image and its labels into a folder."""
    path.mkdir()
    _image(path / "landsat.tif")
    write(path / "landclass.tif", (1 + blobs(*SIZE, 1) % 7).astype(np.uint8), **GEO)


def _class_map(path: Path, scores: Any = "uint8") -> None:
    """Write a map of the image; names of other lengths have other thresholds."""
    import tilesegm as ts

    def network(pixels: np.ndarray) -> np.ndarray:
        bright = pixels[..., :1] - 120.0 - len(path.name)
        return np.concatenate([-bright, bright], -1)

    image = Path("city.tif")
    _image(image)
    ts.segment(image, network, path, options=ts.Options(scores=scores))


def _demo(path: Path) -> None:
    path.mkdir()
    _image(path / "scene.tif")
    for name in ("labels.tif", "classes.tif"):
        _truth(path / name)


def _folder(file: str, make: Callable[[Path], None]) -> Callable[[Path], None]:
    def fill(path: Path) -> None:
        path.mkdir()
        make(path / file)

    return fill


def _split(path: Path) -> None:
    height, width = SIZE
    half = height // 2
    pieces = [[0, 0, 0, half, width], [1, half, 0, half, width]]
    scene = {"name": "city", "height": height, "width": width, "pieces": pieces}
    head = {"format": "tilesegm split", "version": 1, "strategy": "blocks", "folds": 2}
    path.write_text(json.dumps(head | {"buffer": 4, "seed": 0, "notes": [], "scenes": [scene]}))


def _model() -> Any:
    import keras

    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.Conv2D(2, 3, padding="same", name="logits")(inputs)
    return keras.Model(inputs, outputs)


def _encoder_settings() -> Any:
    from tilesegm.networks.settings import EncoderSettings, ModelSettings

    encoder = EncoderSettings("mobilenet_v3_small", weights=None)
    return ModelSettings("unet", filters=4, encoder=encoder)


def _encoder_model() -> Any:
    from tilesegm.networks.build import build

    return build(_encoder_settings(), bands=3, classes=2)


def _bundle(make: Callable[[], Any]) -> Callable[[Path], None]:
    def write_bundle(path: Path) -> None:
        from tilesegm.model.bundle import save_bundle

        save_bundle(path, make())

    return write_bundle


FILES: dict[str, Callable[[Path], Any]] = {
    "city.tif": _image,
    "city_truth.tif": _truth,
    "a_classes.tif": _class_map,
    "b_classes.tif": _class_map,
    "b_classes.zarr": _class_map,
    "truth.tif": _truth,
    "data": _landsat,
    "city_model": _bundle(_model),
    "runs/roads/model": _bundle(_encoder_model),
    "net.keras": lambda path: _model().save(path),
    "city.yaml": lambda path: path.write_text(settings_with({})),
    "run/split.json": _split,
    "OUT.zarr": _class_map,
    "demo": _demo,
    "maps": _folder("a.tif", partial(_class_map, scores=None)),
    "truths": _folder("a.tif", _truth),
}
"""Files by the name that a text gives them."""
NEEDS = {"city.yaml": ("city.tif", "city_truth.tif")}


def _pixels() -> Any:
    return blobs(32, 32)[None].astype(np.float32)


def _ids() -> Any:
    return (blobs(32, 32, 1)[None, ..., 0] > 127).astype(np.int32)


def _scores() -> Any:
    return np.zeros((1, 32, 32, 2), np.float32)


def _samples() -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensors((_pixels(), _ids())).repeat(2)


NAMES: dict[str, Callable[[], Any]] = {
    "array": lambda: blobs(*SIZE),
    "model": _model,
    "network": _model,
    "paths": lambda: ["city.tif"],
    "tiles": _pixels,
    "mean": lambda: (100.0, 100.0, 100.0),
    "std": lambda: (50.0, 50.0, 50.0),
    "y_true": _ids,
    "y_pred": _scores,
    "instances": lambda: _ids()[0],
    "class_map": lambda: _ids()[0],
    "apart_tile": _ids,
    "numbered_tile": _ids,
    "scores": _scores,
    "scores_tile": _scores,
    "weights_tile": lambda: np.ones((1, 32, 32), np.float32),
    "transfer.model": _encoder_model,
    "transfer.settings": _encoder_settings,
    "weighting.tiles": _samples,
    "weighting.validation": _samples,
}
"""Names that a text uses without making them; after a page, if they differ there."""


def _free_names(code: str) -> set[str]:
    """Names that code reads and does not make."""
    nodes = list(ast.walk(ast.parse(code)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    made |= {
        alias.asname or alias.name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return {name.id for name in names} - made - {*dir(builtins)}


def run(code: str, namespace: dict[str, Any], page: str) -> None:
    """Run code in the current folder, with the files and names that it takes for granted."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and node.value in FILES:
            for name in (*NEEDS.get(node.value, ()), node.value):
                _make(name)
    for name in _free_names(code) - namespace.keys():
        make = NAMES.get(f"{page}.{name}", NAMES.get(name))
        assert make, f"{page} uses {name!r}, which nothing before has made"
        namespace[name] = make()
    exec(compile(code, page, "exec"), namespace)


def _make(name: str) -> None:
    path = Path(name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        FILES[name](path)
