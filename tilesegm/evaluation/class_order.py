"""Classes of a prediction and of its truth, which may number the same names differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tilesegm.data.settings import LabelSettings
from tilesegm.errors import InputError

__all__ = ["check_order", "match_labels"]


def match_labels(
    labels: LabelSettings, names: Sequence[str], uri: str
) -> tuple[LabelSettings, tuple[str, ...]]:
    """Give the classes of label settings the ids that a prediction gives to their names.

    Args:
        labels: how the truth is read; their classes count from 0 in their own order.
        names: of the prediction's classes, in the order of ids.
        uri: path of the prediction, for messages.

    Returns:
        Settings whose classes are in the order of the prediction, and notes for the user.

    Raises:
        InputError: a name has another id in the prediction, and names cannot be matched because
            each side has some that the other lacks.
    """
    own = [entry.name for entry in labels.classes]
    if own == list(names):
        return labels, ()
    if len(set(names)) == len(names) and set(own) == set(names):
        by_name = {entry.name: entry for entry in labels.classes}
        note = (
            f"the prediction has the classes {', '.join(names)} and --labels "
            f"{', '.join(own)}: they are matched by name"
        )
        return replace(labels, classes=tuple(by_name[name] for name in names)), (note,)
    check_order(names, own, uri, "--labels", "rename classes in --labels")
    renamed = [f"{a!r} is {b!r}" for a, b in zip(names, own, strict=False) if a != b]
    if not renamed:
        return labels, ()
    more = f" and {len(renamed) - 3} more" if len(renamed) > 3 else ""
    return labels, (
        "classes of the prediction are matched with those of --labels by their order: "
        f"{', '.join(renamed[:3])}{more}; give both the same names to match them by name",
    )


def check_order(names: Sequence[str], own: Sequence[str], uri: str, what: str, fix: str) -> None:
    """Refuse names that have another id in the truth than in the prediction.

    Args:
        names: of the prediction's classes, in the order of ids.
        own: of the truth's classes, in the order of ids.
        uri: path of the prediction.
        what: names the truth in the message.
        fix: advice that makes both sides agree.

    Raises:
        InputError: there is such a name.
    """
    for name in own:
        if name in names and names.index(name) != own.index(name):
            raise InputError(
                f"class {name!r} has id {names.index(name)} in {uri} and {own.index(name)} in "
                f"{what}, whose classes are {', '.join(own)}; {fix}, or give --classes with names "
                "in the order of the truth's ids"
            )
