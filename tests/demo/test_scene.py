"""The rendered scene: the same every time, with every class, on the ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from tilesegm.demo.classes import CLASSES, Cover
from tilesegm.demo.scene import RenderedScene, render_scene
from tilesegm.errors import SettingsError
from tilesegm.events import Event, StageProgress


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> RenderedScene:
    return render_scene(tmp_path_factory.mktemp("scene"), size=1024, seed=3)


def test_same_seed_same_bytes(scene: RenderedScene, tmp_path: Path) -> None:
    again = render_scene(tmp_path / "again", size=1024, seed=3)
    other = render_scene(tmp_path / "other", size=1024, seed=4)
    assert again.image.read_bytes() == scene.image.read_bytes()
    assert again.labels.read_bytes() == scene.labels.read_bytes()
    assert other.image.read_bytes() != scene.image.read_bytes()


def test_image_and_labels_lie_on_one_grid(scene: RenderedScene) -> None:
    with rasterio.open(scene.image) as image, rasterio.open(scene.labels) as labels:
        assert image.crs == labels.crs == "EPSG:32633"
        assert image.transform == labels.transform
        assert (image.transform.a, image.transform.e) == (0.25, -0.25)
        assert image.shape == labels.shape == (1024, 1024)
        assert (image.count, image.dtypes[0]) == (3, "uint8")
        assert image.block_shapes[0] == (256, 256)
        assert labels.block_shapes[0] == (256, 256)
        assert labels.tags(1)["class_4"] == "road"
        assert labels.colormap(1)[int(Cover.ROAD)][:3] == CLASSES[Cover.ROAD].colour


def test_the_west_is_the_left_half(scene: RenderedScene) -> None:
    with rasterio.open(scene.image) as image, rasterio.open(scene.west_image) as west:
        assert (west.height, west.width, west.transform) == (1024, 512, image.transform)
        # The whole scene is compressed with losses, of which the mean knows little.
        differences = image.read()[..., :512].astype(int) - west.read()
    assert np.abs(differences).mean() < 4
    with rasterio.open(scene.labels) as labels, rasterio.open(scene.west_labels) as west:
        np.testing.assert_array_equal(west.read(1), labels.read(1)[:, :512])


def test_progress_ends_at_one(tmp_path: Path) -> None:
    events: list[Event] = []
    render_scene(tmp_path, size=512, on_event=events.append)
    fractions = [event.fraction for event in events if isinstance(event, StageProgress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


@pytest.mark.parametrize(("size", "seed"), [(512, 0), (512, 1), (1024, 3)])
def test_every_class_is_there_on_both_sides(size: int, seed: int, tmp_path: Path) -> None:
    with rasterio.open(render_scene(tmp_path, size=size, seed=seed).labels) as file:
        labels = file.read(1)
    for half in (labels[:, : size // 2], labels[:, size // 2 :]):
        share = np.bincount(half.ravel(), minlength=len(CLASSES)) / half.size
        assert len(share) == len(CLASSES)
        assert share.min() > 0.002, dict(zip([c.name for c in CLASSES], share, strict=True))


def test_classes_look_different_and_not_too_easy(scene: RenderedScene) -> None:
    """Mean colours differ, yet a pixel's colour alone does not give its class away."""
    with rasterio.open(scene.image) as image, rasterio.open(scene.labels) as labels:
        pixels = np.moveaxis(image.read(), 0, -1).reshape(-1, 3).astype(np.float64)
        truth = labels.read(1).ravel()
    means = np.stack([pixels[truth == cover].mean(0) for cover in Cover])
    nearest = ((pixels[:, None] - means) ** 2).sum(-1).argmin(1)
    recall = [float((nearest[truth == cover] == cover).mean()) for cover in Cover]
    assert 0.35 < np.mean(recall) < 0.85
    assert pixels.min() < 40
    assert pixels.max() > 200


def test_a_scene_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="512 or more"):
        render_scene(tmp_path, size=511)
    assert not list(tmp_path.iterdir())
