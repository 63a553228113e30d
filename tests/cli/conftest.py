"""The command line in this process, and small networks on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tilesegm.cli.main import main

__all__ = ["Cli", "Said"]


@dataclass(frozen=True)
class Said:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str


Cli = Callable[..., Said]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs ``tilesegm`` with words."""

    def run(*words: Any) -> Said:
        monkeypatch.setattr(sys, "argv", ["tilesegm", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of networks of random weights.

    ``b3.keras``, ``b7.keras`` and ``b8.keras`` take so many bands and give four classes;
    ``bundle`` is the first as a bundle; ``whole.keras`` scores an image, ``half.keras`` every
    second pixel, ``nan.keras`` gives NaN, ``pooled.keras`` looks at all of a tile at once.
    """
    import keras
    from keras import layers

    from tilesegm.model.bundle import save_bundle

    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(0)

    def save(name: str, bands: int, *chain: Any) -> keras.Model:
        model = keras.Sequential([keras.Input((None, None, bands)), *chain])
        model.save(folder / f"{name}.keras")
        return model

    def convolution(filters: int = 4, **settings: Any) -> Any:
        return layers.Conv2D(filters, 3, padding="same", **settings)

    scale = layers.Rescaling(1 / 255)
    for bands in (3, 7, 8):
        model = save(f"b{bands}", bands, scale, convolution(activation="relu"), convolution())
        if bands == 3:
            save_bundle(folder / "bundle", model)
    save("whole", 3, convolution(), layers.GlobalAveragePooling2D())
    save("half", 3, convolution(strides=2))
    save("pooled", 3, scale, convolution(), layers.GroupNormalization(groups=-1))
    broken = save("nan", 3, scale, convolution())
    broken.set_weights([weight * float("nan") for weight in broken.get_weights()])
    broken.save(folder / "nan.keras")
    deep = [scale, convolution(), *[layers.MaxPooling2D()] * 3, *[layers.UpSampling2D()] * 3]
    keras.Sequential([keras.Input((None, None, 3)), *[_again(layer) for layer in deep]]).save(
        folder / "stride8.keras"
    )
    return folder


def _again(layer: Any) -> Any:
    """Copy a layer, so that a chain may name it several times."""
    return type(layer).from_config(layer.get_config() | {"name": None})
