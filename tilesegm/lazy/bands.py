"""Variables of a Dataset as bands of one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tilesegm.errors import SourceError
from tilesegm.events import Noted, OnEvent
from tilesegm.source.attributes import fill_value, scaling
from tilesegm.source.band_names import comparable_name
from tilesegm.source.labelled import images_of, only_variable, with_grid_mapping

__all__ = ["as_image"]


def as_image(dataset: Any, learnt: Sequence[str], on_event: OnEvent) -> Any:
    """Return the image of an xarray Dataset, of which variables are bands if it has several.

    Args:
        dataset: with variables that have rows and columns; others are left out.
        learnt: names of the bands that the network learnt from, in their order; variables of all
            of these names are taken so, else all variables as they stand.
        on_event: told which bands they are.

    Raises:
        SourceError: there is none, or they are no bands of one image.
    """
    names = images_of(dataset)
    if len(names) < 2:
        return only_variable(dataset)
    places = {comparable_name(name): name for name in names}
    wanted = [places.get(comparable_name(name)) for name in learnt]
    by_name = bool(wanted) and None not in wanted and len(places) == len(names)
    names = wanted if by_name else names
    listed = ", ".join(map(str, names))
    bands = [dataset[name] for name in names]
    for what, facts in (
        ("dimensions", [band.dims for band in bands]),
        ("nodata", [fill_value(band.attrs) for band in bands]),
        ("scale and offset", [scaling(band.attrs) for band in bands]),
    ):
        other = next((n for n, fact in enumerate(facts) if _differ(fact, facts[0])), None)
        if other is not None:
            raise SourceError(
                f"a Dataset with the images {listed}, of which {names[0]} has {what} {facts[0]} "
                f"and {names[other]} has {facts[other]}; pass those that are bands of one image, "
                "dataset[[NAME, NAME]]"
            )
    why = "by the names that the network learnt from" if by_name else "in this order"
    on_event(Noted(f"bands are the variables {listed}, {why}"))
    image = dataset[names].to_array("band").assign_attrs(bands[0].attrs)
    image.attrs.pop("long_name", None)  # of one band
    image.encoding = {
        key: value for key, value in bands[0].encoding.items() if key == "grid_mapping"
    }
    return with_grid_mapping(dataset, image)


def _differ(one: Any, other: Any) -> bool:
    return bool(one != other and not (one != one and other != other))  # NaN is NaN
