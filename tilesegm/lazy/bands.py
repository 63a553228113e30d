"""Variables of a Dataset as bands of one image."""

from __future__ import annotations

from typing import Any

from tilesegm.errors import SourceError
from tilesegm.events import Noted, OnEvent
from tilesegm.source.attributes import fill_value, scaling
from tilesegm.source.labelled import images_of, only_variable, with_grid_mapping

__all__ = ["as_image"]


def as_image(dataset: Any, on_event: OnEvent) -> Any:
    """Return the image of an xarray Dataset, of which variables are bands if it has several.

    Args:
        dataset: with variables that have rows and columns; others are left out.
        on_event: told which bands they are.

    Raises:
        SourceError: there is none, or they are no bands of one image.
    """
    names = images_of(dataset)
    if len(names) < 2:
        return only_variable(dataset)
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
    on_event(Noted(f"bands are the variables {listed}, in this order"))
    image = dataset[names].to_array("band").assign_attrs(bands[0].attrs)
    image.attrs.pop("long_name", None)  # of one band
    image.encoding = {
        key: value for key, value in bands[0].encoding.items() if key == "grid_mapping"
    }
    return with_grid_mapping(dataset, image)


def _differ(one: Any, other: Any) -> bool:
    return bool(one != other and not (one != one and other != other))  # NaN is NaN
