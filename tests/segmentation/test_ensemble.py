"""Several models at once: the mean of their probabilities, from whatever they are opened."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import tilesegm as ts
from tests.images import blobs, read, write
from tilesegm.classes import ClassInfo
from tilesegm.decision_rule import DecisionRule
from tilesegm.errors import InputError, ModelError, OutputError, SettingsError
from tilesegm.events import Event, Noted
from tilesegm.grid.window import Window
from tilesegm.model.bundle import BundleInfo, save_bundle
from tilesegm.model.operating_point import OperatingPoint
from tilesegm.segmentation.recipe import Recipe
from tilesegm.segmentation.recompute import Sampling, _only_rounding, _open_job
from tilesegm.segmentation.verify import verify
from tilesegm.sink.provenance import read_map_facts

TILING = ts.Tiling(64, 16)
NAMES = ("land", "water", "road")


def network(seed: int, *, softmax: bool = False, halved: bool = False) -> keras.Model:
    """A small network of random weights with three classes; a halved one has a stride of two."""
    keras.utils.set_random_seed(seed)
    inputs = x = keras.Input((None, None, 3))
    if halved:
        x = keras.layers.UpSampling2D()(keras.layers.MaxPooling2D()(x))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    activation = "softmax" if softmax else None
    return keras.Model(inputs, keras.layers.Conv2D(3, 3, padding="same", activation=activation)(x))


def bundle(path: Path, seed: int, **info: Any) -> Path:
    """A bundle with a normalisation of its own."""
    known = {
        "classes": named(NAMES),
        "normalisation": ts.Normalisation((90.0 + seed, 80.0, 70.0), (0.01, 0.02, 0.01)),
    }
    return save_bundle(path, network(seed), BundleInfo(**known | info))


def named(names: tuple[str, ...]) -> tuple[ClassInfo, ...]:
    """Classes of these names."""
    return tuple(ClassInfo(name, (9 * n, 0, 0)) for n, name in enumerate(names))


def point(threshold: float, temperature: float | None = None) -> OperatingPoint:
    """A decision with offsets of two classes, and none of the third."""
    first, second = DecisionRule.of_threshold(threshold).offsets
    return OperatingPoint(measure="mean_iou", offsets=(first, second, 0.0), temperature=temperature)


def logits(pixels: NDArray[Any]) -> NDArray[Any]:
    """Score three bands by their values."""
    return (pixels - 100) / 30


def shifted(pixels: NDArray[Any]) -> NDArray[Any]:
    """Score likewise, but for the first class."""
    return (pixels - np.array([140, 100, 100])) / 30


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Models of all kinds: two bundles, one of them with a stride, a file, a folder, a function."""
    folder = tmp_path_factory.mktemp("kinds")
    first = bundle(folder / "bundle", 1, operating_point=point(0.3, 1.7))
    classes = named(NAMES[::-1])
    second = save_bundle(folder / "other", network(2, halved=True), BundleInfo(classes))
    network(3, softmax=True).save(folder / "net.keras")
    network(4).export(folder / "exported", verbose=False)
    return [first, second, folder / "net.keras", folder / "exported", logits]


def test_the_mean_is_that_of_separate_maps(kinds: list[Any], tmp_path: Path) -> None:
    image = blobs(150, 170)
    image[40:70, 60:120] = 0  # missing, and each network has its own fill
    path = write(tmp_path / "image.tif", image, nodata=0)
    options = ts.Options(scores="float32", augment=("flips",))
    tiling = ts.Tiling(64, 32, "crop")  # of the same tiles and margins for all of them
    separate = []
    for number, model in enumerate(kinds):
        done = ts.segment(path, model, tmp_path / f"{number}.tif", tiling=tiling, options=options)
        scores = read(dict(done.extras)["scores"], None)
        separate.append(scores[::-1] if number == 1 else scores)
    events: list[Event] = []
    done = ts.segment(
        path,
        kinds,
        tmp_path / "all.tif",
        tiling=tiling,
        options=ts.Options(scores="float32", augment=("flips",), confidence="agreement"),
        on_event=events.append,
    )
    mean = np.mean(separate, axis=0, dtype=np.float64)
    extras = dict(done.extras)
    np.testing.assert_allclose(read(extras["scores"], None), mean, atol=1e-6)
    known = np.isfinite(mean[0])
    assert 0 < np.count_nonzero(~known) < known.size
    classes = read(done.output)
    sure = known & (np.diff(np.sort(mean, axis=0), axis=0)[-1] > 1e-5)
    np.testing.assert_array_equal(classes[sure], mean.argmax(axis=0)[sure])
    votes = np.mean([scores.argmax(axis=0) == classes for scores in separate], axis=0)
    told = read(extras["confidence"])
    assert np.mean(np.abs(told[known] - 254 * votes[known]) > 0.6) < 1e-4  # ties by rounding
    assert (told[~known] == 255).all()
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert any("other has its classes in another order" in note for note in notes)
    assert any("net.keras does not name its classes" in note for note in notes)
    assert any("probabilities of 5 models are averaged: bundle + other" in n for n in notes)
    assert any("their temperatures are 1.7, 1, 1, 1, 1" in note for note in notes)
    assert any("the decisions that they were trained with differ" in note for note in notes)


