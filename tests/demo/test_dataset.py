"""The small data set: written whole or not at all, readable by the libraries of each form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tests.cli.conftest import Cli, cli  # noqa: F401 (a fixture)
from tilesegm.demo.dataset import DATASET_CLASSES, write_dataset


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_pycocotools_reads_the_same_masks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_dataset(tmp_path, seed=2)
    coco = COCO(str(tmp_path / "coco/annotations/instances_val.json"))
    capsys.readouterr()
    assert [each["name"] for each in coco.loadCats(coco.getCatIds())] == [
        info.name for info in DATASET_CLASSES[1:]
    ]
    differing = pixels = 0
    for image in coco.loadImgs(coco.getImgIds()):
        name = Path(image["file_name"]).stem
        mask = np.array(Image.open(tmp_path / "pairs/masks" / f"{name}.png"))
        for number in coco.getCatIds():
            ids = coco.getAnnIds(imgIds=image["id"], catIds=number)
            of_class = [coco.annToMask(each).astype(bool) for each in coco.loadAnns(ids)]
            got = np.any(of_class, axis=0) if of_class else np.zeros(mask.shape, bool)
            differing += int((got != (mask == number)).sum())
            pixels += int((mask == number).sum())
    # It draws corners of steps along pixels otherwise.
    assert differing < 0.01 * pixels


def test_the_command_replaces_nothing(tmp_path: Path, cli: Cli) -> None:  # noqa: F811
    folder = tmp_path / "data"
    said = cli("demo", "--folder", folder, "--json")
    assert said.code == 0, said.err
    made = json.loads(said.out)
    assert set(made) == {"pairs", "voc", "labelme", "coco", "polygons", "qupath"}
    assert {path.name for path in folder.iterdir()} == set(made)
    again = cli("demo", "--folder", folder)
    assert (again.code, "pairs exists" in again.err) == (3, True)
    both = cli("demo", tmp_path / "other", "--folder", folder)
    assert (both.code, "two folders were given" in both.err) == (2, True)
    small = cli("demo", "--folder", tmp_path / "new", "--size", 600)
    assert small.code == 0
    assert len(list((tmp_path / "new/voc/JPEGImages").iterdir())) == 16
