"""Files that hold no Keras network: what they are, and how their network comes in."""

from __future__ import annotations

import zipfile
from difflib import get_close_matches
from pathlib import Path

from tilesegm.errors import ModelError

__all__ = ["refuse_folder", "refuse_foreign", "refuse_missing"]

_KINDS = "a bundle folder, .keras file or SavedModel"
_FUNCTION = "pass a function of arrays (N, H, W, bands) that runs it in Python, see docs/models.md"
_FORMATS = {
    "a PyTorch file": ".pt .pth .ckpt .bin .safetensors",
    "an ONNX file": ".onnx",
    "a TensorFlow Lite file": ".tflite",
    "a frozen graph of TensorFlow 1": ".pb",
    "a pickled Python object": ".pkl .pickle .joblib",
}


def refuse_foreign(path: Path) -> ModelError:
    """Return the refusal of a file that is no Keras file."""
    if path.name == "saved_model.pb":
        return ModelError(f"{path} is part of a SavedModel; pass its folder, {path.parent}")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith("saved_model.pb") for name in names):
            return ModelError(f"{path} is a zip of a SavedModel; unzip it and pass the folder")
        if any(name.endswith("data.pkl") for name in names):
            return ModelError(f"{path} is a PyTorch file; {_FUNCTION}")
        if "config.json" in names and "metadata.json" in names:
            return ModelError(f"{path} is a Keras file under another name; call it .keras")
    elif path.suffix == ".keras":
        return ModelError(f"{path} is damaged: a .keras file is a zip archive; copy it again")
    for name, suffixes in _FORMATS.items():
        if path.suffix.lower() in suffixes.split():
            return ModelError(f"{path} is {name}; {_FUNCTION}")
    if path.suffix.lower() in (".json", ".yaml", ".yml"):
        return ModelError(
            f"{path} is text, which can describe the layers of a network and not hold its weights; "
            "in Python, net = keras.models.model_from_json(text), net.load_weights(...) and "
            "net.save('net.keras')"
        )
    return ModelError(f"{path} is no model; pass {_KINDS}")


def refuse_missing(path: Path) -> ModelError:
    """Return the refusal of a path at which there is nothing, with the name that was meant."""
    there = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
    longer = [name for name in there if name.lower().startswith(f"{path.name}.".lower())]
    near = longer or get_close_matches(path.name, there, 1, 0.8)
    hint = f"did you mean {path.parent / near[0]}?" if near else f"pass {_KINDS}"
    return ModelError(f"{path} does not exist; {hint}")


def refuse_folder(path: Path) -> ModelError:
    """Return the refusal of a folder that is neither a bundle nor a SavedModel."""
    for index in path.glob("*.index"):
        return ModelError(
            f"{path} is a checkpoint of TensorFlow, which holds weights only, without the network; "
            "build the network in Python with the Keras that wrote it, then "
            f"tf.train.Checkpoint(net).restore({str(index.with_suffix(''))!r}) and "
            "net.export('exported')"
        )
    if (path / "config.json").is_file() and (path / "metadata.json").is_file():
        name = path.resolve().name.removesuffix(".keras")
        return ModelError(
            f"{path} is an unpacked .keras file; pack it again in Python: shutil.move("
            f"shutil.make_archive({name!r}, 'zip', {str(path)!r}), {name + '_packed.keras'!r})"
        )
    inside = sorted(
        {
            file.parent
            for name in ("saved_model.pb", "bundle.json")
            for file in path.glob(f"*/{name}")
        }
        | ({*path.glob("*.keras"), *path.glob("*.h5")} - {*path.glob("*.weights.h5")})
    )
    hint = f"; pass {inside[0]}, which lies in it" if inside else ""
    return ModelError(f"{path} is a folder but neither a bundle nor a SavedModel{hint}")
