"""What the values of truths and predictions mean, and what is said of pixels that do not count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.evaluation.test_evaluate import write
from tilesegm.errors import InputError
from tilesegm.evaluation.evaluate import EvaluationOptions, evaluate, evaluate_many
from tilesegm.evaluation.inputs import MapPair
from tilesegm.events import Noted
from tilesegm.metrics.evaluation import Evaluation
from tilesegm.metrics.measures import Measures

PLAIN = Measures(borders=False)
RANDOM = np.random.default_rng(5)
SHAPE = (60, 70)
MASK = (RANDOM.random(SHAPE) < 0.3).astype(np.int64)
IGNORED = {"ignore": (255,)}
MAP = (MASK ^ (RANDOM.random(SHAPE) < 0.1)).astype(np.uint8)
"""Foreground with some mistakes."""


def score(
    folder: Path,
    truth: NDArray[Any],
    predicted: NDArray[Any] = MAP,
    classes: int = 2,
    profile: dict[str, Any] | None = None,
    **more: Any,
) -> Evaluation:
    """Evaluate two files."""
    files = write(folder / "p.tif", predicted), write(folder / "t.tif", truth, **(profile or {}))
    options = EvaluationOptions(classes, measures=PLAIN, **more)
    return evaluate(*files, options=options)


@pytest.mark.parametrize(
    ("mark", "dtype"),
    [
        (255, "uint8"),
        (255, "int32"),
        (255, "float32"),
        (65535, "uint16"),
        (2**32 - 1, "uint32"),
        (-1, "int8"),
        (-1, "int16"),
        (-1, "float64"),
    ],
)
def test_a_mask_of_two_values_is_background_and_foreground(
    tmp_path: Path, mark: int, dtype: str
) -> None:
    found = score(tmp_path, np.where(MASK, mark, 0).astype(dtype))
    expected = [[int(((1 - MASK) * (b == MAP)).sum()) for b in (0, 1)]]
    expected.append([int((MASK * (b == MAP)).sum()) for b in (0, 1)])
    assert found.total.confusion[:, :2].tolist() == expected
    (note,) = found.notes
    assert f"{mark} ({MASK.sum():,} pixels" in note
    assert f"--ignore {mark}" in note
    assert found.to_dict()["notes"] == [note]


def test_a_prediction_is_read_by_the_same_rule(tmp_path: Path) -> None:
    found = score(tmp_path, (255 * MASK).astype(np.uint8), 255 * MAP)
    assert found.class_scores.accuracy == np.mean(MASK == MAP)
    assert any("prediction is a mask of 0 and 255" in note for note in found.notes)


def test_all_pixels_decide_not_the_first_window(tmp_path: Path) -> None:
    truth = np.zeros((5000, 40), np.uint8)
    truth[4900:] = 255
    found = score(tmp_path, truth, np.zeros_like(truth))
    assert found.class_scores.accuracy == 0.98
    truth[0, 0] = 1  # then 255 is no label
    found = score(tmp_path, truth, np.zeros_like(truth))
    assert found.class_scores.pixels == 4900 * 40


@pytest.mark.parametrize(
    ("truth", "classes", "dtype", "mark", "hidden"),
    [
        ([0, 1, 2, 3, 4, 255, 255], 5, "uint8", 255, 2),
        ([0, 1, 2, 3, 4, 255], 5, "int32", 255, 1),
        ([0, 1, 255, 1], 2, "uint8", 255, 1),
        ([0, 1, 2, -1], 3, "int16", -1, 1),
        ([0, 2, 65535], 3, "uint16", 65535, 1),
        ([-1, 1, 0], 2, "float32", -1, 1),
    ],
)
def test_a_mark_beside_ids_is_no_label_and_is_counted(
    tmp_path: Path, truth: list[int], classes: int, dtype: str, mark: int, hidden: int
) -> None:
    ids = np.array([truth])
    predicted = np.clip(ids, 0, classes - 1).astype(np.uint8)
    found = score(tmp_path, ids.astype(dtype), predicted, classes)
    assert found.class_scores.pixels == len(truth) - hidden
    assert found.class_scores.accuracy == 1
    assert any(f"{mark} is taken for no label ({hidden} pixels" in note for note in found.notes)


@pytest.mark.parametrize(
    ("truth", "dtype", "nodata", "words", "way", "meant"),
    [
        ([0, 1, 1, 0], "uint8", 0, "nodata 0 hides 2 ", {"nodata": "none"}, {"nodata": 0}),
        ([0, 255, 255, 0], "uint8", 255, "nodata 255", {"nodata": "none"}, {"nodata": 255}),
        ([0, 65535, 65535, 0], "uint16", 0, "nodata 0 hides 2", {"nodata": "none"}, None),
        ([0, -1, -1, 0], "int16", -1, "nodata -1 hides", {"nodata": "none"}, {"nodata": -1}),
        (
            [1, 255, 255, 1],
            "uint8",
            None,
            "--values 1,255",
            {"values": (1, 255)},
            {"ignore": (255,)},
        ),
        ([255] * 4, "uint8", None, "no pixel has a true class", {"values": (0, 255)}, None),
    ],
)
def test_a_truth_of_one_class_is_refused_with_a_way_that_works(
    tmp_path: Path,
    truth: list[int],
    dtype: str,
    nodata: int | None,
    words: str,
    way: dict[str, Any],
    meant: dict[str, Any] | None,
) -> None:
    ids = np.array([truth], dtype)
    predicted = (ids == ids.reshape(-1)[1]).astype(np.uint8)
    given = {} if nodata is None else {"nodata": nodata}
    with pytest.raises(InputError, match=words):
        score(tmp_path, ids, predicted, profile=given)
    found = score(tmp_path, ids, predicted, profile=given, **way)
    assert (found.class_scores.pixels, found.class_scores.accuracy) == (4, 1)
    # Who says that it is meant is believed.
    if meant is not None:
        assert score(tmp_path, ids, predicted, profile=given, **meant).class_scores.pixels == 2


def test_nodata_beside_classes_is_counted(tmp_path: Path) -> None:
    ids = np.array([[0, 0, 0, 1, 2]], np.uint8)
    found = score(tmp_path, ids, ids, 3, {"nodata": 0})
    assert found.class_scores.pixels == 2
    (note,) = found.notes
    assert "nodata 0 hides 3 pixels, 60.0%; --nodata none counts them" in note


def test_transparency_of_a_palette_is_nodata_and_is_said(tmp_path: Path) -> None:
    ids = RANDOM.integers(0, 3, SHAPE).astype(np.uint8)
    image = Image.fromarray(ids).convert("P")
    image.putdata(ids.ravel().tolist())
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "t.png", transparency=0)
    options = EvaluationOptions(3, measures=PLAIN)
    truth = tmp_path / "t.png"
    found = evaluate(ids, truth, options=options)
    assert found.class_scores.pixels == np.count_nonzero(ids)
    assert any(f"nodata 0 hides {np.sum(ids == 0):,} pixels" in note for note in found.notes)


@pytest.mark.parametrize(("value", "dtype"), [(-9999, "int16"), (7, "uint8"), (254, "uint8")])
def test_other_values_are_refused_and_may_be_named(tmp_path: Path, value: int, dtype: str) -> None:
    ids = np.array([[0, 1, 2, value]], dtype)
    predicted = np.array([[0, 1, 2, 0]], np.uint8)
    with pytest.raises(InputError, match=rf"holds id {value}, .*--values.*--ignore {value}"):
        score(tmp_path, ids, predicted, 3)
    assert score(tmp_path, ids, predicted, 3, ignore=(value,)).class_scores.pixels == 3
    assert score(tmp_path, ids, predicted, 3, nodata=value).class_scores.pixels == 3


def test_values_name_the_classes_of_a_truth(tmp_path: Path) -> None:
    ids = np.array([[10, 20, 30, 255]], np.uint8)
    predicted = np.array([[0, 1, 1, 0]], np.uint8)
    found = score(tmp_path, ids, predicted, 3, values=(10, 20, 30))
    assert found.total.confusion[:, :3].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]


def test_masks_of_a_folder_have_one_meaning(tmp_path: Path) -> None:
    mask = (255 * MASK).astype(np.uint8)
    pairs = [MapPair(MAP, mask), MapPair(MAP, np.full_like(mask, 255)), MapPair(MAP, mask * 0)]
    options = EvaluationOptions(2, measures=PLAIN)
    events: list[Any] = []
    found = evaluate_many(pairs, options, events.append)
    assert found.class_scores.true.tolist() == [
        (MASK == 0).sum() + MASK.size,
        MASK.sum() + MASK.size,
    ]
    assert [e.text for e in events if isinstance(e, Noted)] == list(found.notes)


def test_masks_and_ids_in_one_folder_contradict_each_other(tmp_path: Path) -> None:
    mask, ids = (255 * MASK).astype(np.uint8), MASK.astype(np.uint8)
    files = [write(tmp_path / f"{name}.tif", truth) for name, truth in (("a", mask), ("b", ids))]
    pairs = [MapPair(MAP, str(file)) for file in files]
    options = EvaluationOptions(2, measures=PLAIN)
    with pytest.raises(InputError, match=r"a\.tif is a mask of 0 and 255, and .*b\.tif holds 1"):
        evaluate_many(pairs, options)
    # A truth that holds both says what 255 is.
    ids[0, 0], ids[0, 1] = 255, 1
    write(files[1], ids)
    assert evaluate_many(pairs, options).class_scores.pixels == (mask == 0).sum() + MASK.size - 1


def test_a_truth_on_another_grid_is_counted_where_it_reaches(tmp_path: Path) -> None:
    import rasterio

    truth = np.zeros((30, 35), np.uint8)
    truth[10:20] = 1
    coarse = rasterio.Affine(4, 0, 500000, 0, -4, 4000000)
    predicted = write(tmp_path / "p.tif", np.zeros((60, 100), np.uint8))
    options = EvaluationOptions(2, measures=PLAIN, nodata="none")
    file = write(tmp_path / "t.tif", truth, coarse, nodata=0)
    found = evaluate(predicted, file, options=options)
    assert found.class_scores.true.tolist() == [40 * 70, 20 * 70]
    assert any(f"{60 * 30:,} pixels" in note and "does not reach" in note for note in found.notes)


@pytest.mark.parametrize(
    ("truth", "words"),
    [("t.geojson", r"holds polygons; give --labels"), ("t.tif", r"3 bands; .*--labels")],
)
def test_a_truth_that_needs_settings_says_so(tmp_path: Path, truth: str, words: str) -> None:
    (tmp_path / "t.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    write(tmp_path / "t.tif", np.zeros((3, 8, 8), np.uint8))
    predicted = write(tmp_path / "p.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(InputError, match=words):
        evaluate(predicted, tmp_path / truth, options=EvaluationOptions(2))
