"""The rule by which runs are dropped."""

from __future__ import annotations

import math

from tilesegm.comparison.dropping import rungs_of, survivors


def test_length_rises_threefold_while_variants_fall_to_a_third() -> None:
    assert rungs_of(27, 9) == (3, 9, 27)
    assert rungs_of(10, 8) == (1, 3, 10)
    assert rungs_of(10, 4) == (3, 10)  # two are left after one look
    assert rungs_of(10, 2) == (10,)  # an answer needs two
    assert rungs_of(1, 8) == (1,)


def test_no_look_before_a_tenth_of_a_run() -> None:
    assert rungs_of(100, 1000)[0] == 11


def test_the_best_third_goes_on() -> None:
    scores = {name: [float(n), float(n)] for n, name in enumerate("abcdefghi")}
    assert survivors(scores) == ["i", "h", "g"]
    assert survivors({"a": [1.0], "b": [3.0], "c": [2.0]}) == ["b", "c"]


def test_variants_are_judged_by_the_pairs_that_all_have() -> None:
    # The second pair is easy: without it b would be best, and a has no run of it.
    scores = {"a": [50.0, math.nan], "b": [40.0, 90.0], "c": [45.0, 95.0]}
    assert survivors(scores) == ["a", "c"]


def test_a_variant_without_runs_is_out() -> None:
    assert survivors({"a": [math.nan, math.nan], "b": [1.0, 2.0]}) == ["b"]
    assert survivors({"a": [math.nan], "b": [math.nan]}) == []
    # No pair is left that all have: each is judged by its own.
    assert survivors({"a": [1.0, math.nan], "b": [math.nan, 2.0], "c": [0.0, 0.0]}) == ["b", "a"]
