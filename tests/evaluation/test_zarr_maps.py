"""Maps that a run wrote as Zarr are evaluated like those that it wrote as GeoTIFF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import zarr
from numpy.typing import NDArray

import tilesegm as ts
from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.evaluation.test_evaluate import write
from tests.metrics.maps import assert_equal
from tests.report.test_page import read
from tilesegm.classes import ClassInfo
from tilesegm.evaluation import report as report_module
from tilesegm.evaluation.inputs import MapPair
from tilesegm.evaluation.report import write_evaluation_report
from tilesegm.model.base import ModelSpec

CLASSES = (
    ClassInfo("open land", (200, 180, 90)),
    ClassInfo("sea", (10, 20, 200)),
    ClassInfo("rôad", (90, 90, 90)),
)


class Network:
    """Takes each of three bands for a class."""

    spec = ModelSpec("toy", 3, CLASSES, probabilities=True)
    precision = "float32"

    def __call__(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores ``(N, classes, H, W)``."""
        shares = (tiles + 1) / (tiles + 1).sum(-1, keepdims=True)
        return np.ascontiguousarray(np.moveaxis(shares, -1, 1))


class OneBand:
    """Takes the values of one band for ids of three classes."""

    spec = ModelSpec("ids", 1, CLASSES, probabilities=True)
    precision = "float32"

    def __call__(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores ``(N, classes, H, W)``."""
        return np.float32(tiles[:, None, :, :, 0] == np.arange(3)[:, None, None])


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of ``p.tif`` and ``p.zarr`` of one run, and ``t.tif``, the truth."""
    folder = tmp_path_factory.mktemp("maps")
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (9, 12)).repeat(20, 0).repeat(20, 1).astype(np.uint8)
    image = np.where(np.arange(3)[:, None, None] == truth, 90, 60)
    image = (image + random.integers(-25, 26, image.shape)).astype(np.uint8)
    write(folder / "image.tif", image)
    write(folder / "t.tif", truth)
    options = ts.Options(confidence="top", scores="uint8")
    for name in ("p.tif", "p.zarr"):
        output, tiling = folder / name, ts.Tiling(64, 16)
        ts.segment(folder / "image.tif", Network(), output, tiling=tiling, options=options)
    return folder


def test_zarr_gives_the_scores_names_and_seams_of_geotiff(maps: Path) -> None:
    from_tif = ts.evaluate(maps / "p.tif", maps / "t.tif")
    from_zarr = ts.evaluate(maps / "p.zarr", maps / "t.tif")
    assert from_zarr.classes == ("open land", "sea", "rôad")
    assert from_zarr.total.seams is not None
    assert 0.5 < from_zarr.class_scores.accuracy < 1
    assert_equal(from_zarr.total, from_tif.total)


def test_zarr_as_truth(maps: Path) -> None:
    from_tif = ts.evaluate(maps / "t.tif", maps / "p.tif", options=ts.EvaluationOptions(3))
    from_zarr = ts.evaluate(maps / "t.tif", maps / "p.zarr", options=ts.EvaluationOptions(3))
    assert_equal(from_zarr.total, from_tif.total)


def test_confidence_and_scores_are_addressed_by_their_groups(maps: Path) -> None:
    from_tif, from_zarr = (
        ts.evaluate(prediction, maps / "t.tif", confidence=confidence, scores=scores)
        for prediction, confidence, scores in (
            (maps / "p.tif", maps / "p_confidence.tif", maps / "p_scores.tif"),
            (maps / "p.zarr", maps / "p.zarr" / "confidence", maps / "p.zarr" / "scores"),
        )
    )
    assert from_zarr.total.confidence is not None
    assert from_zarr.total.score_histograms is not None
    assert_equal(from_zarr.total, from_tif.total)


def test_an_open_group_is_a_map_too(maps: Path) -> None:
    group = zarr.open_group(maps / "p.zarr", mode="r")
    options = ts.EvaluationOptions(workers=1)
    found = ts.evaluate(group, maps / "t.tif", options=options)
    assert_equal(found.total, ts.evaluate(maps / "p.tif", maps / "t.tif").total)


def test_zarr_of_other_people_is_asked_for_its_classes(maps: Path, tmp_path: Path) -> None:
    ids = zarr.create_array(tmp_path / "other.zarr", shape=(180, 240), dtype="uint8")
    ids[:] = 1
    with pytest.raises(ts.TilesegmError, match="does not tell its classes"):
        ts.evaluate(tmp_path / "other.zarr", maps / "t.tif")
    found = ts.evaluate(
        tmp_path / "other.zarr", maps / "t.tif", options=ts.EvaluationOptions(classes=3)
    )
    assert found.total.seams is None
    assert found.class_scores.pixels == 180 * 240


