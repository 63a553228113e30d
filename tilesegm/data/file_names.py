"""Names of files: which of them people see, how accents are written, and whose image they name."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

__all__ = [
    "IMAGE_WORDS",
    "LABEL_WORDS",
    "MAP_WORDS",
    "composed",
    "find_path",
    "image_name",
    "is_shown",
    "plain",
]

_HIDDEN = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "icon\r"}

IMAGE_WORDS = frozenset({
    "image", "images", "img", "imgs", "input", "inputs", "jpegimages", "leftimg8bit", "photo",
    "photos", "picture", "pictures", "raw", "rgb", "sat", "training",
    "原图", "图像", "图片", "影像",
})  # fmt: skip
"""What names of images and their folders add to the name of what they show, as `plain` writes."""
LABEL_WORDS = frozenset({
    "1stmanual", "annot", "annotation", "annotations", "annots", "classes", "groundtruth", "gt",
    "gtfine", "gtfinelabelids", "gtfinelabeltrainids", "ids", "label", "labelids", "labels",
    "labeltrainids", "lbl", "manual", "manual1", "mask", "masks", "output", "outputs", "seg",
    "segmentation", "segmentationclass", "segmentations", "target", "targets", "truth", "truths",
    "掩码", "掩膜", "标注", "标签", "真值",
})  # fmt: skip
"""Likewise of labels."""
MAP_WORDS = frozenset({"class", "map", "pred", "predicted", "prediction"})
"""Likewise of class maps."""

_JOINTS = r"[-_. ]+"


def is_shown(name: str) -> bool:
    """Tell files of people from those that macOS and Windows leave in folders."""
    return not name.startswith(".") and name.lower() not in _HIDDEN


def composed(name: str) -> str:
    """Write accents in one way (NFC): zip files of macOS hold ``e`` and an accent for ``é``."""
    return unicodedata.normalize("NFC", name)


def find_path(path: Path) -> Path | None:
    """Return a path that exists, also where its accents are written otherwise; None without one."""
    if path.exists():
        return path
    if path.parent == path or path.name in ("", ".."):
        return None
    folder = find_path(path.parent)
    if folder is None or not folder.is_dir():
        return None
    if (folder / path.name).exists():
        return folder / path.name
    wanted = composed(path.name)
    return next((entry for entry in folder.iterdir() if composed(entry.name) == wanted), None)


def plain(word: str) -> str:
    """Write a word in small letters, without what joins its parts."""
    return re.sub(_JOINTS, "", composed(word).lower())


def image_name(stem: str) -> str:
    """Return the name of the image that labels or a map show: ``a`` of ``a_mask`` and ``gt-a``."""
    joined = re.sub("ground[-_. ]truth", "groundtruth", composed(stem), flags=re.IGNORECASE)
    parts = re.split(f"({_JOINTS})", joined)
    words = IMAGE_WORDS | LABEL_WORDS | MAP_WORDS
    while len(parts) > 2:
        if plain(parts[-1]) in words:
            parts = parts[:-2]
        elif plain(parts[0]) in words:
            parts = parts[2:]
        else:
            break
    return "".join(parts).removesuffix(".ome")
