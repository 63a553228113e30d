"""What a result depends on: unfinished work is resumed only where all of it is the same."""

from __future__ import annotations

from typing import Any

from tilesegm.engine.plan import Plan
from tilesegm.source.area import Area
from tilesegm.version import __version__

__all__ = ["make_fingerprint"]


def make_fingerprint(plan: Plan, area: Area | None) -> dict[str, Any]:
    """Name everything that changes a pixel of the result, or the order in which it is made."""
    grid = plan.grid
    return {
        "image": dict(plan.info.identity) | {"nodata": str(plan.info.nodata)},
        "model": dict(plan.spec.identity),
        "tiling": {
            "tile": grid.tile,
            "overlap": grid.overlap,
            "margin": grid.margin,
            "blend": plan.tiling.blend,
            "panel": plan.memory.panel,
        },
        "results": {
            layer.name: f"{layer.dtype} x {layer.planes}, scale {layer.scale:.6g}"
            for layer in plan.decision.layers
        }
        | {"confidence of": plan.decision.confidence or "nothing"},
        "area": dict(area.identity) if area else {},
        "tilesegm": {"version": __version__},
    }