def test_a_result_tells_all_of_its_models(tmp_path: Path) -> None:
    paths = [bundle(tmp_path / name / "model", n) for n, name in enumerate(("a", "b"))]
    image = write(tmp_path / "image.tif", blobs(120, 150))
    done = ts.segment(image, paths, tmp_path / "map.tif", tiling=TILING)
    facts = read_map_facts(done.output)
    assert facts.model == "a/model + b/model"
    recipe = Recipe.parse(facts.run or "")
    assert recipe.model == [str(path) for path in paths]
    assert recipe.fingerprint["results"]["temperatures"] == [1, 1]
    assert ts.segment(image, paths, done.output, tiling=TILING).tiles == 0
    for other in (paths[:1], paths[0], paths[::-1]):
        with pytest.raises(OutputError, match="not the result of this image, model and settings"):
            ts.segment(image, other, done.output, tiling=TILING)
    assert verify(done.output, recompute=1.0).whole
    assert verify(done.output, recompute=1.0, model=paths).whole
    with pytest.raises(InputError, match="not what the result was made of: model changed"):
        verify(done.output, recompute=1.0, model=paths[0])


def test_one_in_a_list_is_one(tmp_path: Path) -> None:
    image = blobs(80, 90)
    done = ts.segment(image, [logits], tmp_path / "map.tif", tiling=TILING)
    assert ts.segment(image, logits, done.output, tiling=TILING).tiles == 0


@pytest.mark.parametrize("probe", [False, True])
def test_a_plan_knows_all_models(tmp_path: Path, probe: bool) -> None:
    paths = [bundle(tmp_path / name, n) for n, name in enumerate("ab")]
    image = blobs(300, 400)
    alone = ts.plan(image, paths[0], tiling=TILING, probe=False)
    both = ts.plan(image, paths, tiling=TILING, probe=probe)
    assert both.summary()["notes"] == ["probabilities of 2 models are averaged: a + b"]
    # Two sets of planes, and tiles for two fills: per pixel of a tile and batch by hand.
    pixels = alone.plan.memory.batch * 64 * 64
    more = both.plan.memory.batches - alone.plan.memory.batches
    assert both.plan.memory.batch == alone.plan.memory.batch
    assert more == pixels * (4 * 3 + 3 * 4 * 3 + 4 * 3 * 2)


@pytest.mark.parametrize(
    ("points", "options", "tag", "note"),
    [
        ((0.3, 0.3), {}, "offsets", "chosen when each was trained"),
        ((0.3, 0.3), {"decision": "argmax"}, None, ""),
        ((0.3, 0.4), {}, None, "the decisions that they were trained with differ"),
        ((0.3, None), {}, None, "the decisions that they were trained with differ"),
        ((0.3, 0.4), {"offsets": (0, 1, 0)}, "offsets 0 1 0", "(as given)"),
    ],
)
def test_the_decision_that_all_share_is_kept(
    tmp_path: Path, points: Any, options: Any, tag: str | None, note: str
) -> None:
    paths = [
        bundle(tmp_path / name, n, operating_point=given and point(given))
        for n, (name, given) in enumerate(zip("ab", points, strict=True))
    ]
    made = ts.plan(blobs(80, 90), paths, options=ts.Options(**options), probe=False)
    decision = made.summary()["decision"]
    assert decision == "argmax" if tag is None else decision.startswith(tag)
    assert note in made.summary()["notes"][0]
    assert note or ";" not in made.summary()["notes"][0]


