"""Kinds of classes that people expect in like colours, and the names that say them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

__all__ = ["KINDS", "Kind", "kind_of", "says_background"]

_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Kind:
    """Classes that people expect in like colours."""

    colours: tuple[_Colour, ...]
    """Best first."""
    hues: tuple[int, int] | None
    """Degrees between which further colours lie; None for shades of grey."""
    words: str
    """In English, German, French, Spanish, Russian and Chinese."""


KINDS = (
    Kind(
        ((168, 172, 178), (128, 130, 134), (196, 196, 190)),
        None,
        "background unlabeled unlabelled unknown other others none void rest clutter outside "
        "hintergrund sonstiges andere fond autre autres fondo otro otros фон 背景 其他 其它 未标注",
    ),
    Kind(
        ((30, 110, 220), (90, 170, 240), (20, 60, 150)),
        (200, 240),
        "water sea river lake ocean pond stream canal pool reservoir wasser meer fluss teich eau "
        "mer riviere lac agua mar rio lago вода 水 河 湖 海",
    ),
    Kind(
        ((20, 90, 45), (60, 120, 40), (10, 60, 40)),
        (90, 160),
        "forest tree wood woodland canopy wald baum foret arbre bosque arbol лес 森林 林 树",
    ),
    Kind(
        ((150, 205, 80), (180, 220, 130), (120, 180, 60)),
        (70, 130),
        "grass herbaceous grassland meadow lawn pasture shrub wiese gras rasen herbe prairie "
        "pelouse hierba pradera cesped трава 草",
    ),
    Kind(
        ((215, 200, 60), (240, 220, 110), (170, 160, 40)),
        (48, 75),
        "crop cropland farmland agriculture field wheat maize rice acker getreide culture champ "
        "cultivo campo поле 耕地 农田 农",
    ),
    Kind(
        ((60, 165, 75), (110, 205, 105), (40, 130, 65), (150, 225, 120)),
        (80, 160),
        "vegetation plant green greenery vegetacion pflanze plante planta растительность 植被 绿",
    ),
    Kind(
        ((110, 190, 170), (60, 140, 130), (150, 215, 200)),
        (155, 185),
        "wetland marsh swamp bog feuchtgebiet moor marais humedal болото 湿地 沼泽",
    ),
    Kind(
        ((215, 60, 50), (240, 120, 100), (150, 30, 40)),
        (345, 375),
        "building roof house urban developed settlement gebaude dach haus batiment toit maison "
        "edificio tejado casa здание 建筑 房 屋",
    ),
    Kind(
        ((85, 85, 95), (120, 115, 130), (60, 60, 70)),
        None,
        "road street paved pavement impervious asphalt highway strasse asphalte route rue chaussee "
        "carretera calle дорога 道路 路",
    ),
    Kind(
        ((195, 145, 85), (225, 185, 125), (150, 105, 60)),
        (20, 45),
        "soil bare land ground sand earth barren boden erde sol terre sable suelo tierra arena "
        "почва земля 土 裸地 沙",
    ),
    Kind(((190, 160, 220), (165, 135, 200)), (240, 290), "cloud haze wolke nuage nube облако 云"),
    Kind(
        ((165, 225, 245), (130, 205, 235)),
        (185, 205),
        "snow ice glacier schnee eis neige glace nieve hielo снег лед 雪 冰",
    ),
    Kind(((40, 38, 55), (70, 66, 85)), None, "shadow shade schatten ombre sombra тень 阴影 影"),
    Kind(
        ((75, 50, 150), (110, 85, 185), (45, 25, 105)),
        (240, 275),
        "nucleus nuclei zellkern noyau nucleo ядро 细胞核 核",
    ),
    Kind(
        ((225, 130, 190), (240, 170, 215)),
        (300, 335),
        "cell cytoplasm zelle cellule celula клетка 细胞",
    ),
    Kind(
        ((165, 20, 75), (205, 50, 110)),
        (325, 345),
        "tumour tumor cancer carcinoma lesion tumeur опухоль 肿瘤 癌",
    ),
    Kind(((245, 170, 160), (225, 140, 135)), (0, 20), "stroma estroma строма 基质 间质"),
    Kind(
        ((235, 190, 205), (215, 160, 180)),
        (330, 355),
        "tissue epithelium gland gewebe tissu tejido ткань 组织",
    ),
)


def _fold(text: str) -> str:
    """Leave accents and capitals away."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


_WORDS = {_fold(word): kind for kind in KINDS for word in kind.words.split()}
_NOT = {"no", "non", "not", "nicht", "kein", "sans", "sin", "не"}


def kind_of(name: str) -> Kind | None:
    """Find what a name says; of several words the last, which in most names is what it is."""
    words = re.findall(r"[^\W\d_]+", _fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)))
    if words and (words[0] in _NOT or words[0][0] in "非无"):
        return KINDS[0]
    if kind := _WORDS.get("".join(words)):  # "WoodLand", "wet land"
        return kind
    found = [hit for word in words if (hit := _kind_of_word(word)) is not None]
    said = [kind for kind in found if kind is not KINDS[0]] or found
    return said[-1] if said else None


def says_background(name: str) -> bool:
    """Tell whether a name says what is left when all other classes are named."""
    return kind_of(name) is KINDS[0]


def _kind_of_word(word: str) -> Kind | None:
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
