"""Bundles and files of models: what is written is what is opened, and bad ones are refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.model.networks import conv_net, pointwise, wrap
from tilesegm.classes import ClassInfo
from tilesegm.errors import ModelError, OutputError, SettingsError
from tilesegm.grid.resolution import Resolution
from tilesegm.model.bundle import BundleInfo, read_bundle, save_bundle
from tilesegm.model.normalisation import Normalisation
from tilesegm.model.open import open_model, read_spec
from tilesegm.model.operating_point import OperatingPoint

_TILES = np.random.default_rng(0).integers(0, 255, (1, 8, 8, 3)).astype(np.uint8)
_INFO = BundleInfo(
    classes=(ClassInfo("Wald", (0, 100, 0)), ClassInfo("Straße", (90, 90, 90))),
    normalisation=Normalisation((1.0, 2.0, 3.0), (0.5, 0.5, 0.25)),
    band_names=("red", "green", "blue"),
    training={"steps": 10, "data": ["a.tif"]},
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return save_bundle(tmp_path / "roads", conv_net(3, 3), _INFO)


def test_round_trip(bundle: Path) -> None:
    found = read_bundle(bundle)
    assert found.info == _INFO
    spec = found.spec
    assert (spec.name, spec.bands, spec.stride, spec.radius, spec.halo) == ("roads", 3, 1, 2, 2)
    assert spec.classes == _INFO.classes
    assert spec.fill == (1.0, 2.0, 3.0)
    assert spec.identity == (("model", found.sha256),)
    assert set(found.versions) == {"tilesegm", "keras"}


def test_a_bundle_that_names_an_ignored_label_still_opens(bundle: Path) -> None:
    card = json.loads((bundle / "bundle.json").read_text("utf-8"))
    assert card["ignore"] is None
    (bundle / "bundle.json").write_text(json.dumps(card | {"ignore": 255}), "utf-8")
    assert read_bundle(bundle).info == _INFO


def test_the_resolution_is_told_where_it_is_known(tmp_path: Path, bundle: Path) -> None:
    assert "resolution" not in json.loads((bundle / "bundle.json").read_text("utf-8"))
    assert read_bundle(bundle).spec.resolution is None
    info = replace(_INFO, resolution=Resolution(0.5e-6, 0.25e-6))
    told = save_bundle(tmp_path / "told", conv_net(3, 3), info)
    assert read_bundle(told).info == info
    assert str(open_model(told).spec.resolution) == "0.5 x 0.25 µm"
    card = json.loads((told / "bundle.json").read_text("utf-8"))
    for garbled in ({"down": 0, "across": 1.0}, {"down": 1.0}, "1m", {"down": "1", "across": 1}):
        text = json.dumps(card | {"resolution": garbled})
        (told / "bundle.json").write_text(text, "utf-8")
        with pytest.raises(ModelError, match="resolution"):
            read_bundle(told)


def test_reading_needs_no_keras(bundle: Path) -> None:
    code = (
        "import sys; from tilesegm.model.open import read_spec; "
        f"print(read_spec({str(bundle)!r}).radius, *({{'keras', 'tensorflow'}} & {{*sys.modules}}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["2"]


def test_scores_equal_those_of_the_model(tmp_path: Path) -> None:
    model = conv_net(3)
    path = save_bundle(tmp_path / "b", model, BundleInfo(normalisation=_INFO.normalisation))
    opened = open_model(path)
    expected = open_model(model, normalisation=_INFO.normalisation)
    np.testing.assert_array_equal(opened(_TILES), expected(_TILES))
    assert opened.spec.radius == expected.spec.radius


def test_a_bundle_brings_its_own_normalisation(bundle: Path) -> None:
    open_model(bundle, normalisation=_INFO.normalisation)
    with pytest.raises(SettingsError, match="brings its own normalisation"):
        open_model(bundle, normalisation=Normalisation())


def test_an_existing_bundle_is_kept_unless_told(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists; pass overwrite=True"):
        save_bundle(bundle, pointwise(classes=2))
    assert read_bundle(bundle).spec.radius == 2
    save_bundle(bundle, pointwise(classes=2), overwrite=True)
    assert read_bundle(bundle).spec.radius == 0
    assert [path.name for path in tmp_path.iterdir()] == ["roads"]


def test_a_folder_that_is_no_bundle_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="choose a name that is free"):
        save_bundle(tmp_path, pointwise(), overwrite=True)


def test_nothing_is_left_of_a_bundle_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pointwise()

    def fill_the_disk(path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model, "save", fill_the_disk)
    with pytest.raises(OutputError, match="No space left"):
        save_bundle(tmp_path / "b", model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (BundleInfo(classes=(ClassInfo("one", (0, 0, 0)),)), "1 classes are named .* scores 2"),
        (BundleInfo(band_names=("red",)), "1 band names are given .* takes 3"),
        (BundleInfo(normalisation=Normalisation((1.0, 2.0))), "2 offsets and scales"),
        (
            BundleInfo(
                operating_point=OperatingPoint(
                    measure="none", offsets=(0.0, 1.0, 2.0), temperature=None
                )
            ),
            "3 offsets are given and the network scores 2 classes",
        ),
    ],
)
def test_what_does_not_fit_is_not_saved(info: BundleInfo, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        save_bundle(tmp_path / "b", conv_net(3), info)
    assert list(tmp_path.iterdir()) == []


def test_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not a bundle: it has no bundle\.json"):
        read_bundle(tmp_path)
    assert read_spec(tmp_path) is None
    with pytest.raises(ModelError, match="neither a bundle nor a SavedModel"):
        open_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is not a bundle"),
        ({"version": 2}, "of version 2 and this tilesegm reads version 1; update tilesegm"),
        ({"network": {}}, "is damaged"),
        ({"classes": [{"name": "x"}]}, "is damaged"),
    ],
)
def test_bad_cards(bundle: Path, change: Any, message: str) -> None:
    card = bundle / "bundle.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        read_spec(bundle)


_POINT = {
    "measure": "mean_iou",
    "offsets": [0.0, -0.5, 1.25],
    "temperature": 1.5,
    "before": {"mean_iou": 0.5, "log_loss": None},
    "after": {},
    "cross_fitted": {},
}


def test_an_operating_point_is_kept_and_bundles_without_one_stay_as_they_are(
    bundle: Path, tmp_path: Path
) -> None:
    assert "operating_point" not in json.loads((bundle / "bundle.json").read_text())
    assert read_bundle(bundle).spec.operating_point is None
    point = OperatingPoint(**_POINT | {"offsets": (0.0, 1.0)})  # type: ignore[arg-type]
    info = replace(_INFO, operating_point=point)
    path = save_bundle(tmp_path / "b", conv_net(3, 3), info)
    assert read_bundle(path).info == info
    spec = open_model(path, augment=("flips",)).spec
    assert spec.operating_point == point
    # The weights are those of the bundle without it, so results by the highest score are too.
    assert spec.identity[:1] == (("model", read_bundle(path).sha256),)


@pytest.mark.parametrize(
    "change",
    [
        {"offsets": [0.0]},
        {"offsets": [0.0, 1.0, 2.0]},
        {"offsets": [0.0, 1e9]},
        {"offsets": [0.0, float("nan")]},
        {"offsets": [0.0, "1"]},
        {"offsets": None},
        {"offsets": "00"},
        {"offsets": [0.0, 9.5]},
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"temperature": float("inf")},
        {"temperature": "hot"},
        {"measure": "luck"},
        {"before": {"mean_iou": "high"}},
        {"after": []},
    ],
    ids=str,
)
def test_garbled_operating_points_are_refused(bundle: Path, change: dict[str, Any]) -> None:
    card = bundle / "bundle.json"
    told = json.loads(card.read_text())
    good = _POINT | {"offsets": [0.0, 1.0]}
    card.write_text(json.dumps(told | {"operating_point": good}))
    assert read_bundle(bundle).spec.operating_point is not None
    card.write_text(json.dumps(told | {"operating_point": good | change}))
    with pytest.raises(ModelError, match=r"garbles operating_point.*; copy the folder again"):
        read_bundle(bundle)
    for missing in good:
        part = {name: value for name, value in good.items() if name != missing}
        card.write_text(json.dumps(told | {"operating_point": part}))
        with pytest.raises(ModelError, match=f"operating_point.{missing}"):
            read_bundle(bundle)


def test_garbled_card(bundle: Path) -> None:
    (bundle / "bundle.json").write_text("{")
    with pytest.raises(ModelError, match=r"damaged: bundle\.json cannot be read"):
        read_bundle(bundle)


def test_damaged_weights(bundle: Path) -> None:
    weights = bundle / "model.keras"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"is damaged: model\.keras has the SHA-256"):
        open_model(bundle)
    weights.unlink()
    with pytest.raises(ModelError, match=r"model\.keras is missing"):
        open_model(bundle)


def test_a_keras_file(tmp_path: Path) -> None:
    model = conv_net(5)
    path = tmp_path / "net.keras"
    model.save(path)
    predictor = open_model(path)
    assert (predictor.spec.name, predictor.spec.radius) == ("net.keras", 2)
    np.testing.assert_array_equal(predictor(_TILES), open_model(model)(_TILES))
    assert open_model(str(path)).spec == predictor.spec


def test_bad_files(tmp_path: Path) -> None:
    (tmp_path / "old.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "cut.keras").write_bytes(b"PK\x03\x04")
    (tmp_path / "notes.txt").write_text("x")
    for name, message in (
        ("absent.keras", "does not exist"),
        ("old.h5", "is damaged: it is no HDF5 file"),
        ("cut.keras", "is damaged"),
        ("notes.txt", "is no model"),
    ):
        with pytest.raises(ModelError, match=message):
            open_model(tmp_path / name)


def test_a_file_with_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "code.keras"
    wrap(layers.Lambda(lambda x: x)).save(path)
    with pytest.raises(ModelError, match="load it in Python and pass the model"):
        open_model(path)


def test_without_a_backend_the_message_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    pointwise().save(path)
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from tilesegm.model.open import open_model\n"
        "from tilesegm.errors import ModelError\n"
        f"try: open_model({str(path)!r})\n"
        "except ModelError as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Keras cannot be imported" in ran.stdout
    assert "pip install" in ran.stdout
    assert ran.stdout.count("\n") == 1


def test_a_saved_model(tmp_path: Path) -> None:
    model = conv_net(3)
    path = tmp_path / "served"
    model.export(path, verbose=False)
    predictor = open_model(path, normalisation=_INFO.normalisation)
    assert (predictor.spec.bands, len(predictor.spec.classes)) == (3, 2)
    assert (predictor.spec.radius, predictor.spec.tile) == (None, None)
    assert "SavedModel" in predictor.spec.inexact[0]
    expected = open_model(model, normalisation=_INFO.normalisation)
    np.testing.assert_allclose(predictor(_TILES), expected(_TILES), rtol=1e-4, atol=1e-4)
    assert open_model(path).spec.identity != predictor.spec.identity
    with pytest.raises(SettingsError, match="a SavedModel cannot be rebuilt in bfloat16"):
        open_model(path, precision="bfloat16")


def test_saved_models_that_are_no_segmentation(tmp_path: Path) -> None:
    classifier = wrap(lambda x: layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    classifier.export(tmp_path / "classifier", verbose=False)
    with pytest.raises(ModelError, match="is not a segmentation"):
        open_model(tmp_path / "classifier")
    keras.Model.export(pointwise(classes=1), tmp_path / "binary", verbose=False)
    with pytest.raises(ModelError, match=r"gives one score per pixel.*\(1 - p, p\)"):
        open_model(tmp_path / "binary")


def test_a_damaged_saved_model(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"no")
    with pytest.raises(ModelError, match="cannot be loaded as a SavedModel"):
        open_model(tmp_path)
