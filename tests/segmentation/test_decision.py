"""Classes that are decided otherwise than by the highest score: the map, its tags, its run."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from scipy import special

from tests.cli.conftest import Cli, cli  # noqa: F401
from tests.images import GEO
from tilesegm.classes import ClassInfo
from tilesegm.decision_rule import DecisionRule
from tilesegm.errors import InputError, OutputError, SettingsError
from tilesegm.evaluation.evaluate import evaluate
from tilesegm.events import Event, Noted
from tilesegm.grid.tiling import Tiling
from tilesegm.model.bundle import BundleInfo, save_bundle
from tilesegm.model.operating_point import OperatingPoint
from tilesegm.segmentation.forecast import plan
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.recipe import Recipe
from tilesegm.segmentation.recompute import Sampling, _only_rounding, _open_job
from tilesegm.segmentation.segment import segment
from tilesegm.segmentation.verify import verify
from tilesegm.sink.provenance import read_map_facts
from tilesegm.source.open import open_source

TILING = Tiling(64, 16)
POINT = OperatingPoint(
    measure="mean_iou",
    offsets=DecisionRule.of_threshold(0.2).offsets,
    temperature=1.5,
    before={"mean_iou": 0.5},
    after={"mean_iou": 0.6},
    cross_fitted={"mean_iou": None},
)


def image(classes: int = 2, seed: int = 0) -> NDArray[np.float32]:
    """Smooth noise whose bands are logits."""
    values = np.random.default_rng(seed).normal(0, 2, (90, 110, classes))
    return values.astype(np.float32)


def logits(pixels: Any) -> Any:
    """Take the bands as they are."""
    return pixels


def read(path: Path | str) -> NDArray[Any]:
    with open_source(path) as source:
        return source.read(source.info.window).values


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A network whose scores are its bands, with an operating point."""
    inputs = keras.Input((None, None, 2))
    layer = keras.layers.Conv2D(2, 1, use_bias=False, name="logits")
    network = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.eye(2, dtype=np.float32)[None, None]])
    classes = ClassInfo("sea", (0, 0, 250)), ClassInfo("ice", (250, 250, 250))
    return save_bundle(tmp_path / "net", network, BundleInfo(classes, operating_point=POINT))


@pytest.mark.parametrize("threshold", [0.0371, 0.3, 0.5, 0.82, 1234.5 / 4096])
@pytest.mark.parametrize("temperature", [None, 2.2])
def test_the_map_is_what_evaluate_counts_at_the_threshold_to_the_pixel(
    tmp_path: Path, threshold: float, temperature: float | None
) -> None:
    options = Options(threshold=threshold, temperature=temperature, scores="float32")
    done = segment(image(), logits, tmp_path / "map.tif", tiling=TILING, options=options)
    truth = np.random.default_rng(1).integers(0, 2, (90, 110)).astype(np.uint8)
    scores = dict(done.extras)["scores"]
    found = evaluate(done.output, truth, scores=scores)
    counts = found.total.score_histograms
    assert counts is not None
    step = counts.curve(1).index(threshold)
    confusion = found.total.confusion
    assert counts.positive[1, step:].sum() == confusion[1, 1]
    assert counts.negative[1, step:].sum() == confusion[0, 1]
    assert counts.curve(1).f1[step] == found.class_scores.dice[1]
    # And pixel by pixel, from the file of scores.
    levels = np.rint(read(scores)[..., 1].astype(float) * 4096)
    np.testing.assert_array_equal(read(done.output)[..., 0], levels >= step)
    assert found.decision.threshold == step / 4096
    row = found.to_dict()["classes"][1]
    assert row["threshold"] == step / 4096
    assert row["f1_at_threshold"] == found.class_scores.dice[1]


def test_offsets_decide_between_several_classes(tmp_path: Path) -> None:
    pixels, offsets = image(4), (0.0, 1.5, -2.0, 0.25)
    options = Options(offsets=offsets, confidence="top")
    done = segment(pixels, logits, tmp_path / "map.zarr", tiling=TILING, options=options)
    expected = special.log_softmax(pixels.astype(float), axis=-1) + offsets
    np.testing.assert_array_equal(read(done.output)[..., 0], expected.argmax(-1))
    assert read_map_facts(done.output).decision == "offsets 0.0 1.5 -2.0 0.25"
    assert read_map_facts(done.output).threshold is None
    chances = special.softmax(pixels.astype(float), axis=-1)
    own = np.take_along_axis(chances, expected.argmax(-1)[..., None], -1)[..., 0]
    stored = read(done.output / "confidence")[..., 0]
    assert np.abs(stored.astype(float) - 254 * own).max() <= 0.501


