"""How a result was made, as it is kept in the result: enough to make parts of it again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from tilesegm.errors import InputError
from tilesegm.grid.tiling import Tiling
from tilesegm.model.normalisation import Normalisation
from tilesegm.segmentation.options import Options
from tilesegm.shown import without_secrets

__all__ = ["ARRAY", "Recipe", "image_name"]

ARRAY = "<array>"
"""Stands for an area of interest that was an array, which no result keeps."""
_NOT_OF_PIXELS = ("memory", "compress", "hash_input", "update", "shards", "staging")
"""Options that change no pixel."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Image, network and settings of a run."""

    image: str | list[str] | None
    """Path or paths; None for an array, or addresses of several files."""
    model: str | list[str] | None
    """Path, or paths of several; None for a network in memory."""
    tiling: Tiling
    options: Options
    batch: int
    """Tiles that were scored together."""
    fingerprint: Mapping[str, Any]
    shrinks: bool = False
    """Whether batches shrank beside an area alone, as in no earlier version."""

    def text(self) -> str:
        """Return it as JSON, in which passwords and signatures of addresses are hidden."""
        area = self.options.area
        if area is not None and not isinstance(area, str | os.PathLike):
            area = ARRAY
        told = replace(self, options=replace(self.options, area=area))
        options = {name: value for name, value in asdict(told.options).items() if value is not None}
        if options["decision"] == "model":
            del options["decision"]  # as it is meant where it is not told
        if options["grid"] == "model":
            del options["grid"]  # likewise
        plain = asdict(told) | {
            "options": {k: v for k, v in options.items() if k not in _NOT_OF_PIXELS}
        }
        if not self.shrinks:
            del plain["shrinks"]  # likewise
        return without_secrets(json.dumps(plain, default=os.fspath))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` returned.

        Raises:
            InputError: it is something else.
        """
        try:
            plain = json.loads(text)
            options = plain.pop("options")
            for name in ("bands", "classes", "augment", "offsets"):
                options[name] = None if options.get(name) is None else tuple(options[name])
            options["augment"] = options["augment"] or ()
            if "normalisation" in options:
                parts = options["normalisation"]
                options["normalisation"] = Normalisation(
                    tuple(parts["offset"]), tuple(parts["scale"])
                )
            return cls(
                **plain | {"tiling": Tiling(**plain["tiling"]), "options": Options(**options)}
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"how the result was made cannot be read from its tags ({error}); it is of another "
                "version: leave --recompute out"
            ) from error


def image_name(image: Any, uri: str) -> str | list[str] | None:
    """Return what opens an image again, as far as it may be kept.

    Args:
        image: as it was given.
        uri: what it is called; secrets of an address are hidden in it.
    """
    if isinstance(image, list | tuple):
        names = [image_name(part, "") for part in image]
        return [name for name in names if isinstance(name, str)] if all(names) else None
    if not isinstance(image, str | os.PathLike):
        return None
    text = os.fspath(image)
    if "://" in text:
        return uri or None
    return str(Path(text).absolute()) if os.path.exists(text) else text
