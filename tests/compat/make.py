"""Makes ``files``: what an earlier version wrote, for `test_compat` to open with the present one.

    PYTHONPATH=CHECKOUT python tests/compat/make.py [FOLDER]

runs the package of any CHECKOUT of 0.1.0 or later, and replaces FOLDER, by default ``files`` beside
this script. What lies there now was made with 0.1.0 as of commit 2301dfa, before workflows moved
into packages of their own. Make it again only when files of that version need not open any more.

    models/    a bundle, whose `model.keras` serves as a Keras file too; smaller networks compiled
               with a loss, and in training under a rule; `scores.npz`, what all of them give;
               `objects.json`, every loss, rule and layer as Keras saves it
    maps/      an image, its finished maps, and `stopped.tif.partial`, left by a run that was killed
    training/  a scene, settings, and two runs: `stopped` was killed in its second epoch, `finished`
               was not, and lacks files that only people look at; `last.npz`, its weights at the end
    made.json  versions, the folder in which all was made, and names that Keras knew

Images are drawn from fixed seeds. What is used is kept by every version: names of the package
itself, commands, settings, names of losses and rules; `moved` finds the few modules that moved.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FILES = Path(__file__).parent / "files"
CHANGED_NS = 1_700_000_000_000_000_000
"""When images that are files of their own were changed, as their identity says."""
IMAGE = "/vsizip/scene.zip/scene.tif"
"""An address that is the same wherever its folder lies, and so is the identity of the image."""
PREDICT = (
    *("predict", IMAGE, "--model", "../models/bundle", "--tile", "64", "--overlap", "32"),
    *("--confidence", "margin"),
)
SETTINGS = """\
data:
  scenes: [{image: a.tif, labels: a_labels.tif}]
  labels:
    classes: [{name: plain, value: 0}, {name: striped, value: 1}, {name: bright, value: 2}]
    ignore: [255]
