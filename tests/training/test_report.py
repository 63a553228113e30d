"""The report of a run shows what the run found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tilesegm.classes import ClassInfo
from tilesegm.networks.start_weights import StartWeights
from tilesegm.training.report import write_report
from tilesegm.training.result import Picture, ResultData, TrainingResult

CONFUSION = ((90, 10), (5, 15))


def data(folder: Path, **changes: object) -> ResultData:
    result = TrainingResult(
        folder=folder,
        bundle=folder / "model",
        epochs=3,
        best_epoch=2,
        best_score=0.5,
        history=(
            {"loss": 2.0, "learning_rate": 0.1},
            {"loss": 1.0, "learning_rate": 0.05, "val_mean_iou": 0.5},
            {"loss": float("nan"), "learning_rate": 0.0},
        ),
        validation=CONFUSION,
        test=(),
        seconds=1.0,
    )
    picture = Picture(
        scene="north",
        row=3,
        col=4,
        accuracy=0.25,
        image=np.zeros((8, 9, 3), np.uint8),
        drawn="bands 1, 2, 3 as red, green, blue",
        truth=np.full((8, 9), -1, np.int32),
        predicted=np.zeros((8, 9), np.uint8),
    )
    plain = {
        "result": result,
        "classes": (ClassInfo("land", (1, 2, 3)), ClassInfo("<sea>", (4, 5, 6))),
        "train_counts": (300, 100),
        "settings": {"seed": 3, "data": {"bands": None}},
        "start": StartWeights(("down0_conv_a",), ("logits", "<head>"), None),
        "scenes": {"north": CONFUSION},
        "best": (),
        "worst": (picture,),
        "notes": ("sea is rare",),
        "split_picture": folder / "absent.png",
        "path": folder / "report.html",
    }
    return ResultData(**{**plain, **changes})  # type: ignore[arg-type]


def test_page_and_json_say_the_same(tmp_path: Path) -> None:
    write_report(data(tmp_path))
    page = (tmp_path / "report.html").read_text("utf-8")
    plain = json.loads((tmp_path / "report.json").read_text("utf-8"))
    held_out = plain["scores"]["held-out"]
    assert held_out["iou"] == {"land": 90 / 105, "<sea>": 15 / 30}
    assert held_out["pixels"] == 120
    assert plain["history"][2]["loss"] is None
    assert plain["start"] == {"copied": ["down0_conv_a"], "from_scratch": ["logits", "<head>"]}
    assert "2 from scratch: logits, &lt;head&gt;" in page
    assert list(plain["scores"]) == ["held-out"], "there are no test scenes"
    for shown in (
        "0.8571",
        "0.5000",
        "sea is rare",
        "north, row 3, column 4: 25.0 %",
        "data.bands",
    ):
        assert shown in page
    assert "<td>land</td><td>300</td><td>0.7500</td>" in page
    assert "<sea>" not in page
    assert page.count("data:image/png") == 4, "image, truth, prediction and errors"


def test_run_without_held_out_pixels_has_a_report(tmp_path: Path) -> None:
    whole = data(tmp_path)
    result = TrainingResult(**{**vars(whole.result), "validation": (), "history": ()})
    write_report(data(tmp_path, result=result, scenes={}, worst=()))
    assert json.loads((tmp_path / "report.json").read_text())["scores"] == {}
