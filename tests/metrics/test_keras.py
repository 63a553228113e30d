"""Metrics of Keras against plain counting, scikit-learn and `evaluate`, on every backend."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import rasterio
from sklearn.metrics import f1_score, jaccard_score

import tilesegm as ts
from tests.metrics.keras_probe import CLASSES, FORCED, batches
from tests.metrics.maps import random_maps
from tilesegm import losses
from tilesegm.data.patch import IGNORE
from tilesegm.errors import InputError, SettingsError
from tilesegm.metrics.bands import BandCounts, count_bands
from tilesegm.metrics.confusion import Scores, count_pairs, mean
from tilesegm.metrics.keras import BoundaryIoU, Dice, IoU
from tilesegm.metrics.pair import make_pair


def counted(known: np.ndarray | None = None) -> tuple[Scores, BandCounts, BandCounts]:
    """Scores of the batches of the probe by plain NumPy; bands of 3 and of 2 pixels."""
    scores, labels, _ = batches()
    labels = labels if known is None else np.where(known, labels, IGNORE)
    predicted = scores.argmax(-1)
    pairs = [make_pair(a, b, 4) for a, b in zip(labels, predicted, strict=True)]
    bands = [sum((count_bands(p, r) for p in pairs[1:]), count_bands(pairs[0], r)) for r in (3, 2)]
    return Scores(count_pairs(labels, predicted, 4)), *bands


def logged(known: np.ndarray | None = None) -> dict[str, float]:
    """What the metrics of the probe must log."""
    scores, bands, narrow = counted(known)
    each = {"iou": scores.iou, "dice": scores.dice, "boundary_iou": narrow.iou}
    values = {
        f"{key}_{name}": one
        for key, ones in each.items()
        for name, one in zip(CLASSES, ones, strict=True)
    }
    means = {"mean_iou": scores.mean_iou, "mean_dice": scores.mean_dice}
    return {**values, **means, "mean_boundary_iou": mean(bands.iou)}


@pytest.fixture(scope="module", params=["tensorflow", "jax", "torch"])
def probed(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What `keras_probe` prints on one backend."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.metrics.keras_probe"],
        env={**os.environ, "KERAS_BACKEND": request.param},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_steps_log_the_scores_of_plain_counting(probed: dict[str, Any]) -> None:
    counts = batches()[2] > 0
    for kind, known in (("plain", None), ("weighted", counts)):
        found = {name: value for name, value in probed[kind].items() if name != "loss"}
        expected = logged(known)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=3e-7, nan_ok=True), (kind, name)


def test_every_epoch_counts_from_zero(probed: dict[str, Any]) -> None:
    scores, labels, _ = batches()
    pairs = count_pairs(np.maximum(labels, 0), scores.argmax(-1), 4)
    assert probed["epochs"] == pytest.approx([Scores(pairs).mean_iou] * 2, rel=3e-7)


def test_counts_stay_right_beyond_two_to_the_31(probed: dict[str, Any]) -> None:
    scores, bands, _ = counted()
    fresh = {
        "regions": scores.confusion.ravel(),
        "borders": np.concatenate([bands.both, bands.true, bands.predicted]),
    }
    for kind, once in fresh.items():
        found = probed["beyond"][kind]
        assert found["cells"] == (FORCED + 3 * once).tolist()
        assert found["twice"] == (2 * (FORCED + 3 * once)).tolist()
        assert found["left_out"] == FORCED + 3 * int((batches()[1] == IGNORE).sum())
    cells = np.array(probed["beyond"]["regions"]["cells"]).reshape(4, 5)
    assert probed["beyond"]["regions"]["result"] == pytest.approx(Scores(cells).mean_iou, rel=3e-7)
    exact = BandCounts(*np.array(probed["beyond"]["borders"]["cells"]).reshape(3, 4))
    assert probed["beyond"]["borders"]["result"] == pytest.approx(mean(exact.iou), rel=3e-7)


def test_scores_are_those_of_evaluate_and_of_scikit_learn(tmp_path: Path) -> None:
    truth, predicted = random_maps(5, 70, 90, 3)
    truth[random_maps(6, 70, 90, 4)[0] == 0] = 255
    for name, ids in (("truth", truth), ("map", predicted)):
        place = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 0, 0, -10, 0)}
        shape = {"height": 70, "width": 90, "count": 1, "dtype": "uint8", **place}
        with rasterio.open(tmp_path / f"{name}.tif", "w", driver="GTiff", **shape) as file:
            file.write(ids[None])
    told = ts.evaluate(
        tmp_path / "map.tif", tmp_path / "truth.tif", options=ts.EvaluationOptions(classes=3)
    )
    scores = np.eye(3, dtype=np.float32)[predicted][None]
    region, border = IoU(3, ignore=255), BoundaryIoU(3, ignore=255)
    for metric in (region, border):
        metric.update_state(truth[None], scores)
    np.testing.assert_array_equal(region.scores.confusion[:, :3], told.total.confusion[:, :3])
    assert region.scores.mean_iou == told.class_scores.mean_iou
    assert told.total.bands is not None
    np.testing.assert_array_equal(border.bands.iou, told.total.bands.iou)
    assert float(border.result()) == pytest.approx(mean(told.total.bands.iou), rel=3e-7)
    known = truth != 255
    for kind, reference in ((IoU, jaccard_score), (Dice, f1_score)):
        metric = kind(3, ignore=255)
        metric.update_state(truth[None], scores)
        expected = reference(truth[known], predicted[known], average="macro")
        assert float(metric.result()) == pytest.approx(expected, rel=3e-7)


@pytest.mark.parametrize("shape", ["ids", "channel", "one-hot", "uint8"])
def test_labels_come_in_every_shape_that_losses_take(shape: str) -> None:
    truth, predicted = random_maps(1, 20, 30, 3)
    given = {
        "ids": truth[None].astype(np.int32),
        "channel": truth[None, ..., None].astype(np.int32),
        "one-hot": np.eye(3, dtype=np.float32)[truth][None],
        "uint8": truth[None],
    }[shape]
    metric = IoU(3)
    metric.update_state(given, np.eye(3, dtype=np.float32)[predicted][None])
    np.testing.assert_array_equal(metric.scores.confusion, count_pairs(truth, predicted, 3))


@pytest.mark.parametrize("logits", [True, False])
def test_one_channel_is_a_binary_problem(logits: bool) -> None:
    middle = 0.0 if logits else 0.5
    scores = middle + np.array([[-0.1, 0.0], [0.2, 0.3]], np.float32)
    metric = IoU(2, each=True, from_logits=logits)
    metric.update_state(np.array([[[0, 1], [1, 0]]]), scores[None, ..., None])
    found = {name: float(value) for name, value in metric.result().items()}
    # By hand: one of three pixels that are 0 somewhere is in both, and so with 1.
    assert found == {"iou_0": pytest.approx(1 / 3), "iou_1": pytest.approx(1 / 3)}


def test_absent_classes_follow_evaluate() -> None:
    scores = np.eye(4, dtype=np.float32)[[[[0, 0, 2, 2]]]]  # 1 is absent, 2 is only predicted
    metric = IoU(4, each=True)
    assert np.isnan(float(IoU(4).result()))
    metric.update_state(np.array([[[0, 0, 0, 3]]]), scores)
    found = [float(value) for value in metric.result().values()]
    np.testing.assert_array_equal(found, np.float32([2 / 3, np.nan, 0, 0]))
    mean_iou = IoU(4)
    mean_iou.merge_state([])
    mean_iou.update_state(np.array([[[0, 0, 0, 3]]]), scores)
    assert float(mean_iou.result()) == pytest.approx(2 / 9)


def test_pixels_without_weight_are_told_and_other_weights_count_once() -> None:
    labels = np.array([[[0, 1, 1, IGNORE]]])
    scores = np.eye(2, dtype=np.float32)[[[[0, 1, 0, 0]]]]
    metric = Dice(2)
    metric.update_state(labels, scores, np.array([[[5.0, 0.5, 0.0, 1.0]]]))
    assert float(metric.result()) == 1.0
    assert metric.scores.pixels == 2
    assert metric.left_out == 2


def test_scores_that_are_nan_are_wrong_and_no_other_class() -> None:
    scores = np.eye(2, dtype=np.float32)[[[[0, 1, 1]]]]
    scores[0, 0, 2] = np.nan
    metric = IoU(2)
    metric.update_state(np.array([[[0, 1, 1]]]), scores)
    np.testing.assert_array_equal(metric.scores.confusion, [[1, 0, 0], [0, 1, 1]])
    assert float(metric.result()) == pytest.approx(0.75)


def test_a_band_wider_than_the_image_reaches_all_of_it() -> None:
    truth, predicted = random_maps(2, 5, 4, 2)
    metric = BoundaryIoU(2, band=9)
    metric.update_state(truth[None], np.eye(2, dtype=np.float32)[predicted][None])
    np.testing.assert_array_equal(
        metric.bands.iou, count_bands(make_pair(truth, predicted, 2), 9).iou
    )


def test_a_model_compiled_with_them_loads_after_importing_the_package_alone(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))
    metrics = [IoU(("a", "b", "c"), each=True), Dice(3), BoundaryIoU(3, band=5, ignore=255)]
    model.compile("sgd", "mse", metrics=metrics)
    model.save(tmp_path / "net.keras")
    code = (
        "import sys, tilesegm, keras\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "for one in model._compile_metrics._user_metrics:\n"
        "    print(type(one).__module__, one.get_config())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "net.keras")], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        f"{type(one).__module__} {one.get_config()}" for one in metrics
    ], done.stderr


@pytest.mark.parametrize(
    ("act", "kind", "said"),
    [
        (lambda: IoU(1), SettingsError, "classes is 1; pass at least two classes"),
        (lambda: BoundaryIoU(3, band=0), SettingsError, "band is 0"),
        (lambda: IoU(3).merge_state([IoU(2)]), InputError, "with the same classes"),
        (lambda: IoU(3).merge_state([Dice(3)]), InputError, "metrics of one class"),
        (
            lambda: IoU(3).update_state(np.zeros((1, 2, 2)), np.zeros((1, 2, 2, 4))),
            InputError,
            "y_pred has 4 channels and the metric 3 classes; make it with classes=4",
        ),
        (
            lambda: IoU(2).update_state(np.full((1, 2, 2), 255), np.zeros((1, 2, 2, 2))),
            InputError,
            "label 255, expected 0 to 1.*ignore",
        ),
    ],
)
def test_refusals(act: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        act()


def test_the_label_without_a_class_is_that_of_training_data() -> None:
    assert IoU(2).ignore == IGNORE


def test_a_loss_of_the_same_name_is_saved_as_the_loss() -> None:
    for one in (losses.Dice(), Dice(2)):
        saved = keras.saving.serialize_keras_object(one)
        assert type(keras.saving.deserialize_keras_object(saved)) is type(one)
