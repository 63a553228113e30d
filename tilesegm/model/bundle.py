"""A bundle: a network in a folder, with all that is needed to use it rightly.

    NAME/
        model.keras     architecture and weights
        bundle.json     bands, normalisation, classes, receptive field, provenance, hash of weights

It is read without Keras, so planning needs no TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from tilesegm.classes import ClassInfo
from tilesegm.errors import ModelError, OutputError
from tilesegm.files import remove, replacing
from tilesegm.grid.resolution import Resolution
from tilesegm.inputs import check_input, read_json
from tilesegm.model.base import ModelSpec
from tilesegm.model.card import CardNormalisation, CardOperatingPoint, check_card
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.operating_point import OperatingPoint
from tilesegm.ownership import carries, check_place
from tilesegm.version import __version__

__all__ = [
    "Bundle",
    "BundleInfo",
    "check_bundle",
    "is_bundle",
    "read_bundle",
    "remove_bundle",
    "save_bundle",
    "sha256_of",
]

_WEIGHTS = "model.keras"
_CARD = "bundle.json"
_FORMAT = "tilesegm bundle"
_VERSION = 1
# What the card repeats of the spec as it is.
_PLAIN = ("bands", "stride", "radius", "halo", "probabilities", "bytes_per_pixel")


@dataclass(frozen=True)
class BundleInfo:
    """What is known about a network beyond its layers."""

    classes: tuple[ClassInfo, ...] = ()
    """One entry per class, in the order of the scores; empty for numbered names."""
    normalisation: Normalisation = field(default_factory=Normalisation)
    band_names: tuple[str, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    """Where the weights come from: anything that JSON can hold."""
    pixels: Normalisation | None = None
    """Brings the pixels that it learnt from to mean 0 and deviation 1; None when unknown."""
    operating_point: OperatingPoint | None = None
    """How class ids follow from its scores; None for the highest score."""
    resolution: Resolution | None = None
    """Size of the pixels that it learnt from, at which images are read; None when unknown."""


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read."""

    path: Path
    spec: ModelSpec
    info: BundleInfo
    sha256: str
    """Of the file of weights."""
    versions: Mapping[str, str]
    """Packages that it was written with."""

    @property
    def weights(self) -> Path:
        """The Keras file."""
        return self.path / _WEIGHTS

    def verify(self) -> None:
        """Compare the file of weights with its hash.

        Raises:
            ModelError: it is missing or is not the one that was saved.
        """
        if not self.weights.is_file():
            raise ModelError(f"{self.path} is damaged: {_WEIGHTS} is missing; copy it again")
        check_input(self.weights, ModelError)
        sha256 = sha256_of(self.weights)
        if sha256 != self.sha256:
            raise ModelError(
                f"{self.path} is damaged: {_WEIGHTS} has the SHA-256 {sha256[:12]}… and "
                f"{_CARD} says {self.sha256[:12]}…; copy the folder again"
            )


def is_bundle(path: Path) -> bool:
    """Tell whether ``path`` is a bundle folder."""
    return (path / _CARD).is_file()