def test_zarr_lies_where_its_image_lay(maps: Path, tmp_path: Path) -> None:
    with rasterio.open(maps / "t.tif") as raster:
        truth = raster.read(1)
    transform = rasterio.Affine(4, 0, 500000, 0, -4, 4000000)
    coarse = write(tmp_path / "t.tif", truth[::2, :120:2], transform, nodata=255)
    area = np.zeros_like(truth)
    area[30:90, 10:70] = 1
    write(tmp_path / "area.tif", area)
    for further in ({}, {"area": tmp_path / "area.tif"}):
        from_tif, from_zarr = (
            ts.evaluate(maps / name, coarse, **further) for name in ("p.tif", "p.zarr")
        )
        assert_equal(from_zarr.total, from_tif.total)


def test_zarr_as_truth_of_another_grid(maps: Path, tmp_path: Path) -> None:
    with rasterio.open(maps / "t.tif") as raster:
        truth, place = raster.read(1), raster.transform
    a, _, c, _, e, f = tuple(place)[:6]
    coarse = write(
        tmp_path / "t.tif",
        truth[::2, :120:2],
        rasterio.Affine(2 * a, 0, c, 0, 2 * e, f),
        nodata=255,
    )
    own = tmp_path / "t.zarr"
    ts.segment(coarse, OneBand(), own, tiling=ts.Tiling(64, 16))
    options = ts.EvaluationOptions(classes=3)
    from_tif, from_zarr = (
        ts.evaluate(maps / "p.tif", each, options=options) for each in (coarse, own)
    )
    assert_equal(from_zarr.total, from_tif.total)


def test_what_lies_elsewhere_is_refused(maps: Path, tmp_path: Path) -> None:
    with rasterio.open(maps / "t.tif") as raster:
        truth, place = raster.read(1), raster.transform
    a, _, c, _, e, f = tuple(place)[:6]
    far = write(tmp_path / "t.tif", truth, rasterio.Affine(a, 0, c + 4e5, 0, e, f))
    ts.segment(far, OneBand(), tmp_path / "t.zarr", tiling=ts.Tiling(64, 16))
    for prediction, other in (("p.zarr", far), ("p.tif", tmp_path / "t.zarr")):
        with pytest.raises(ts.TilesegmError, match="no pixel in common"):
            ts.evaluate(maps / prediction, other)
    with pytest.raises(ts.TilesegmError, match=r"t\.zarr lies elsewhere than"):
        ts.evaluate(maps / "p.tif", maps / "t.tif", confidence=tmp_path / "t.zarr")


def test_the_report_takes_colours_from_zarr(
    maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    page = report_module.evaluation_page

    def spy(evaluation: Any, classes: Any, *rest: Any) -> Any:
        shown.append(classes)
        return page(evaluation, classes, *rest)

    monkeypatch.setattr(report_module, "evaluation_page", spy)
    for prediction, truth in (("p.zarr", "t.tif"), ("t.tif", "p.zarr")):
        pairs = [MapPair(maps / prediction, maps / truth)]
        options = ts.EvaluationOptions(classes=tuple(info.name for info in CLASSES))
        evaluation = ts.evaluate_many(pairs, options)
        path = write_evaluation_report(tmp_path / "page.html", evaluation, pairs, options)
        assert "Seams of tiles" in read(path).text or prediction == "t.tif"
    assert shown == [CLASSES, CLASSES]


def test_folders_of_zarr_maps_are_paired(cli: Cli, maps: Path, tmp_path: Path) -> None:  # noqa: F811
    for folder in ("p", "t"):
        (tmp_path / folder).mkdir()
        for name in ("a.zarr", "b.zarr"):
            (tmp_path / folder / name).symlink_to(maps / "p.zarr")
    said = cli("evaluate", tmp_path / "p", tmp_path / "t", "--no-borders", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert [Path(image["prediction"]).name for image in found["images"]] == ["a.zarr", "b.zarr"]
    assert found["accuracy"] == 1


def test_the_command_reads_zarr(cli: Cli, maps: Path) -> None:  # noqa: F811
    words = ("--scores", maps / "p.zarr" / "scores", "--no-borders", "--json")
    said = cli("evaluate", maps / "p.zarr", maps / "t.tif", *words)
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert [row["name"] for row in found["classes"]] == ["open land", "sea", "rôad"]
    assert "accuracy_by_seam_distance" in found
    assert "expected_calibration_error" in found
