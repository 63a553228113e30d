"""What differs between runs: values of keys, and what cannot vary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tilesegm.advice.study import sums_of_the_study
from tilesegm.comparison.variants import make_variants
from tilesegm.errors import SettingsError


def test_every_value_is_combined_with_every_other() -> None:
    found = make_variants(["optimizer.learning_rate=1e-3,0.01", "model.depth=3,4"])
    assert [variant.name for variant in found] == [
        "learning_rate=1e-3, depth=3",
        "learning_rate=1e-3, depth=4",
        "learning_rate=0.01, depth=3",
        "learning_rate=0.01, depth=4",
    ]
    assert found[1].changes == ("optimizer.learning_rate=0.001", "model.depth=4")


def test_losses_are_named_alone_and_added() -> None:
    plain, two = make_variants(["loss=dice_ce,cross_entropy+lovasz"])
    assert plain.changes == ('loss={"terms": [{"name": "dice_ce"}]}',)
    assert two.name == "cross_entropy+lovasz"
    assert two.changes == ('loss={"terms": [{"name": "cross_entropy"}, {"name": "lovasz"}]}',)


def test_sums_of_the_study_are_losses_too() -> None:
    found = make_variants(["loss=lovasz_ce,dice+pyramid_ce,dice"], sums_of_the_study())
    assert [variant.name for variant in found] == ["lovasz_ce", "dice+pyramid_ce", "dice"]
    blocks = [json.loads(variant.changes[0].removeprefix("loss=")) for variant in found]
    assert [[term["name"] for term in block["terms"]] for block in blocks] == [
        ["cross_entropy", "lovasz"],
        ["dice", "cross_entropy", "pyramid"],
        ["dice"],
    ]
    (weighted, _) = make_variants(["loss=weighted_ce,dice"], sums_of_the_study())
    assert json.loads(weighted.changes[0].removeprefix("loss="))["class_weights"] == "median"
    with pytest.raises(SettingsError, match="weighted_ce has class_weights of its own"):
        make_variants(["loss=dice+weighted_ce,dice"], sums_of_the_study())


def test_a_loss_block_is_named_by_its_terms() -> None:
    blocks = (
        "{terms: [{name: tversky, alpha: 0.3}, {name: cross_entropy}]}",
        "{terms: [{name: cross_entropy}], class_weights: median}",
        "{terms: [{name: dice}, {name: boundary}], weighting: {name: later}}",
    )
    assert [variant.name for variant in make_variants([f"loss={','.join(blocks)}"])] == [
        "tversky(alpha=0.3)+cross_entropy",
        "cross_entropy, class_weights median",
        "dice+boundary, weighting later",
    ]


def test_names_are_cut_only_where_they_stay_different() -> None:
    long = "[{name: cross_entropy, label_smoothing: 0.%s}]"
    one, two = make_variants([f"loss.terms={long % 1},{long % 2}"])
    assert one.name.endswith("label_smoothing: 0.1}]")
    assert two.name.endswith("label_smoothing: 0.2}]")
    cut, short = make_variants([f"loss.terms={long % 1},[{{name: dice}}]"])
    assert cut.name == "terms=[{name: cross_entropy, label_smoothing:…"
    assert short.name == "terms=[{name: dice}]"


def test_commas_inside_brackets_belong_to_a_value() -> None:
    first, second = make_variants(
        ["loss.terms=[{name: tversky, alpha: 0.3, beta: 0.7}],[{name: dice}]"]
    )
    assert first.changes == ('loss.terms=[{"name": "tversky", "alpha": 0.3, "beta": 0.7}]',)
    assert second.changes == ('loss.terms=[{"name": "dice"}]',)


def test_files_hold_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("settings.yaml").write_text("loss: {terms: [{name: dice}]}\nseed: 3\n")
    Path("value.yaml").write_text("terms: [{name: focal}]\n")
    found = make_variants(["loss=settings.yaml,value.yaml"])
    assert [(variant.name, *variant.changes) for variant in found] == [
        ("settings", 'loss={"terms": [{"name": "dice"}]}'),
        ("value", 'loss={"terms": [{"name": "focal"}]}'),
    ]
    Path("named.yaml").write_text("a: {terms: [{name: dice}]}\nb: {terms: []}\nc: {terms: []}\n")
    assert [one.name for one in make_variants(["loss=@named.yaml"])] == ["a", "b", "c"]
    assert [one.name for one in make_variants(["loss=@named.yaml:c,a"])] == ["c", "a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("loss", "expected KEY=A,B"),
        ("loss=", "expected KEY=A,B"),
        ("loss=dice", "nothing to compare"),
        ("loss=dice,dice", "given twice"),
        ("optimizer.learning_rat=1,2", "did you mean optimizer.learning_rate?"),
        ("los=dice,ce", "did you mean loss?"),
        ("seed=1,2", "cannot vary: --seeds"),
        ("output=a,b", "cannot vary"),
        ("data.scenes=a,b", "scored on the same pixels"),
        ("split.fold=0,1", "--folds"),
        ("validation.tile=1,2", "cannot vary"),
        ("schedule.steps=1,2", "--steps"),
        ("loss=@absent.yaml", "there is no file absent.yaml"),
        ("loss=absent.yaml,dice", "there is no file absent.yaml"),
    ],
)
def test_what_cannot_vary_is_said(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=r"^[^\n]+$") as caught:
        make_variants([text])
    assert words in str(caught.value)


def test_an_unknown_name_of_a_file_is_answered_with_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "named.yaml"
    file.write_text("border: {terms: []}\nplain: {terms: []}\n")
    with pytest.raises(SettingsError, match="did you mean border"):
        make_variants([f"loss=@{file}:bordr,plain"])