def save_bundle(
    path: str | Path, model: Any, info: BundleInfo | None = None, *, overwrite: bool = False
) -> Path:
    """Save a Keras model as a bundle.

    The folder appears under its name when it is whole.

    Args:
        path: the folder.
        model: a built Keras model that is a segmentation.
        info: what is known about it beyond its layers.
        overwrite: whether an existing bundle is replaced.

    Raises:
        ModelError: the model is no segmentation, or ``info`` does not fit it.
        OutputError: the folder exists, or cannot be written.
    """
    from tilesegm.model.keras_model import as_graph, describe

    target = Path(path)
    check_place(target, folder=True)
    if target.exists():
        if not (overwrite and is_bundle(target)):
            hint = "pass overwrite=True" if is_bundle(target) else "choose a name that is free"
            raise OutputError(f"{target} exists; {hint}")
        check_bundle(target)
    info = info or BundleInfo()
    model = as_graph(model, None)
    spec = describe(model, target.name)
    _check_fit(info, spec)
    with replacing(target) as draft:
        draft.mkdir()
        model.save(draft / _WEIGHTS)
        card = _card_of(spec, info, sha256_of(draft / _WEIGHTS))
        (draft / _CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return target


def check_bundle(path: Path) -> None:
    """Refuse to replace a folder that is no bundle, or holds more than one.

    Raises:
        OutputError: it holds a file that no bundle has.
    """
    ours = is_bundle(path) and carries(path / _CARD, _FORMAT.encode())
    known = {_WEIGHTS, _CARD} if ours else set()
    strangers = sorted({entry.name for entry in path.iterdir()} - known)
    if strangers:
        raise OutputError(
            f"{path} is needed for the bundle but holds {strangers[0]}, which is no part of one; "
            "move it away"
        )


def remove_bundle(path: Path) -> None:
    """Remove the files of a bundle, and the folder where nothing else is in it."""
    if is_bundle(path):
        for name in (_WEIGHTS, _CARD):
            remove(path / name)
    with suppress(OSError):
        path.rmdir()


def read_bundle(path: str | Path) -> Bundle:
    """Read what a bundle says about its network, without opening the network.

    Raises:
        ModelError: not a bundle, damaged, or written by a newer version.
    """
    folder = Path(path)
    try:
        card = read_json(folder / _CARD, ModelError)
    except FileNotFoundError:
        raise ModelError(f"{folder} is not a bundle: it has no {_CARD}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is damaged: {_CARD} cannot be read ({error})") from error
    if not isinstance(card, dict) or card.get("format") != _FORMAT:
        raise ModelError(f"{folder} is not a bundle: {_CARD} does not say so")
    if card.get("version") != _VERSION:
        raise ModelError(
            f"{folder} is a bundle of version {card.get('version')!r:.20} and this tilesegm reads "
            f"version {_VERSION}; update tilesegm"
        )
    try:
        return _bundle_of(folder, card)
    except ModelError as error:
        raise ModelError(
            f"{folder} is damaged: {_CARD} garbles {error}; copy the folder again"
        ) from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_fit(info: BundleInfo, spec: ModelSpec) -> None:
    if info.classes and len(info.classes) != len(spec.classes):
        raise ModelError(
            f"{len(info.classes)} classes are named and the network scores {len(spec.classes)}"
        )
    for what, count in (
        ("band names", len(info.band_names) or None),
        ("offsets and scales", info.normalisation.bands),
    ):
        if count is not None and spec.bands is not None and count != spec.bands:
            raise ModelError(f"{count} {what} are given and the network takes {spec.bands} bands")

    point = info.operating_point
    if point is not None and len(point.offsets) != len(spec.classes):
        raise ModelError(
            f"{len(point.offsets)} offsets are given and the network scores {len(spec.classes)} "
            "classes"
        )


def _card_of(spec: ModelSpec, info: BundleInfo, sha256: str) -> dict[str, Any]:
    point = info.operating_point
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "network": {name: getattr(spec, name) for name in _PLAIN}
        | {"inexact": list(spec.inexact), "tile": spec.tile and list(spec.tile)},
        "classes": [asdict(entry) for entry in info.classes or spec.classes],
        "normalisation": asdict(info.normalisation),
        "band_names": list(info.band_names),
        "pixels": info.pixels and asdict(info.pixels),
        **({} if point is None else {"operating_point": asdict(point)}),
        **({} if info.resolution is None else {"resolution": asdict(info.resolution)}),
        "ignore": None,  # asked for by earlier readers of this version of the format
        "training": dict(info.training),
        "versions": {"tilesegm": __version__, "keras": metadata.version("keras")},
        "sha256": sha256,
    }


def _bundle_of(folder: Path, content: dict[str, Any]) -> Bundle:
    card = check_card(content)
    normalisation = _normalisation_of(card.normalisation)
    classes = tuple(
        ClassInfo(entry.name, (entry.colour[0], entry.colour[1], entry.colour[2]))
        for entry in card.classes
    )
    info = BundleInfo(
        classes,
        normalisation,
        tuple(card.band_names),
        card.training,
        _normalisation_of(card.pixels) if card.pixels else None,
        _point_of(card.operating_point) if card.operating_point else None,
        Resolution(card.resolution.down, card.resolution.across) if card.resolution else None,
    )
    network = card.network
    spec = ModelSpec(
        name=folder.name,
        classes=classes,
        band_names=info.band_names,
        pixels=info.pixels,
        operating_point=info.operating_point,
        resolution=info.resolution,
        inexact=tuple(network.inexact),
        tile=(network.tile[0], network.tile[1]) if network.tile else None,
        fill=normalisation.offset,
        identity=(("model", card.sha256),),
        **{name: getattr(network, name) for name in _PLAIN},
    )
    return Bundle(folder, spec, info, card.sha256, card.versions)


def _normalisation_of(entry: CardNormalisation) -> Normalisation:
    return Normalisation(tuple(entry.offset), tuple(entry.scale))


def _point_of(entry: CardOperatingPoint) -> OperatingPoint:
    return OperatingPoint(**vars(entry) | {"offsets": tuple(entry.offsets)})
