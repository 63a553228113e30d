"""``tilesegm compare``: from settings to a page, over interruptions and failures."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from tests.cli.conftest import Cli, Said, cli
from tests.training.scenery import write_scene
from tilesegm.comparison import budget
from tilesegm.comparison.best import best_file, write_best
from tilesegm.comparison.budget import Cost, fit_steps
from tilesegm.comparison.compare import compare
from tilesegm.comparison.plan import ComparisonOptions, Plan, make_plan
from tilesegm.comparison.variants import make_variants
from tilesegm.errors import ResumeError, SettingsError
from tilesegm.events import EpochEnded, Event, StageProgress
from tilesegm.training.settings.settings_file import load_config

__all__ = ["cli"]

SETTINGS = """\
data:
  scenes:
    - {image: a.tif, labels: a_labels.tif}
  labels:
    classes: [{name: plain, value: 0}, {name: striped, value: 1}, {name: bright, value: 2}]
    ignore: [255]
output: city
split: {block: 40, folds: 4, buffer: 4}
model: {filters: 2, depth: 1}
optimizer: {learning_rate: 0.01}
schedule: {epochs: 3, steps: 3, batch: 2, size: 32}
validation: {tile: 64, overlap: 16}
device: {precision: float32, readers: 1, deterministic: true, xla: false}
"""
LOSSES = "loss=cross_entropy,dice_ce,dice"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of a scene of 160 x 160 pixels in three classes."""
    write_scene(tmp_path, "a")
    (tmp_path / "city.yaml").write_text(SETTINGS)
    return tmp_path / "city.yaml"


def plan_of(config: Path, vary: str = LOSSES, folder: str = "runs", **options: Any) -> Plan:
    chosen = ComparisonOptions(**{"seeds": 1, **options})
    return make_plan(config, make_variants([vary]), chosen, config.parent / folder)


