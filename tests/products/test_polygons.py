"""Outlines that are traced strip by strip are those of the whole map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely

from tests.products.maps import cut_small, listed, noise, traced, whole
from tilesegm.products import polygons
from tilesegm.products.outlines import follow


@pytest.mark.parametrize("seed", range(30))
def test_polygons_are_those_of_the_whole_map(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = noise(seed)
    cut_small(monkeypatch, ids.shape[1], 1 + seed % 4)
    monkeypatch.setattr(polygons, "_BATCH", 50)
    objects, shapes = traced(ids, tmp_path / "vertices")
    assert listed(objects.ids, shapes) == whole(ids)
    assert shapely.is_valid(shapes).all()
    assert (shapely.area(shapes) == objects.pixels).all()
    assert (shapely.bounds(shapes) == objects.box[:, [1, 0, 3, 2]]).all()


@pytest.mark.parametrize("seed", range(8))
def test_borders_are_as_long_as_outlines_share(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = noise(seed, 20)
    cut_small(monkeypatch, ids.shape[1], 2)
    objects, shapes = traced(ids, tmp_path / "vertices")
    outlines = shapely.boundary(shapes)
    borders = objects.borders
    assert borders is not None
    inside = borders.one >= 0
    one, other = outlines[borders.one[inside]], outlines[borders.other[inside]]
    shared = shapely.length(shapely.intersection(one, other))
    assert (shared == borders.sides[inside]).all()
    edges = shapely.length(outlines)
    np.subtract.at(edges, borders.one[inside], shared)
    np.subtract.at(edges, borders.other[inside], shared)
    outside = np.zeros(len(objects))
    np.add.at(outside, borders.other[~inside], borders.sides[~inside])
    top, left, bottom, right = objects.box.T
    at_edge = (top == 0) | (left == 0) | (bottom == len(ids)) | (right == ids.shape[1])
    assert (edges >= outside).all()
    assert (edges == outside)[~at_edge].all()


@pytest.mark.parametrize("seed", range(6))
def test_nodes_match_the_edges_of_neighbours(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = noise(seed)
    cut_small(monkeypatch, ids.shape[1], 3)
    objects, shapes = traced(ids, tmp_path / "vertices", nodes=True)
    assert shapely.coverage_is_valid(shapes)
    assert (shapely.area(shapes) == objects.pixels).all()


def test_paths_and_circles_are_followed() -> None:
    # A path 4-0-2, a circle 1-3, a node alone, and a circle of one node.
    order, path = follow(np.array([2, 3, -1, 1, 0, -1, 6]))
    walks: dict[int, list[int]] = {}
    for node in order.tolist():
        walks.setdefault(int(path[node]), []).append(node)
    assert sorted(walks.values()) == [[1, 3], [4, 0, 2], [5], [6]]


def test_a_map_of_62_megapixels(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "rio_tiler" / "cog_cmap.tif"
    objects, shapes = traced(str(path), tmp_path / "vertices")
    with rasterio.open(path) as file:
        ids = file.read(1)
    assert listed(objects.ids, shapes) == whole(ids)
    assert (shapely.area(shapes) == objects.pixels).all()
