"""The examples in docstrings of losses are true."""

from __future__ import annotations

import doctest

import pytest

from tilesegm.losses import Compound, CrossEntropy, Dice, Tversky


@pytest.mark.parametrize("loss", [CrossEntropy, Dice, Tversky, Compound])
def test_example_of_the_docstring(loss: type) -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(
        loss, loss.__name__, globs={loss.__name__: loss}
    )
    assert example.examples
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)
