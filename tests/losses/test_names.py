"""Names that a person typed, of losses and of their arguments."""

from __future__ import annotations

import pytest

from tests.losses.scenes import NAMES
from tilesegm.advice.catalogue import catalogue
from tilesegm.errors import InputError
from tilesegm.losses import LOSSES, RECIPES, CrossEntropy, get
from tilesegm.losses.names import check_arguments
from tilesegm.losses.weighting import GradNorm, Scheduled


@pytest.mark.parametrize(
    ("name", "argument", "advice"),
    [
        ("tversky", "apha", "tversky has no argument 'apha'; did you mean 'alpha'?"),
        ("tversky", "extra", "tversky has no argument 'extra'; there are absent, alpha, backgr"),
        ("focal_tversky", "missed", "focal_tversky has no argument 'missed'; there are absent, al"),
        ("active_boundary", "smoothing", "did you mean 'label_smoothing'?"),
        ("dice", "smoth", "did you mean 'smooth'?"),
        ("unet3plus_hybrid", "ignored", "did you mean 'ignore'?"),
        ("dice_ce", "from_logit", "dice_ce has no argument 'from_logit'; did you mean 'from_logi"),
        ("Pyramid", "scale", "did you mean 'scales'?"),
    ],
)
def test_unknown_arguments_are_refused_with_the_nearest_name(
    name: str, argument: str, advice: str
) -> None:
    with pytest.raises(InputError) as caught:
        get(name, **{argument: 1})
    assert advice in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_in_a_config_can_be_given(name: str) -> None:
    loss = get(name)
    if name in LOSSES:
        check_arguments(type(loss), set(loss.get_config()) - {"from_logits", "ignore", "name"})
    assert get(name, ignore=9).ignore == 9


def test_arguments_of_rules_are_checked_too() -> None:
    check_arguments(GradNorm, ["learning_rate", "shift", "name"])
    with pytest.raises(InputError, match="GradNorm has no argument 'rate'; there are alpha, dtype"):
        check_arguments(GradNorm, ["rate"])
    with pytest.raises(InputError, match="did you mean 'schedules'"):
        check_arguments(Scheduled, ["schedule"])


def test_messages_use_the_names_that_the_list_prints() -> None:
    listed = {entry.name for entry in catalogue() if entry.kind == "losses"}
    assert listed == {get(name).name for name in LOSSES}
    with pytest.raises(InputError) as caught:
        get("zzzz")
    named = set(str(caught.value).partition("there are ")[2].split(", "))
    assert named == listed | {*RECIPES}
    for name in listed:
        assert get(name).name == name
        with pytest.raises(InputError, match=f"^{name} has no argument 'zzzz'"):
            get(name, zzzz=1)


def test_the_loss_that_another_one_is_around_may_be_a_name() -> None:
    assert isinstance(get("pyramid", base="cross_entropy", ignore=7).base, CrossEntropy)
    around = get("pyramid", base={"name": "tversky", "alpha": 0.2}, ignore=7)
    assert (around.base.alpha, around.ignore) == (0.2, 7)
    for wrong in ("losses:Mine", 3, {"alpha": 0.2}):
        with pytest.raises(InputError, match="expected the name of a loss of `tilesegm losses"):
            get("pyramid", base=wrong)
