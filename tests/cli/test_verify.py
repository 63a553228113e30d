"""``tilesegm verify`` says what is damaged, and its exit code too."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli
from tests.images import GEO, blobs, write
from tilesegm.segmentation.segment import segment


def test_exit_codes_and_json(cli: Cli, tmp_path: Path) -> None:
    result = tmp_path / "map.tif"
    segment(write(tmp_path / "image.tif", blobs(40, 30), **GEO), lambda pixels: pixels, result)
    whole = cli("verify", str(result))
    assert whole.code == 0
    assert "map.tif: whole" in whole.out
    result.write_bytes(result.read_bytes()[:-1] + b"x")
    damaged = cli("verify", str(result), "--json")
    assert damaged.code == 1
    assert json.loads(damaged.out)["whole"] is False
    assert cli("verify", str(result), "--recompute", "many").code == 2
    assert cli("verify", str(tmp_path / "absent.tif")).code == 2