output: run
split: {block: 40, folds: 4, buffer: 4}
sampling: {balanced: 0.4, hard: 0.4}
augmentation: {rotate: 20.0, noise: 0.05}
model: {filters: 2, depth: 1, dropout: 0.2, upsampling: bilinear}
loss: {weighting: {name: random, seed: 1}}
optimizer: {learning_rate: 0.002, accumulate: 2, ema: 0.9}
schedule: {epochs: 3, steps: 3, batch: 2, size: 32, warm_up: 0.0, decay: constant}
validation: {tile: 64, overlap: 16}
device: {precision: float32, xla: false, readers: 1}
"""


def tile() -> np.ndarray:
    """Return the pixels ``(1, 16, 16, 3)`` that networks score."""
    row, col, band = np.ogrid[:16, :16, :3]
    return ((row * 37 + col * 101 + band * 53 + row * col) % 256).astype(np.uint8)[None]


def batch(channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return labels ``(2, 16, 16)``, some ignored, and logits for losses."""
    image, row, col, channel = np.ogrid[:2, :16, :16, :channels]
    labels = ((row // 5 + col // 6 + image) % max(channels, 2))[..., 0].astype(np.int32)
    labels[:, 3, 4:9] = 255
    noise = ((row * 7 + col * 13 + channel * 29 + image * 17) % 31 - 15) / 8
    return labels, (noise + 2.0 * (labels[..., None] == channel)).astype(np.float32)


def steps() -> tuple[np.ndarray, np.ndarray]:
    """Return pixels and labels of one step of training."""
    pixels = np.concatenate([tile(), tile()[:, ::-1]]).astype(np.float32) / 64 - 2
    return pixels, (pixels.sum(axis=-1) > 0).astype(np.int32) + (pixels[..., 0] > 1)


def main(folder: Path) -> None:
    """Make everything, each part in a process of its own, since some are killed."""
    root = Path(tempfile.gettempdir()) / "tilesegm-compat"
    shutil.rmtree(root, ignore_errors=True)
    for part in ("models", "maps", "training"):
        (root / part).mkdir(parents=True)
        run(root / part, part)
    made = {name: version(name) for name in ("keras", "tensorflow", "numpy", "rasterio", "zarr")}
    made = {"tilesegm": importlib.import_module("tilesegm").__version__, **made}
    names = json.loads((root / "models" / "names.json").read_text())
    (root / "models" / "names.json").unlink()
    (root / "made.json").write_text(
        json.dumps({**made, "folder": str(root), "names": names}, indent=1) + "\n"
    )
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root, folder)
    shutil.rmtree(root)


def run(folder: Path, *words: str) -> None:
    """Make a part in ``folder``; one whose name starts with "killed" kills itself."""
    command = [sys.executable, str(Path(__file__).resolve()), "--part", *words]
    settings = {
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
    }
    done = subprocess.run(command, cwd=folder, env={**os.environ, **settings}, check=False)
    assert done.returncode == (-signal.SIGKILL if words[-1].startswith("killed") else 0), done


def is_weight(name: str) -> bool:
    """Tell whether a checkpoint's array is a weight or its moving average."""
    return name.startswith("model/") or name.endswith("_average")


def moved(*names: str) -> Any:
    """Import a module by the first of its names that there is."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"none of {names}")


def make_unet() -> Any:
    """Return a U-Net of ours with interpolated upsampling."""
    unet = moved("tilesegm.networks.unet", "tilesegm.models.unet")
    network = unet.unet(3, 3, filters=2, depth=1, upsampling="bilinear")
    # Zeros and ones, as biases and normalisation start, would hide that they were mixed up.
    rng = np.random.default_rng(7)
    weights = [w + (w.ndim == 1) * rng.uniform(0.1, 0.4, w.shape) for w in network.get_weights()]
    weights[-2:] = [32 * w for w in weights[-2:]]  # sure of most pixels
    network.set_weights(weights)
    return network


def make_small(name: str) -> Any:
    """Return the smallest network with a layer of ours."""
    import keras

    bilinear = keras.saving.get_registered_object("tilesegm>Bilinear")
    layers = [
        keras.Input((None, None, 3)),
        keras.layers.Conv2D(4, 4, strides=2, padding="same", activation="relu", name="coarse"),
        bilinear(2, name="finer"),
        keras.layers.Conv2D(3, 1, name="scores"),
    ]
    return keras.Sequential(layers, name=name)


def make_models() -> None:
    """Save networks, and what they give."""
    import keras

    from tilesegm import Normalisation
    from tilesegm.losses import get
    from tilesegm.losses.weighting import Uncertainty, WeightedModel

    bundle, opener = moved("tilesegm.model.bundle"), moved("tilesegm.model.open")
    info = moved("tilesegm.classes", "tilesegm.model.classes").ClassInfo
    normalisation = Normalisation((120.0, 128.0, 136.0), (1 / 64, 1 / 64, 1 / 32))
    names = {"land": (10, 200, 30), "water": (20, 60, 220), "town": (200, 40, 40)}
    keras.utils.set_random_seed(24)  # gives a map of all three classes, and no pixel near a tie
    bundle.save_bundle(
        "bundle",
        make_unet(),
        bundle.BundleInfo(
            classes=tuple(info(name, colour) for name, colour in names.items()),
            normalisation=normalisation,
            band_names=("red", "green", "blue"),
            ignore=255,
            training={"by": "hand"},
        ),
    )
    compiled = make_small("compiled")
    compiled.compile(keras.optimizers.SGD(0.1), loss=get("dice_ce", ignore=255))
    loss = get("dice_ce", ignore=255)
    weighted = WeightedModel(make_small("network"), loss, Uncertainty(), name="weighted")
    weighted.compile(keras.optimizers.Adam(0.01))
    scores = {"bundle": np.asarray(opener.open_model("bundle")(tile()))}
    scores["keras"] = np.asarray(opener.open_model("bundle/model.keras")(tile()))
    for model in (compiled, weighted):
        name = model.name
        model.train_on_batch(*steps())
        model.save(f"{name}.keras")
        losses = [model.train_on_batch(*steps()) for _ in range(2)]
        scores[f"{name}_losses"] = np.float32([np.ravel(loss)[0] for loss in losses])
        scores[name] = np.asarray(model(steps()[0], training=False))
    np.savez_compressed("scores.npz", **scores)
    Path("objects.json").write_text(json.dumps(make_objects(), indent=0) + "\n")
    moved("tilesegm.training.run")
    names = sorted(n for n in keras.saving.get_custom_objects() if n.startswith("tilesegm>"))
    Path("names.json").write_text(json.dumps(names))


def make_objects() -> dict[str, Any]:
    """Return every class that Keras knows, as it is saved; of losses also what they give."""
    import keras

    from tilesegm import losses
    from tilesegm.losses import weighting

    objects: dict[str, Any] = {}
    names = [*losses.LOSSES, *moved("tilesegm.losses.recipes").RECIPES]
    for name in names:
        loss = losses.get(name, ignore=255)
        labels, logits = batch(1 if name == "LovaszHinge" else 3)
        outputs = [logits, logits[:, ::2, ::2]] if name == "DeepSupervision" else logits
        value = float(loss(labels, outputs))
        objects[name] = {"saved": keras.saving.serialize_keras_object(loss), "value": value}
    others = [
        weighting.Fixed(),
        weighting.Uncertainty(initial=0.5, pace=2.0),
        weighting.SoftAdapt(0.2, variant="normalised", depth=3),
        weighting.DWA(temperature=1.5),
        weighting.RandomWeighting(seed=3),
        weighting.GLS(),
        weighting.GradNorm(alpha=0.5, rate=0.1),
        weighting.rebalance(),
        weighting.ClassAdaptive(3, momentum=0.9),
        losses.RunningDice(3, decay=0.5, ignore=7),
        keras.saving.get_registered_object("tilesegm>Bilinear")(4, name="up"),
    ]
    for other in others:
        objects[type(other).__name__] = {"saved": keras.saving.serialize_keras_object(other)}
    return objects


def make_maps() -> None:
    """Draw an image, segment it twice, and once more until two of its three regions are safe."""
    write_scene()
    for words in (("classes.tif", "--scores", "uint8"), ("classes.zarr",)):
        command = [sys.executable, "-m", "tilesegm", *PREDICT, "-o", *words, "--quiet"]
        subprocess.run(command, check=True)
    run(Path(), "killed_map")
    (Path("stopped.tif.partial") / "lock").unlink(missing_ok=True)
    # The same run on a file of its own, whose identity tells where it lies and when it changed.
    shutil.unpack_archive("scene.zip")
    os.utime("scene.tif", ns=(CHANGED_NS, CHANGED_NS))
    run(Path(), "killed_plain_map")
    shutil.copy("plain.tif.partial/run.json", "run_of_a_plain_file.json")
    shutil.rmtree("plain.tif.partial")
    Path("scene.tif").unlink()


def write_scene() -> None:
    """Write 2400 x 64 pixels in three bands as GeoTIFF: flat fields, and a corner without data."""
    import rasterio
    from rasterio.transform import from_origin

    rng = np.random.default_rng(5)
    colours = np.array([[30, 90, 20], [200, 180, 160], [90, 120, 220], [240, 30, 60]], np.uint8)
    fields = np.kron(rng.integers(0, 4, (25, 2)), np.ones((96, 32), int))
    image = colours[fields]
    image[:40, :24] = 0
    profile = {"driver": "GTiff", "height": 2400, "width": 64, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_000_000, 10, 10)}
    with rasterio.open("scene.tif", "w", nodata=0, compress="deflate", **profile, **place) as file:
        file.write(image.transpose(2, 0, 1))
    with zipfile.ZipFile("scene.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write("scene.tif")
    Path("scene.tif").unlink()


def kill_map(image: str, output: str) -> None:
    """Segment as the command does, and end as ``kill -9`` would when two regions are safe."""
    import tilesegm

    done = []

    def watch(event: Any) -> None:
        done.append(type(event).__name__)
        if done.count("PixelsDone") == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    tiling, options = tilesegm.Tiling(64, 32), tilesegm.Options(confidence="margin", scores="uint8")
    tilesegm.segment(
        image, "../models/bundle", output, tiling=tiling, options=options, on_event=watch
    )


def make_training() -> None:
    """Draw a scene and train on it twice, once until the second epoch has begun."""
    draw_training_scene()
    Path("settings.yaml").write_text(SETTINGS)
    run(Path(), "killed_training")
    Path("run").rename("stopped")
    command = [sys.executable, "-m", "tilesegm", "train", "run", "settings.yaml", "--quiet"]
    subprocess.run(command, check=True)
    Path("run").rename("finished")
    with np.load("finished/checkpoints/last.npz") as last:
        weights = {name: last[name] for name in last.files if is_weight(name)}
    np.savez_compressed("last.npz", **weights)
    for folder, unneeded in (
        ("stopped", ("tensorboard", "split.png", ".lock")),
        ("finished", ("tensorboard", "split.png", ".lock", "checkpoints", "model/model.keras")),
        ("finished", ("report.html", "report.json")),
    ):
        for name in unneeded:
            path = Path(folder, name)
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def draw_training_scene() -> None:
    """Write 160 x 160 pixels of plain, striped and bright fields, and their labels."""
    import rasterio
    from rasterio.transform import from_origin

    rows, cols = np.indices((160, 160))
    labels = ((rows // 20 + 2 * (cols // 28)) % 3).astype(np.uint8)
    stripes = np.where(cols % 4 < 2, 60, 10)
    bright = 60 + np.where(labels == 1, stripes, 0) + np.where(labels == 2, 90, 0)
    noise = (rows * 13 + cols * 29 + rows * cols) % 11
    image = np.stack([bright + noise, 120 - bright // 2 + noise]).astype(np.uint8)
    labels[(rows * 5 + cols * 3) % 23 == 0] = 255
    profile = {"driver": "GTiff", "height": 160, "width": 160, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_000_000, 10, 10)}
    for name, planes in {"a.tif": image, "a_labels.tif": labels[None]}.items():
        with rasterio.open(
            name, "w", count=len(planes), compress="deflate", **profile, **place
        ) as file:
            file.write(planes)
        os.utime(name, ns=(CHANGED_NS, CHANGED_NS))


def kill_training() -> None:
    """Train, and end as ``kill -9`` would when the first batch of the second epoch is learnt."""
    import tilesegm

    kinds: list[str] = []

    def watch(event: Any) -> None:
        kinds.append(type(event).__name__)
        if "EpochEnded" in kinds and kinds[-1] == "StageProgress":
            os.kill(os.getpid(), signal.SIGKILL)

    tilesegm.train("settings.yaml", on_event=watch)


PARTS = {
    "models": make_models,
    "maps": make_maps,
    "training": make_training,
    "killed_map": lambda: kill_map(IMAGE, "stopped.tif"),
    "killed_plain_map": lambda: kill_map("scene.tif", "plain.tif"),
    "killed_training": kill_training,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        PARTS[sys.argv[2]]()
    else:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILES)