def test_untrusted_code_is_refused_before_any_loss_is_made(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr("tilesegm.training.checked_config.check_losses", lambda *_: made.append(1))
    with pytest.raises(SettingsError, match=r"my:Brier: loss.*is Python code"):
        plan_of(config, "loss=dice_ce,my:Brier")
    assert not made


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rank-by", "beauty"), "there is no measure 'beauty'"),
        (("--folds", "9"), "expected different numbers"),
        (("--steps", "3", "--budget", "1h"), "both --steps and --budget"),
        (("--budget", "soon"), "soon"),
        (("-o", "."), "holds no comparison"),
    ],
)
def test_losses_are_compared_only_where_a_comparison_can_begin(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(config.parent)
    monkeypatch.setattr("tilesegm.advice.advise", lambda *_, **__: pytest.fail("labels were read"))
    said = cli("losses", "compare", config, *words)
    assert said.code != 0
    assert message in said.err


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "rows.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def without_times(folder: Path) -> tuple[Any, Any]:
    """Return rows, and the page as JSON and HTML, without seconds and what follows from them."""
    rows = sorted(
        ({key: value for key, value in row.items() if key != "seconds"} for row in rows_of(folder)),
        key=lambda row: (row["variant"], row["seed"]),
    )
    page = (folder / "report.html").read_text().replace(folder.name, "FOLDER")
    cost = re.compile(r"<h2>Cost against gain</h2>.*?(?=<h2>)", re.DOTALL)
    return rows, cost.sub("", page)


def refused(said: Said, *words: str, code: int = 2) -> None:
    assert said.code == code, said.err
    assert said.out == ""
    (line,) = said.err.splitlines()
    for word in words:
        assert word in line


class StoppedError(BaseException):
    """Stands for whatever ends a process."""


def stop_after(limit: int, *kinds: type) -> Callable[[Event], None]:
    seen = 0

    def stop(event: Event) -> None:
        nonlocal seen
        seen += isinstance(event, kinds)
        if seen > limit:
            raise StoppedError

    return stop


def test_the_command_that_is_told_trusts_what_the_comparison_did(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(config.rename(config.with_name("my city.yaml")))
    monkeypatch.delenv("TILESEGM_TRUST", raising=False)
    write_best(plan, "dice")
    told = "# Train with it: tilesegm train 'my city.best.yaml'"
    assert f"{told}\n" in best_file(plan).read_text()
    monkeypatch.setenv("TILESEGM_TRUST", "1")
    write_best(plan, "dice")
    assert f"{told} --trust\n" in best_file(plan).read_text()


def test_a_comparison_from_settings_to_the_best_ones(cli: Cli, config: Path) -> None:
    # Stopped after two of five looks, it goes on with the third.
    with pytest.raises(StoppedError):
        compare(plan_of(config, folder="city-comparison"), on_event=stop_after(2, EpochEnded))
    said = cli("compare", config, "--vary", LOSSES, "--seeds", 1, "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    folder = config.with_name("city-comparison")
    rows = rows_of(folder)
    assert [row["state"] for row in rows].count("dropped") == 1
    assert {row["variant"] for row in rows} == {"cross_entropy", "dice_ce", "dice"}
    dropped = next(row for row in rows if row["state"] == "dropped")
    assert (dropped["epochs"], dropped["steps"]) == ("1", "3")
    assert told["dropped"] == {dropped["variant"]: 1}
    # Three runs of a first epoch of three steps, and two of two more.
    assert told["share_of_steps"] == pytest.approx((3 + 2 * 2) / (3 * 3))
    assert len({row["settings_sha256"] for row in rows}) == 3
    assert len({row["data_sha256"] for row in rows}) == 1

    page = (folder / "report.html").read_text()
    for words in ("Dropped early", "The same places", "Cost against gain", "chance to be best"):
        assert words in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)

    best = load_config(config.with_name("city.best.yaml"))
    chosen = told["best"]
    assert best.loss.terms == ({"name": chosen},)
    assert best.output == str(config.parent / "city-best")
    assert best.schedule.epochs == 3
    trained = cli("train", config.with_name("city.best.yaml"), "--quiet")
    assert trained.code == 0, trained.err
    assert (config.parent / "city-best" / "model" / "bundle.json").exists()

    # Every run is one of `train`, which finds it finished.
    finished = next(row for row in rows if row["state"] == "finished")
    assert (folder / finished["folder"] / "result.json").exists()
    before = without_times(folder)
    again = cli("compare", config, "--vary", LOSSES, "--seeds", 1, "--quiet")
    assert (again.code, again.out, again.err) == (0, "", "")
    assert without_times(folder) == before

    # On a terminal no word of the table is cut, and what was dropped is said with the answer.
    shown = cli("compare", config, "--vary", LOSSES, "--seeds", 1)
    assert "…" not in shown.out
    assert all(re.search(rf"^\W*{name}\W", shown.out, re.M) for name in told["variants"])
    assert f"{dropped['variant']} stopped after epoch 1, behind others; --no-drop" in shown.out
    assert "more seeds (--seeds) tell" in shown.out

    other = cli("compare", config, "--vary", LOSSES, "--seeds", 1, "--set", "model.filters=3")
    refused(other, "variants.cross_entropy.model.filters is 2 there", "--overwrite", code=5)
    assert without_times(folder) == before


@pytest.mark.slow
def test_stopped_three_times_the_rows_and_the_page_are_the_same(config: Path) -> None:
    whole = compare(plan_of(config, folder="in-one-go"))
    stopped = plan_of(config, folder="three-stops")
    for limit in (1, 4, 4):
        with pytest.raises(StoppedError):
            compare(stopped, on_event=stop_after(limit, EpochEnded, StageProgress))
    found = compare(stopped)
    assert found.answer.best == whole.answer.best
    assert without_times(found.folder) == without_times(whole.folder)


def test_a_run_that_fails_stands_in_its_row_and_the_others_go_on(cli: Cli, config: Path) -> None:
    said = cli(
        *("compare", config, "--vary", "optimizer.learning_rate=0.01,1e30", "--seeds", 1),
        *("--set", "optimizer.clip=null", "--steps", 3, "--no-drop"),
    )
    assert said.code == 0, said.err
    good, bad = sorted(rows_of(config.with_name("city-comparison")), key=lambda row: row["error"])
    assert (good["state"], bad["state"]) == ("finished", "failed")
    assert "NaN" in bad["error"]
    assert f"learning_rate=1e30, seed 0, fold 0: {bad['error']}" in said.err
    page = (config.with_name("city-comparison") / "report.html").read_text()
    assert "Failed runs" in page
    assert "learning_rate=0.01 alone is whole" in said.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("--vary", "loss=dise,dice"),
            ("tilesegm: dise: ", "there is no loss 'dise'; did you mean"),
        ),
        (("--vary", LOSSES, "--folds", "0,4"), ("--folds 0,4", "from 0 to 3")),
        (("--vary", LOSSES, "--folds", "two"), ("expected all, or numbers",)),
        (("--vary", LOSSES, "--seeds", "0"), ("seeds is 0",)),
        (("--vary", LOSSES, "--steps", "5", "--budget", "1h"), ("give one",)),
        (("--vary", LOSSES, "--budget", "soon"), ("no time", "45min")),
        (("--vary", LOSSES, "--rank-by", "miou"), ("did you mean mean_iou",)),
        (("--vary", LOSSES, "--rank-by", "cldice"), ("--rank-by cldice", "such as --thin 1")),
        (("--vary", LOSSES, "--rank-by", "mean_iou+object_f1"), ("such as --objects 1",)),
        (("--vary", LOSSES, "--thin", "3"), ("thin names class 3", "from 0 to 2")),
        (("--vary", "model.depth=2,deep"), ("model.depth", "deep")),
    ],
)
def test_bad_input_is_a_line_before_any_work(
    cli: Cli, config: Path, words: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    refused(cli("compare", config, *words), *expected)
    assert not (config.with_name("city-comparison") / "runs").exists()


def test_folds_of_scenes_with_roles_are_refused(cli: Cli, config: Path) -> None:
    roles = SETTINGS.replace("a_labels.tif}", "a_labels.tif, role: validation}")
    config.write_text(roles)
    said = cli("compare", config, "--vary", LOSSES, "--folds", "all")
    refused(said, "all scenes have a role")


def test_validation_without_a_class_is_refused_before_any_run(cli: Cli, config: Path) -> None:
    write_scene(config.parent, "b", seed=1)
    with rasterio.open(config.with_name("b_labels.tif"), "r+") as file:
        file.write(np.zeros((1, 160, 160), np.uint8))
    scenes = """\
    - {image: a.tif, labels: a_labels.tif, role: train}
    - {image: b.tif, labels: b_labels.tif, role: validation}
"""
    given = "    - {image: a.tif, labels: a_labels.tif}\n"
    config.write_text(SETTINGS.replace(given, scenes))
    said = cli("compare", config, "--vary", LOSSES, "--quiet")
    refused(said, "validation of fold 0 shows 'plain' alone and no 'striped', 'bright'")
    assert not (config.with_name("city-comparison") / "runs").exists()


def test_a_folder_of_others_and_a_file_in_the_way_are_left(cli: Cli, config: Path) -> None:
    mine = config.with_name("city-comparison")
    mine.mkdir()
    (mine / "letter.txt").write_text("mine")
    for words in ((), ("--dry-run",), ("--budget", "1h")):
        said = cli("compare", config, "--vary", LOSSES, *words)
        refused(said, "holds no comparison", code=3)
        assert [path.name for path in mine.iterdir()] == ["letter.txt"]
    config.with_name("city.best.yaml").write_text("mine: 1\n")
    said = cli("compare", config, "--vary", LOSSES, "-o", config.with_name("other"))
    refused(said, "city.best.yaml exists and is not of tilesegm", code=3)
    assert not config.with_name("other").exists()
    assert config.with_name("city.best.yaml").read_text() == "mine: 1\n"


def test_an_edited_file_of_best_settings_is_kept(config: Path) -> None:
    plan = plan_of(config)
    best = config.with_name("city.best.yaml")
    assert write_best(plan, "dice_ce") is None
    assert write_best(plan, "cross_entropy") is None
    assert not config.with_name("city.best.edited.yaml").exists()
    edited = best.read_text().replace("name: cross_entropy", "name: focal")
    best.write_text(edited)
    assert write_best(plan, "cross_entropy") == config.with_name("city.best.edited.yaml")
    assert config.with_name("city.best.edited.yaml").read_text() == edited
    best.write_text(best.read_text() + "seed: 3\n")
    assert write_best(plan, "dice_ce") == config.with_name("city.best.edited2.yaml")
    # Both stay settings files that open.
    assert load_config(best).loss.terms == ({"name": "dice_ce"},)


def test_a_budget_that_is_too_small_says_what_is_needed(
    cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "measure_cost", lambda plan, on_event: Cost(step=0.5, start=2))
    said = cli("compare", config, "--vary", "loss=dice,dice_ce", "--budget", "1s", "--quiet")
    # 6 starts of 2 s, and 6 runs of an update of 0.5 s in each of 3 epochs.
    refused(said, "6 runs of 3 updates", "take about 21 s here", "give more time")
    assert not (config.with_name("city-comparison") / "comparison.json").exists()


@pytest.mark.slow
def test_killed_three_times_the_rows_and_the_page_are_the_same(config: Path) -> None:
    def begin(folder: str) -> subprocess.Popen[bytes]:
        words = ["compare", str(config), "--vary", LOSSES, "--seeds", "2", "-o"]
        return subprocess.Popen(
            [sys.executable, "-m", "tilesegm", *words, str(config.with_name(folder))],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    assert begin("whole").wait() == 0
    killed = config.with_name("killed")
    for looks in (1, 4, 7):
        process = begin("killed")
        while len(list(killed.glob("looks/*.npz"))) < looks:
            time.sleep(0.05)
            assert process.poll() is None
        time.sleep(1.0)  # somewhere in the next run
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert begin("killed").wait() == 0
    assert without_times(killed) == without_times(config.with_name("whole"))


def test_settings_that_changed_are_named(config: Path) -> None:
    from tilesegm.comparison.folder import claim

    claim(plan_of(config), overwrite=False)
    with pytest.raises(ResumeError, match=r"options\.rank_by is .*there; set that again"):
        claim(plan_of(config, rank_by="mean_dice"), overwrite=False)
    with pytest.raises(ResumeError, match="seeds"):
        claim(plan_of(config, seeds=2), overwrite=False)
    plan = plan_of(config)
    others = replace(plan, variants=plan.variants[:-1])
    with pytest.raises(ResumeError, match=r"holds a comparison of .*, and this one is of"):
        claim(others, overwrite=False)
    claim(plan_of(config, seeds=2), overwrite=True)
    claim(plan_of(config, seeds=2), overwrite=False)


def test_steps_follow_from_a_budget_and_what_is_dropped(config: Path) -> None:
    def make(steps: int | None) -> Plan:
        return plan_of(config, seeds=2, steps=steps)

    # Looks after epochs 1 and 3: 3 values start, 2 go on, for 2 seeds: 10 starts of 2 s, and
    # (3 + 2 * 2) * 2 = 14 epochs. Of 100 s, 80 are left for 160 updates: 11 an epoch.
    assert make(None).rungs == (1, 3)
    assert fit_steps(make, Cost(step=0.5, start=2), 100) == 33
    assert Cost(step=0.5, start=2).seconds(make(33)) == 97

    # Test pixels are scored at the end of the two runs that are not dropped, for each seed.
    assert Cost(step=0.5, start=2, test=3).seconds(make(33)) == 97 + 4 * 3
    assert fit_steps(make, Cost(step=0.5, start=2, test=3), 112) == 33


@pytest.mark.slow
def test_a_budget_is_kept_about_and_the_same_steps_go_on_with_more(cli: Cli, config: Path) -> None:
    folder = config.with_name("city-comparison")
    words = ("compare", config, "--vary", LOSSES, "--seeds", 1, "--quiet")
    ended = cli(*words, "--budget", "60s")
    assert (ended.code, ended.err) == (0, "")
    # From the claim of the folder, when all is timed, to the page. Other programs may take part of
    # the machine in between, and a whole epoch is the least that steps can change by.
    seconds = (folder / "report.html").stat().st_mtime - (
        folder / "comparison.json"
    ).stat().st_mtime
    assert 20 < seconds < 180
    steps = json.loads((folder / "comparison.json").read_text())["options"]["steps"]
    assert steps > 9  # as many as the settings have would take seconds
    looks = sorted((folder / "looks").glob("*.npz"), key=lambda path: path.stat().st_mtime)
    assert [path.stem[-5:] for path in looks] == ["00001"] * 3 + ["00003"] * 2

    for path in (*looks[3:], folder / "report.html", folder / "rows.csv"):
        path.unlink()
    more = cli(*words[:-1], "--budget", "1h")
    assert more.code == 0
    assert f"goes on with {steps:,} updates a run, which follow from the budget" in more.err
    assert {row["steps"] for row in rows_of(folder) if row["state"] == "finished"} == {str(steps)}