def test_without_a_decision_nothing_is_said_of_one(tmp_path: Path) -> None:
    done = segment(image(), logits, tmp_path / "map.tif", tiling=TILING)
    facts = read_map_facts(done.output)
    assert facts.decision is None
    assert "TILESEGM_DECISION" not in facts.tags
    recipe = json.loads(facts.run or "")
    assert not {"decision", "threshold", "offsets", "temperature"} & recipe["options"].keys()
    assert recipe["fingerprint"]["results"].keys() == {"classes", "confidence of"}
    # A decision that changes no pixel is no other run.
    for options in (Options(temperature=3.0), Options(offsets=(1.0, 1.0))):
        again = segment(image(), logits, done.output, tiling=TILING, options=options)
        assert again.tiles == 0


def test_a_map_of_another_decision_is_another_run(tmp_path: Path) -> None:
    def run(**options: Any) -> None:
        segment(image(), logits, tmp_path / "m.tif", tiling=TILING, options=Options(**options))

    run(threshold=0.3)
    run(threshold=0.30001)  # the same step
    for other in (
        {},
        {"threshold": 0.31},
        {"threshold": 0.3, "temperature": 2.0},
        {"offsets": (0, 1)},
    ):
        with pytest.raises(OutputError, match="not the result of this image, model and settings"):
            run(**other)


def test_a_bundle_brings_its_decision(bundle: Path, tmp_path: Path) -> None:
    def run(name: str, **options: Any) -> tuple[NDArray[Any], str | None, list[str]]:
        events: list[Event] = []
        done = segment(
            image(),
            bundle,
            tmp_path / f"{name}.tif",
            tiling=TILING,
            options=Options(**options),
            on_event=events.append,
        )
        notes = [event.text for event in events if isinstance(event, Noted)]
        told = [note for note in notes if "of net: " in note]
        return read(done.output)[..., 0], read_map_facts(done.output).decision, told

    pixels = image()
    gap = (pixels[..., 1] - pixels[..., 0]).astype(float)
    own, tag, notes = run("own")
    step = round(0.2 * 4096)
    cut = special.logit((step - 0.5) / 4096)
    np.testing.assert_array_equal(own, gap / 1.5 >= cut)
    assert tag == f"threshold {step / 4096!r}, temperature 1.5"
    assert notes == [
        "classes of net: 'ice' from a probability of 0.2000 on, temperature 1.5 (chosen on "
        "held-out pixels when it was trained, for mean_iou; --decision argmax takes the highest "
        "score)"
    ]
    plain, tag, notes = run("argmax", decision="argmax")
    np.testing.assert_array_equal(plain, gap > 0)
    assert (tag, notes) == (None, [])
    _, tag, notes = run("sure", decision="argmax", confidence="top")
    assert tag == "temperature 1.5"
    assert notes == ["classes of net: temperature 1.5 (as given)"]
    # Without the temperature the same pixels are ice, up to a step.
    bare, tag, _ = run("bare", temperature=1.0)
    assert np.mean(bare != own) < 1e-3
    assert tag is not None
    assert tag.startswith("threshold 0.11")
    assert "temperature" not in tag
    given, tag, _ = run("given", threshold=0.7)
    np.testing.assert_array_equal(given, gap / 1.5 >= special.logit((2867 - 0.5) / 4096))
    assert tag == f"threshold {2867 / 4096!r}, temperature 1.5"


