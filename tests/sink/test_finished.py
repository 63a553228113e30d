from __future__ import annotations

import pytest

from tests.sink.conftest import CLASSES, patches
from tilesegm.errors import OutputError
from tilesegm.sink import Caption, finish_geotiff, finish_zarr
from tilesegm.sink.finished import FINGERPRINT_TAG, check_finished, digest


def test_digest_tells_fingerprints_apart():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1, "b": 2}) != digest({"a": 1, "b": 3})


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_the_same_work_is_recognised_and_other_work_refused(tmp_path, staged, name):
    caption = Caption(tags={FINGERPRINT_TAG: digest({"tile": 512})})
    staging, out = staged({CLASSES: patches(40, 50)}), tmp_path / name
    if out.suffix == ".tif":
        finish_geotiff(staging, {"classes": out}, caption)
    else:
        finish_zarr(staging, out, caption)
    check_finished(out, digest({"tile": 512}))
    with pytest.raises(OutputError, match="--overwrite"):
        check_finished(out, digest({"tile": 1024}))


def test_a_file_or_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "text.tif").write_text("not a raster")
    (tmp_path / "empty.zarr").mkdir()
    for name in ("text.tif", "empty.zarr"):
        with pytest.raises(OutputError, match="is not the result"):
            check_finished(tmp_path / name, digest({}))
