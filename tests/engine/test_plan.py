from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.engine.jobs import Network
from tilesegm.engine.decide import Decision
from tilesegm.engine.plan import Plan, make_fingerprint, make_plan
from tilesegm.errors import BudgetError, ModelError, SettingsError
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import ModelSpec
from tilesegm.source.base import ImageInfo

INFO = ImageInfo(
    "image.tif", "GTiff", 5000, 7000, 3, np.dtype("uint8"), (256, 256), identity=(("size", "1"),)
)
SPEC = replace(
    Network(lambda tiles: tiles, classes=5, stride=16).spec,
    radius=93,
    bytes_per_pixel=1000,
    identity=(("model", "abc"),),
)


def plan_of(
    info: ImageInfo = INFO,
    spec: ModelSpec = SPEC,
    tiling: Tiling | None = None,
    budget: int | None = None,
    **decision: Any,
) -> Plan:
    return make_plan(
        info,
        spec,
        tiling=tiling or Tiling(tile=512, overlap=64),
        decision=Decision(len(spec.classes), False, **decision),
        cache=64 << 20,
        budget=budget,
    )


def test_regions_cover_the_image_in_chunks() -> None:
    plan = plan_of()
    (panel,) = plan.panels
    assert [region.window.row for region in panel] == [0, 1024, 2048, 3072, 4096]
    assert all(region.window.width == 7000 for region in panel)


def test_narrow_panels_compute_the_tiles_at_their_edges_twice() -> None:
    wide, narrow = plan_of(), plan_of(budget=wide_enough(plan_of()))
    assert len(narrow.panels) > 1
    assert narrow.tiles > wide.tiles == wide.grid.tiles
    assert narrow.redundancy == pytest.approx(narrow.tiles * 512**2 / (5000 * 7000))
    assert narrow.read_amplification > wide.read_amplification == 1


def wide_enough(plan: Plan) -> int:
    """A budget for one tile and a third of the columns."""
    memory = plan.memory
    return memory.process + memory.cache + memory.batches // memory.batch + memory.stream // 3


def test_a_budget_that_fits_nothing_is_refused_with_the_numbers() -> None:
    with pytest.raises(BudgetError, match=r"limited to 500 MB and this needs \d+ MB .*process"):
        plan_of(budget=500_000_000)


def test_a_budget_is_kept() -> None:
    for budget in (1_200_000_000, 2_000_000_000, 4_000_000_000):
        assert plan_of(budget=budget).memory.peak <= budget


@pytest.mark.parametrize(
    ("tiling", "changes", "exact"),
    [
        (Tiling(tile=512, overlap="exact"), {}, True),
        (Tiling(tile=512, overlap=192, blend="crop"), {}, True),
        (Tiling(tile=512, overlap=176, blend="crop"), {}, False),
        # The fade keeps three eighths of 192 as margin: 72, less than 93.
        (Tiling(tile=512, overlap=192), {}, False),
        (Tiling(tile=512, overlap=256), {}, True),
        (Tiling(tile=512, overlap=64), {"radius": 0}, True),
        (Tiling(tile=512, overlap=0), {"radius": 0}, True),
        (Tiling(tile=512, overlap=64), {"radius": 93, "halo": 20}, True),
        (Tiling(tile=512, overlap=400), {"radius": None}, False),
        (Tiling(tile=512, overlap=400), {"inexact": ("it pools all",)}, False),
        # One tile is one pass over the whole image, unless rows were added that the image lacks.
        (Tiling(tile=8192, overlap=64), {}, True),
        (Tiling(tile=8192, overlap=64), {"inexact": ("it pools all",)}, False),
        (Tiling(tile=8192, overlap=64), {"inexact": ("it pools all",), "stride": 1}, True),
    ],
)
def test_exact_is_said_where_it_is_true(
    tiling: Tiling, changes: dict[str, Any], exact: bool
) -> None:
    assert plan_of(spec=replace(SPEC, **changes), tiling=tiling).exact is exact


def test_exact_is_refused_with_the_reason_where_no_halo_helps() -> None:
    spec = replace(SPEC, inexact=("layer norm looks at the whole tile",))
    with pytest.raises(ModelError, match="not exact because layer norm looks at the whole tile"):
        plan_of(spec=spec, tiling=Tiling(overlap="exact"))


def test_a_tile_off_the_stride_is_refused() -> None:
    with pytest.raises(SettingsError, match="must be a multiple of 16, such as 208"):
        plan_of(tiling=Tiling(tile=200, overlap=0))


def test_layers_have_a_nodata_value_of_their_own() -> None:
    layers = Decision(300, False, "margin", "uint8").layers
    told = {layer.name: (str(layer.dtype), layer.planes, layer.nodata) for layer in layers}
    assert told == {
        "classes": ("uint16", 1, 65535),
        "confidence": ("uint8", 1, 255),
        "scores": ("uint8", 300, 255),
    }
    assert np.isnan(Decision(3, False, scores="float16").layers[1].nodata)


def test_fingerprints_differ_where_results_would() -> None:
    plans = {
        "as it is": plan_of(),
        "image": plan_of(info=replace(INFO, identity=(("size", "2"),))),
        "model": plan_of(spec=replace(SPEC, identity=(("model", "xyz"),))),
        "tile": plan_of(tiling=Tiling(tile=1024, overlap=64)),
        "overlap": plan_of(tiling=Tiling(tile=512, overlap=128)),
        "blend": plan_of(tiling=Tiling(tile=512, overlap=64, blend="linear")),
        "margin": plan_of(spec=replace(SPEC, radius=9)),
        "panel": plan_of(budget=wide_enough(plan_of())),
        "top": plan_of(confidence="top"),
        "entropy": plan_of(confidence="entropy"),
        "scores": plan_of(scores="uint8"),
        "half scores": plan_of(scores="float16"),
    }
    fingerprints = {name: make_fingerprint(plan, None) for name, plan in plans.items()}
    for name, fingerprint in fingerprints.items():
        alike = [other for other, made in fingerprints.items() if made == fingerprint]
        assert alike == [name]
    assert fingerprints["as it is"] == make_fingerprint(plan_of(), None)
