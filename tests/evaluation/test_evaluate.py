"""Scores of maps in files: windows, grids, areas, tags, scores, batches, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

import tilesegm as ts
from tests.metrics.maps import assert_equal, random_maps
from tilesegm.errors import InputError, SettingsError, SourceError
from tilesegm.evaluation import evaluate as module
from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_many
from tilesegm.evaluation.inputs import MapPair
from tilesegm.metrics.measures import Measures

SMALL = Measures(cap=8, thin=(1,), rounds=4, objects=(0, 1), block=64)
OPTIONS = EvaluationOptions(classes=3, measures=SMALL)
TRANSFORM = rasterio.Affine(2, 0, 500000, 0, -2, 4000000)


def write(
    path: Path, ids: NDArray[Any], transform: Any = TRANSFORM, tags: Any = None, **profile: Any
) -> Path:
    bands = ids.reshape(-1, *ids.shape[-2:])
    profile = {"crs": "EPSG:32633", "transform": transform, "driver": "GTiff"} | profile
    with rasterio.open(
        path,
        "w",
        height=ids.shape[-2],
        width=ids.shape[-1],
        count=len(bands),
        dtype=ids.dtype,
        **profile,
    ) as file:
        file.write(bands)
        file.update_tags(**(tags or {}))
    return path


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WINDOW", 64)


@pytest.mark.usefixtures("small_windows")
def test_files_in_windows_and_threads_give_what_arrays_give_at_once(tmp_path: Path) -> None:
    truth, predicted = random_maps(0, 300, 230, 3)
    files = [write(tmp_path / f"{n}.tif", ids) for n, ids in enumerate((predicted, truth))]
    streamed = evaluate(*files, options=EvaluationOptions(3, measures=SMALL, workers=3))
    module._WINDOW = 4096
    whole = evaluate(predicted, truth, options=OPTIONS)
    assert_equal(streamed.total, whole.total)
    assert len(streamed.images[0].blocks) == 5 * 4
    assert sum(block.confusion for block in streamed.images[0].blocks).sum() == truth.size


def test_ids_that_are_ignored_do_not_count() -> None:
    truth = np.array([[0, 1, 2, 2]], np.uint8)
    predicted = np.array([[0, 1, 0, 1]], np.uint8)
    options = EvaluationOptions(3, ignore=(2,))
    found = evaluate(predicted, truth, options=options)
    assert found.class_scores.pixels == 2
    assert found.class_scores.accuracy == 1


def test_nodata_of_truth_does_not_count_and_of_prediction_is_wrong(tmp_path: Path) -> None:
    truth = write(tmp_path / "t.tif", np.array([[0, 1, 7, 1]], np.uint8), nodata=7)
    predicted = write(tmp_path / "p.tif", np.array([[0, 0, 0, 255]], np.uint8), nodata=0)
    found = evaluate(predicted, truth, options=EvaluationOptions(2))
    np.testing.assert_array_equal(found.total.confusion, [[0, 0, 1], [0, 0, 2]])


def test_pixels_without_a_class_are_counted_in_a_note() -> None:
    truth = np.array([[0, 1, 1, 255]])
    maps = [np.array([[0, 255, 7, 255]]), np.array([[0, 1, 1, 0]]), np.array([[255, 1, 1, 0]])]
    options = EvaluationOptions(classes=2, ignore=(255,), measures=OPTIONS.measures)
    found = evaluate_many([MapPair(predicted, truth) for predicted in maps], options)
    assert found.notes[-1] == (
        "<numpy array> and 1 more: 3 of 9 pixels that count (33.3%) have no class, such as nodata, "
        "and are wrong; --aoi scores a part of a map"
    )
    assert "have no class" not in "".join(evaluate(maps[1], truth, options=options).notes)


def test_unsure_pixels_are_named_where_the_truth_has_no_such_class(tmp_path: Path) -> None:
    predicted = write(tmp_path / "map.tif", np.array([[0, 1, 2, 2]], np.uint8))
    with rasterio.open(predicted, "r+") as file:
        file.update_tags(CLASS_NAMES='{"0": "ground", "1": "tree", "2": "unsure"}')
    options = EvaluationOptions(classes=("ground", "tree"), measures=OPTIONS.measures)
    found = evaluate(predicted, np.array([[0, 1, 1, 0]]), options=options)
    assert (
        "2 of 4 pixels that count (50.0%) have none of the 2 classes, such as nodata or unsure"
    ) in found.notes[-1]


def test_a_truth_that_is_a_prediction_is_noted(tmp_path: Path) -> None:
    from tilesegm.grid.tiling import Tiling
    from tilesegm.segmentation.segment import segment

    image = np.random.default_rng(0).integers(0, 9, (40, 50, 2)).astype(np.uint8)
    written = segment(image, lambda x: x, tmp_path / "map.tif", tiling=Tiling(64, 16)).output
    for predicted in (written, np.zeros((40, 50), np.uint8)):
        options = EvaluationOptions(classes=2, measures=OPTIONS.measures)
        (note,) = evaluate(predicted, written, options=options).notes
        assert "the prediction first and the truth second" in note


def test_one_tile_has_no_seams_to_show(tmp_path: Path) -> None:
    ids = np.zeros((40, 50), np.uint8)
    tags = {"TILESEGM_TILING": "tile 64 x 64, overlap 16, margin 0, blend hann, stride 1"}
    predicted = write(tmp_path / "p.tif", ids)
    with rasterio.open(predicted, "r+") as file:
        file.update_tags(**tags)
    found = evaluate(predicted, ids, options=EvaluationOptions(classes=1))
    assert found.total.seams is not None
    assert found.seams is None
    assert "accuracy_by_seam_distance" not in found.to_dict()


def test_an_area_of_interest_bounds_what_counts(tmp_path: Path) -> None:
    truth, predicted = random_maps(1, 80, 90, 3)
    mask = np.zeros(truth.shape, np.uint8)
    mask[10:50, 20:70] = 1
    area = write(tmp_path / "area.tif", mask)
    found = evaluate(predicted, truth, area=area, options=OPTIONS)
    without = np.where(mask, truth, 255).astype(np.uint8)
    assert_equal(found.total, evaluate(predicted, without, options=OPTIONS).total)
    assert found.class_scores.pixels == 40 * 50


def test_a_truth_of_another_grid_is_taken_to_the_prediction(tmp_path: Path) -> None:
    truth, predicted = random_maps(2, 60, 60, 3)
    coarse = truth[::2, ::2]
    files = (
        write(tmp_path / "p.tif", predicted),
        write(tmp_path / "t.tif", coarse[:, :20], rasterio.Affine(4, 0, 500000, 0, -4, 4000000)),
    )
    found = evaluate(*files, options=OPTIONS)
    seen = np.full(truth.shape, 255, np.uint8)
    seen[:, :40] = np.repeat(np.repeat(coarse[:, :20], 2, 0), 2, 1)
    assert_equal(found.total, evaluate(predicted, seen, options=OPTIONS).total)


@pytest.mark.parametrize(
    ("truth_crs", "transform", "shape", "reason"),
    [
        (None, rasterio.Affine(2, 0, 9, 0, -2, 9), (60, 60), "coordinate systems"),
        (None, None, (60, 50), "60 x 50"),
        ("EPSG:32633", rasterio.Affine(2, 0, 0, 0, -2, 0), (60, 60), "no pixel in common"),
    ],
)
def test_maps_that_do_not_fit_are_refused_with_the_reason(
    tmp_path: Path, truth_crs: str | None, transform: Any, shape: tuple[int, int], reason: str
) -> None:
    predicted = write(tmp_path / "p.tif", np.zeros((60, 60), np.uint8))
    profile = {"crs": truth_crs} | ({"transform": transform} if transform else {})
    if transform is None:
        truth: Any = np.zeros(shape, np.uint8)
    else:
        truth = write(tmp_path / "t.tif", np.zeros(shape, np.uint8), **profile)
    with pytest.raises(InputError, match=reason):
        evaluate(predicted, truth, options=OPTIONS)


def test_classes_and_seams_come_from_the_tags_of_the_prediction(tmp_path: Path) -> None:
    truth = np.zeros((40, 100), np.uint8)
    predicted = truth.copy()
    predicted[:, 48:52] = 1  # wrong at the seam in the middle alone
    tags = {
        "CLASS_NAMES": json.dumps({"0": "land", "1": "sea"}),
        "TILESEGM_TILING": "tile 40 x 60, overlap 20, margin 10, blend crop",
    }
    found = evaluate(write(tmp_path / "p.tif", predicted, tags=tags), truth)
    assert found.classes == ("land", "sea")
    seams = found.total.seams
    assert seams is not None
    assert (seams.all - seams.right).tolist() == [4 * 40, 0, 0, 0, 0, 0, 0]
    assert seams.all.tolist() == [8 * 40, 8 * 40, 16 * 40, 32 * 40, 36 * 40, 0, 0]


def test_classes_that_nobody_tells_are_asked_for() -> None:
    with pytest.raises(InputError, match="does not tell its classes"):
        evaluate(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_scores_give_thresholds_and_calibration(tmp_path: Path, dtype: str) -> None:
    random = np.random.default_rng(0)
    chance = random.integers(0, 255, (50, 60))
    truth = (random.random(chance.shape) < chance / 254).astype(np.uint8)
    predicted = (chance > 127).astype(np.uint8)
    planes = np.stack([254 - chance, chance])
    if dtype == "uint8":
        scores = write(tmp_path / "s.tif", planes.astype(dtype), nodata=255)
    else:
        scores = write(tmp_path / "s.tif", (planes / 254).astype(dtype))
    found = evaluate(predicted, truth, scores=scores, options=EvaluationOptions(2))
    assert found.total.confidence is not None
    assert found.total.confidence.expected_calibration_error() < 0.03
    assert found.total.score_histograms is not None
    curve = found.total.score_histograms.curve(1)
    at = np.searchsorted(curve.threshold, 128 / 254 - 1e-3)
    assert curve.iou[at] == pytest.approx(
        found.class_scores.iou[1], abs=0 if dtype == "uint8" else 1e-9
    )


def test_confidence_of_a_file_of_its_own(tmp_path: Path) -> None:
    truth = np.array([[0, 0, 0, 1]], np.uint8)
    sure = write(tmp_path / "c.tif", np.array([[254, 254, 254, 127]], np.uint8), nodata=255)
    found = evaluate(
        np.zeros((1, 4), np.uint8), truth, confidence=sure, options=EvaluationOptions(2)
    )
    counts = found.total.confidence
    assert counts is not None
    # Three pixels are right at 1, one is wrong at one half.
    assert counts.expected_calibration_error() == pytest.approx(0.5 / 4)


def test_many_pairs_are_counted_each_and_together() -> None:
    pairs = [MapPair(p, t) for t, p in (random_maps(n, 40, 50 + n, 3) for n in range(3))]
    found = evaluate_many(pairs, OPTIONS)
    assert len(found.images) == 3
    assert found.total.confusion.sum() == sum(pair.truth.size for pair in pairs)
    each = [evaluate(p.prediction, p.truth, options=OPTIONS).class_scores.mean_iou for p in pairs]
    assert found.mean_iou_of_images == pytest.approx(np.mean(each))


def test_json_is_strict_and_says_what_is_not_known() -> None:
    truth, predicted = random_maps(4, 60, 60, 2)
    predicted[predicted == 1] = 0
    found = evaluate(predicted, truth, options=EvaluationOptions(4, measures=SMALL))
    said = json.loads(found.to_json())
    assert said["classes"][1]["hausdorff_95"] == "inf"
    assert said["classes"][3]["iou"] is None
    assert said["mean_iou"] == found.class_scores.mean_iou
    assert said["classes"][1]["objects"]["f1"] == 0


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        (np.zeros((3, 8, 8), np.uint8), "3 bands"),
        (np.full((8, 8), 0.5, np.float32), "no class id"),
    ],
)
def test_rasters_that_hold_no_ids_are_refused(
    tmp_path: Path, ids: NDArray[Any], reason: str
) -> None:
    with pytest.raises(SourceError, match=reason):
        evaluate(write(tmp_path / "p.tif", ids), np.zeros((8, 8), np.uint8), options=OPTIONS)


@pytest.mark.parametrize(
    "make",
    [
        lambda: EvaluationOptions(classes=0),
        lambda: EvaluationOptions(workers=-1),
        lambda: Measures(band=0),
        lambda: Measures(cap=3, tolerances=(4,)),
        lambda: evaluate(
            np.zeros((4, 4), np.uint8),
            np.zeros((4, 4), np.uint8),
            options=EvaluationOptions(2, measures=Measures(objects=(2,))),
        ),
    ],
)
def test_settings_out_of_range_are_refused(make: Any) -> None:
    with pytest.raises(SettingsError):
        make()


def test_a_truth_without_a_class_is_an_error() -> None:
    with pytest.raises(InputError, match="no pixel has a true class"):
        evaluate(np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8), options=OPTIONS)


def test_ids_that_count_from_one_are_refused() -> None:
    predicted = np.array([[0, 1, 2, 2]], np.uint8)
    with pytest.raises(InputError, match=r"holds id 3, and the classes .* 0 to 2; .*--labels"):
        evaluate(predicted, predicted + np.uint8(1), options=OPTIONS)
    told = EvaluationOptions(classes=3, ignore=(3,))
    assert evaluate(predicted, predicted + np.uint8(1), options=told).class_scores.pixels == 2


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(InputError, match="nothing to evaluate"):
        evaluate_many([])


@pytest.mark.slow
def test_more_pixels_than_32_bits_can_count() -> None:
    size = 47_000
    truth = np.broadcast_to(np.uint8(1), (size, size))
    predicted = np.broadcast_to((np.arange(size) >= 10).astype(np.uint8), (size, size))
    options = EvaluationOptions(2, measures=Measures(borders=False))
    found = evaluate(predicted, truth, options=options)
    assert size * size > 2**31
    assert found.total.confusion.tolist() == [[0, 0, 0], [10 * size, size * (size - 10), 0]]


def test_a_confidence_that_is_no_probability_is_told(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((60, 70, 2))
    truth = (image[..., 1] > 0.5).astype(np.uint8)

    def notes(kind: str) -> str:
        options = ts.Options(confidence=kind, network_outputs="logits")
        done = ts.segment(image, lambda pixels: pixels, tmp_path / f"{kind}.tif", options=options)
        confidence = dict(done.extras)["confidence"]
        return " ".join(evaluate(done.output, truth, confidence=confidence).notes)

    assert "margin_confidence.tif is of the kind margin" in notes("margin")
    assert "of the kind" not in notes("top")
