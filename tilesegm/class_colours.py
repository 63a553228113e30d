"""Colours for classes that nobody gave one: by their names, and told apart by everybody."""

from __future__ import annotations

import colorsys
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

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


@dataclass(frozen=True)
class _Kind:
    """Classes that people expect in like colours."""

    colours: tuple[_Colour, ...]
    """Best first."""
    hues: tuple[int, int] | None
    """Degrees between which further colours lie; None for shades of grey."""
    words: str
    """In English, German, French, Spanish, Russian and Chinese."""


_KINDS = (
    _Kind(
        ((168, 172, 178), (128, 130, 134), (196, 196, 190)),
        None,
        "background unlabeled unlabelled unknown other others none void rest clutter outside "
        "hintergrund sonstiges andere fond autre autres fondo otro otros фон 背景 其他 其它 未标注",
    ),
    _Kind(
        ((30, 110, 220), (90, 170, 240), (20, 60, 150)),
        (200, 240),
        "water sea river lake ocean pond stream canal pool reservoir wasser meer fluss teich eau "
        "mer riviere lac agua mar rio lago вода 水 河 湖 海",
    ),
    _Kind(
        ((20, 90, 45), (60, 120, 40), (10, 60, 40)),
        (90, 160),
        "forest tree wood woodland canopy wald baum foret arbre bosque arbol лес 森林 林 树",
    ),
    _Kind(
        ((150, 205, 80), (180, 220, 130), (120, 180, 60)),
        (70, 130),
        "grass herbaceous grassland meadow lawn pasture shrub wiese gras rasen herbe prairie "
        "pelouse hierba pradera cesped трава 草",
    ),
    _Kind(
        ((215, 200, 60), (240, 220, 110), (170, 160, 40)),
        (48, 75),
        "crop cropland farmland agriculture field wheat maize rice acker getreide culture champ "
        "cultivo campo поле 耕地 农田 农",
    ),
    _Kind(
        ((60, 165, 75), (110, 205, 105), (40, 130, 65), (150, 225, 120)),
        (80, 160),
        "vegetation plant green greenery vegetacion pflanze plante planta растительность 植被 绿",
    ),
    _Kind(
        ((110, 190, 170), (60, 140, 130), (150, 215, 200)),
        (155, 185),
        "wetland marsh swamp bog feuchtgebiet moor marais humedal болото 湿地 沼泽",
    ),
    _Kind(
        ((215, 60, 50), (240, 120, 100), (150, 30, 40)),
        (345, 375),
        "building roof house urban developed settlement gebaude dach haus batiment toit maison "
        "edificio tejado casa здание 建筑 房 屋",
    ),
    _Kind(
        ((85, 85, 95), (120, 115, 130), (60, 60, 70)),
        None,
        "road street paved pavement impervious asphalt highway strasse asphalte route rue chaussee "
        "carretera calle дорога 道路 路",
    ),
    _Kind(
        ((195, 145, 85), (225, 185, 125), (150, 105, 60)),
        (20, 45),
        "soil bare land ground sand earth barren boden erde sol terre sable suelo tierra arena "
        "почва земля 土 裸地 沙",
    ),
    _Kind(((190, 160, 220), (165, 135, 200)), (240, 290), "cloud haze wolke nuage nube облако 云"),
    _Kind(
        ((165, 225, 245), (130, 205, 235)),
        (185, 205),
        "snow ice glacier schnee eis neige glace nieve hielo снег лед 雪 冰",
    ),
    _Kind(((40, 38, 55), (70, 66, 85)), None, "shadow shade schatten ombre sombra тень 阴影 影"),
    _Kind(
        ((75, 50, 150), (110, 85, 185), (45, 25, 105)),
        (240, 275),
        "nucleus nuclei zellkern noyau nucleo ядро 细胞核 核",
    ),
    _Kind(
        ((225, 130, 190), (240, 170, 215)),
        (300, 335),
        "cell cytoplasm zelle cellule celula клетка 细胞",
    ),
    _Kind(
        ((165, 20, 75), (205, 50, 110)),
        (325, 345),
        "tumour tumor cancer carcinoma lesion tumeur опухоль 肿瘤 癌",
    ),
    _Kind(((245, 170, 160), (225, 140, 135)), (0, 20), "stroma estroma строма 基质 间质"),
    _Kind(
        ((235, 190, 205), (215, 160, 180)),
        (330, 355),
        "tissue epithelium gland gewebe tissu tejido ткань 组织",
    ),
)

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
    kinds = {number: _kind(names[number]) for number in open_ones}
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

    def choose(self, kind: _Kind | None) -> _Colour:
        """Choose a colour, and take it."""
        if kind is None:
            best, least = list(range(len(_PLAIN))), _WELL_APART
        else:
            best, least = self._places(kind.colours), _APART
        colour = self._first(best, least)
        if colour is None and kind is not None:
            hues = [n for n, rgb in enumerate(self._pool.tolist()) if _has_hue(rgb, kind.hues)]
            colour = self._farthest([*best, *hues], _JUST_APART)
        if colour is None:
            colour = self._farthest(range(len(self._pool)), _TOLD_APART)
        if colour is None:  # hundreds of classes
            colour = next(rgb for rgb in self._others if rgb not in self._taken)
        self._take(colour)
        return colour

    def _places(self, colours: Sequence[_Colour]) -> list[int]:
        return [self._pool.tolist().index(list(colour)) for colour in colours]

    def _first(self, places: Sequence[int], least: float) -> _Colour | None:
        found = (place for place in places if self._apart[place] >= least)
        return self._colour(next(found, None))

    def _farthest(self, places: Sequence[int], least: float) -> _Colour | None:
        place = max(places, key=lambda place: float(self._apart[place]))
        return self._colour(place if self._apart[place] >= least else None)

    def _colour(self, place: int | None) -> _Colour | None:
        if place is None:
            return None
        red, green, blue = self._pool[place].tolist()
        return red, green, blue

    def _take(self, colour: _Colour, normal: float = 0.5) -> None:
        self._taken.add(colour)
        if self._apart.max() < _TOLD_APART:
            return
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
    kinds = (colour for kind in _KINDS for colour in kind.colours)
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


def _fold(text: str) -> str:
    """Leave accents and capitals away."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


_WORDS = {_fold(word): kind for kind in _KINDS for word in kind.words.split()}
_NOT = {"no", "non", "not", "nicht", "kein", "sans", "sin", "не"}


def _kind(name: str) -> _Kind | None:
    """Find what a name says; of several words the last, which in most names is what it is."""
    words = re.findall(r"[^\W\d_]+", _fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)))
    if words and (words[0] in _NOT or words[0][0] in "非无"):
        return _KINDS[0]
    if kind := _WORDS.get("".join(words)):  # "WoodLand", "wet land"
        return kind
    found = [hit for word in words if (hit := _kind_of_word(word)) is not None]
    said = [kind for kind in found if kind is not _KINDS[0]] or found
    return said[-1] if said else None


def _kind_of_word(word: str) -> _Kind | None:
    """Look up a word, its singular, or the end or beginning of a compound."""
    for one in (word, word.removesuffix("s"), word.removesuffix("es")):
        if one in _WORDS:
            return _WORDS[one]
    # Chinese has no spaces between words; elsewhere short words stand in too many others.
    inside = [
        part
        for part in _WORDS
        if (part > "\u2e80" and part in word)
        or (len(part) >= 4 and word.endswith(part))
        or (len(part) >= 5 and word.startswith(part))
    ]
    return _WORDS[max(inside, key=lambda part: (len(part), word.rfind(part)))] if inside else None