def test_scores_taken_for_something_else_get_no_decision(bundle: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    options = Options(network_outputs="probabilities")
    pixels = np.abs(image()) / 100
    segment(
        pixels, bundle, tmp_path / "m.tif", tiling=TILING, options=options, on_event=events.append
    )
    np.testing.assert_array_equal(read(tmp_path / "m.tif")[..., 0], pixels[..., 1] > pixels[..., 0])
    assert any("is not applied" in event.text for event in events if isinstance(event, Noted))


def test_plans_and_checks_know_the_decision(bundle: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", image())
    for options, decision in (
        (Options(), f"threshold {819 / 4096!r}, temperature 1.5"),
        (Options(decision="argmax"), "argmax"),
    ):
        for probe in (False, True):
            made = plan(image(), bundle, tiling=TILING, options=options, probe=probe)
            assert made.summary()["decision"] == decision
    done = segment(
        image(), bundle, tmp_path / "m.tif", tiling=TILING, options=Options(scores="uint8")
    )
    assert verify(done.output, recompute=1.0, image=image()).whole
    # A rule that would decide otherwise is not that of the result.
    card = json.loads((bundle / "bundle.json").read_text())
    card["operating_point"]["offsets"] = [0.0, 0.5]
    (bundle / "bundle.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="results changed: offsets"):
        verify(done.output, recompute=1.0, image=image())


def test_rounding_is_told_from_damage_at_any_threshold(tmp_path: Path) -> None:
    pixels = image()
    options = Options(threshold=0.05)
    done = segment(pixels, logits, tmp_path / "m.tif", tiling=TILING, options=options)

    recipe = Recipe.parse(read_map_facts(done.output).run or "")
    with ExitStack() as opened:
        sampling = Sampling(fraction=1.0, image=pixels, model=logits, rounding=0.003)
        job, made = _open_job(recipe, sampling, opened)
        window = made.info.window
        before = {"classes": read(done.output)[..., 0]}
        shifted = replace(job, predictor=_Moved(job.predictor, 0.01))
        assert _only_rounding(shifted, window, before, sampling)
        far = replace(job, predictor=_Moved(job.predictor, 1.0))
        assert not _only_rounding(far, window, before, sampling)


class _Moved:
    """A predictor whose second class scores a little more."""

    def __init__(self, predictor: Any, by: float) -> None:
        self._predictor, self._by = predictor, np.float32(by)
        self.spec = predictor.spec

    def __call__(self, tiles: Any) -> Any:
        scores = self._predictor(tiles).copy()
        scores[:, 1] += self._by
        return scores


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.3, "offsets": (0.0, 1.0)}, "threshold and offsets are given, and each"),
        ({"threshold": 0.3, "decision": "argmax"}, "decision argmax and threshold are given"),
        ({"threshold": 1.5}, "threshold is 1.5; pass a probability between 0 and 1"),
        ({"offsets": (0.0, float("inf"))}, "an offset is inf"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"decision": "best"}, "decision is 'best'; expected model or argmax"),
    ],
)
def test_decisions_that_contradict_or_are_out_of_range_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        Options(**options)


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (
            3,
            {"threshold": 0.3},
            r"a threshold is for two classes, .* has 3; .* \(--offsets 0,0,0\)",
        ),
        (
            3,
            {"offsets": (0.0, 1.0)},
            r"2 offsets are given and .* has 3 classes \(class 0, class 1",
        ),
    ],
)
def test_decisions_for_another_number_of_classes_are_refused(
    classes: int, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=message):
        segment(image(classes), logits, tmp_path / "m.tif", options=Options(**options))
    assert not list(tmp_path.iterdir())


def test_the_command_line_takes_and_tells_decisions(
    cli: Cli,  # noqa: F811
    bundle: Path,
    tmp_path: Path,
) -> None:
    with rasterio.open(
        tmp_path / "i.tif",
        "w",
        driver="GTiff",
        height=90,
        width=110,
        count=2,
        dtype="float32",
        **GEO,
    ) as file:
        file.write(image().transpose(2, 0, 1))
    words = ("predict", tmp_path / "i.tif", "-m", bundle, "--tile", 64, "--overlap", 16)
    said = cli(*words, "-o", tmp_path / "m.tif")
    assert said.code == 0, said.err
    assert "'ice' from a probability of 0.2000 on" in said.err
    said = cli("info", bundle)
    assert "'ice' from a probability of 0.2000 on, temperature 1.5" in said.out
    assert "mean_iou 0.5000" in said.out
    said = cli("info", tmp_path / "m.tif", "--json")
    assert json.loads(said.out)["decision"] == f"threshold {819 / 4096!r}, temperature 1.5"
    said = cli(*words, "-o", tmp_path / "n.tif", "--offsets=-1,0", "--json")
    assert json.loads(said.out)["decision"].startswith("threshold 0.26")
    for wrong, message in (
        (("--offsets", "1,x"), "offsets is '1,x'; give a number for each class"),
        (("--threshold", "0.3", "--decision", "argmax"), "each says how classes are decided"),
        (("--offsets", "1,2,3"), "3 offsets are given and net has 2 classes (sea, ice)"),
    ):
        said = cli(*words, "-o", tmp_path / "x.tif", *wrong)
        assert said.code > 0
        assert message in said.err
        assert "Traceback" not in said.err
        assert not (tmp_path / "x.tif").exists()
