"""Colours for classes that nobody gave one: by their names, and told apart by everybody."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

import numpy as np

from tilesegm.class_kinds import KINDS, Kind, kind_of
from tilesegm.colour_vision import appearance, distances

__all__ = ["choose_colours"]

_Colour = tuple[int, int, int]

_PAPER = ((250, 250, 250), (235, 235, 235), (225, 225, 225))
"""What pictures of maps show where there is no mistake, no class or no truth."""
_APART = 11.0
"""Distance from all others at which a class takes the colour of its name."""
_WELL_APART = 17.0
"""Distance from all others at which a class without such a name takes a colour of `_PLAIN`."""
_JUST_APART = 8.0
"""Least distance for whose sake a class keeps to the hues of its kind."""


_TOLD_APART = 2.0
"""Least distance of colours that look different at all."""


_PLAIN = (
    *((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0)),
    *((240, 228, 66), (51, 34, 136), (136, 34, 85), (17, 119, 51), (170, 68, 153), (153, 153, 51)),
)
"""For classes whose names say nothing: the palettes of Okabe and Ito, and of Tol."""


def choose_colours(
    names: Sequence[str], given: Mapping[int, _Colour] | None = None
) -> tuple[_Colour, ...]:
    """Choose a colour for each class, so that no two share one of those chosen here.

    Names that say what a class is get its colour: water blue, kinds of vegetation different
    greens. The others take what is easy to tell from those taken, for colour-blind people too.

    Args:
        names: of all classes.
        given: colours that are settled already, by the number of the class.
    """
    chosen: dict[int, _Colour] = {n: rgb for n, rgb in (given or {}).items() if n < len(names)}
    chooser = _Chooser(chosen.values())
    open_ones = [number for number in range(len(names)) if number not in chosen]
    kinds = {number: kind_of(names[number]) for number in open_ones}
    # Names that say something come first, so that no other class takes their colours.
    for number in sorted(open_ones, key=lambda number: kinds[number] is None):
        chosen[number] = chooser.choose(kinds[number])
    return tuple(chosen[number] for number in range(len(names)))


class _Chooser:
    """Knows the colours that are taken, and how far from them all others are."""

    def __init__(self, taken: Iterable[_Colour]) -> None:
        self._pool = np.array(_candidates())
        self._looks = appearance(self._pool)
        self._apart = np.full(len(self._pool), np.inf)
        self._taken: set[_Colour] = set()
        self._others = _all_colours()
        for colour in _PAPER:
            self._take(colour, 1)
        for colour in taken:
            self._take(colour)

    def choose(self, kind: Kind | None) -> _Colour:
        """Choose a colour, and take it."""
        if self._apart.max() < _TOLD_APART:  # hundreds of classes
            other = next(rgb for rgb in self._others if rgb not in self._taken)
            self._taken.add(other)
            return other
        if kind is None:
            best, least = list(range(len(_PLAIN))), _WELL_APART
        else:
            best, least = self._places(kind.colours), _APART
        colour = self._first(best, least)
        if colour is None and kind is not None:
            hues = [n for n, rgb in enumerate(self._pool.tolist()) if _has_hue(rgb, kind.hues)]
            colour = self._farthest([*best, *hues], _JUST_APART)
        if colour is None:
            colour = self._colour(int(self._apart.argmax()))
        self._take(colour)
        return colour

    def _places(self, colours: Sequence[_Colour]) -> list[int]:
        return [self._pool.tolist().index(list(colour)) for colour in colours]

    def _first(self, places: Sequence[int], least: float) -> _Colour | None:
        found = (place for place in places if self._apart[place] >= least)
        place = next(found, None)
        return None if place is None else self._colour(place)

    def _farthest(self, places: Sequence[int], least: float) -> _Colour | None:
        place = max(places, key=lambda place: float(self._apart[place]))
        return self._colour(place) if self._apart[place] >= least else None

    def _colour(self, place: int) -> _Colour:
        red, green, blue = self._pool[place].tolist()
        return red, green, blue

    def _take(self, colour: _Colour, normal: float = 0.5) -> None:
        self._taken.add(colour)
        apart = distances(self._looks, appearance(colour)[0], normal)
        self._apart = np.minimum(self._apart, apart)


def _candidates() -> list[_Colour]:
    """List colours to choose from: the plain ones, those of kinds, and a fine cone of hues."""
    cone = (
        colorsys.hsv_to_rgb(hue / 36, saturation, value)
        for value in (0.95, 0.8, 0.65, 0.5, 0.35)
        for saturation in (0.85, 0.6, 0.35)
        for hue in range(36)
    )
    greys = ((level, level, level + 4) for level in range(40, 200, 20))
    rounded = ((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in cone)
    kinds = (colour for kind in KINDS for colour in kind.colours)
    return list(dict.fromkeys([*_PLAIN, *kinds, *rounded, *greys]))


def _all_colours() -> Iterator[_Colour]:
    """Walk through all colours, in steps of an odd number, so that none comes twice."""
    for number in count():
        code = number * 7_368_787 % 2**24
        yield code >> 16, code >> 8 & 255, code & 255


def _has_hue(rgb: Sequence[int], hues: tuple[int, int] | None) -> bool:
    hue, saturation, _ = colorsys.rgb_to_hsv(*(part / 255 for part in rgb))
    if hues is None or saturation < 0.15:
        return hues is None and saturation < 0.15
    return hues[0] <= 360 * hue <= hues[1] or hues[0] <= 360 * hue + 360 <= hues[1]