def test_what_cannot_be_averaged_is_refused_before_work_starts(tmp_path: Path) -> None:
    image, first = blobs(80, 90), bundle(tmp_path / "a", 0)
    other = bundle(tmp_path / "b", 1, classes=named(("land", "water", "tree")))
    out = tmp_path / "map.tif"
    agree = ts.Options(confidence="agreement")
    for models, options, kind, line in (
        ([], None, SettingsError, "list of models is empty"),
        ([first, f"{first}/"], None, SettingsError, "is given twice and would count double"),
        ([logits, logits], None, SettingsError, "is given twice"),
        ([first, other], None, ModelError, r"a has .*\(land, water, road\) and b has .*tree"),
        (first, agree, SettingsError, "'agreement' is that of several models and one is given"),
        (logits, agree, SettingsError, "'agreement' is that of several models"),
        ([logits, first], ts.Options(classes=("x", "y", "z")), ModelError, "x, y, z"),
        ([first, tmp_path / "absent"], None, ModelError, "absent does not exist"),
    ):
        with pytest.raises(kind, match=line):
            ts.segment(image, models, out, options=options)
    assert not list(tmp_path.glob("map*"))


def test_functions_of_one_name_are_told_apart(tmp_path: Path) -> None:
    def steep(factor: float) -> Any:
        return lambda pixels: pixels * factor

    image = blobs(80, 90)
    done = ts.segment(image, [steep(0.1), steep(0.2)], options=ts.Options(scores="float32"))
    assert [one.name.rpartition(" ")[2] for one in done.plan.spec.members][1] == "(2)"
    values = image.astype(np.float64)

    def softmax(scores: NDArray[Any]) -> NDArray[Any]:
        powers = np.exp(scores - scores.max(axis=2, keepdims=True))
        return powers / powers.sum(axis=2, keepdims=True)

    expected = (softmax(values * 0.1) + softmax(values * 0.2)) / 2
    np.testing.assert_allclose(done.scores, expected.transpose(2, 0, 1), atol=1e-6)


def test_scores_that_are_not_finite_name_their_model() -> None:
    def broken(pixels: NDArray[Any]) -> NDArray[Any]:
        return np.where(pixels > 240, np.nan, pixels) if pixels.max() > 200 else pixels

    with pytest.raises(ModelError, match=r"broken gives NaN or infinite scores \(\d+ of \d+ in"):
        ts.segment(blobs(80, 90), [shifted, broken])


def test_many_images_take_several_models(tmp_path: Path) -> None:
    images = {"a": blobs(80, 90), "b": blobs(80, 90, seed=1)}
    items = ts.segment_many(images, [logits, shifted], tmp_path / "maps", tiling=TILING)
    assert [item.error for item in items] == [None, None]
    with pytest.raises(ModelError, match="absent"):
        ts.segment_many(images, [tmp_path / "absent", tmp_path / "gone"], tmp_path / "maps")


def test_rounding_that_changes_a_vote_is_told_from_an_alteration(tmp_path: Path) -> None:
    # The first class of the second model is ahead by so little that rounding may turn it.
    def close(pixels: NDArray[Any]) -> NDArray[Any]:
        return np.stack([pixels[..., 0] * 0 + 1e-5, pixels[..., 0] * 0], axis=-1)

    def turned(pixels: NDArray[Any]) -> NDArray[Any]:
        return close(pixels)[..., ::-1]

    def sure(pixels: NDArray[Any]) -> NDArray[Any]:
        return close(pixels) * 2e5

    image = blobs(80, 90)
    options = ts.Options(confidence="agreement")
    window, sampling = Window(0, 0, 80, 90), Sampling(fraction=1.0, rounding=1e-3)
    outputs = [
        ts.segment(image, [sure, second], tmp_path / f"{number}.tif", options=options).output
        for number, second in enumerate((close, turned))
    ]
    results = [
        {"classes": read(path), "confidence": read(path.with_name(f"{path.stem}_confidence.tif"))}
        for path in outputs
    ]
    assert [one["confidence"][0, 0] for one in results] == [254, 127]
    recipe = Recipe.parse(read_map_facts(outputs[0]).run or "")
    again = Sampling(fraction=1.0, image=image, model=[sure, close])
    job, _ = _open_job(recipe, again, ExitStack())
    assert all(_only_rounding(job, window, before, sampling) for before in results)
    # One vote of two may turn, and no more.
    results[0]["confidence"][5, 5] = 120
    assert not _only_rounding(job, window, results[0], sampling)
