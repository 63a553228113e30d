"""Where mosaics (VRT) and the files beside an image lead, told before GDAL opens anything.

A VRT is a text that names other files, addresses and code, whatever its own name is. Without trust
it may name pixels beside or below itself, in formats that lead nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tilesegm.errors import SourceError
from tilesegm.hdf5 import is_outside, walk
from tilesegm.inputs import check_input
from tilesegm.shown import line_of
from tilesegm.source.names import file_of
from tilesegm.trust import HOW_TO_TRUST, trusted

__all__ = ["check_beside", "check_links", "check_mosaic_text"]

_HEAD, _LARGEST, _DEEPEST = 1024, 1 << 26, 8
_PIXELS = re.compile(
    rb"II[*+]\0|MM\0[*+]|\x89PNG|\xff\xd8\xff|GIF8|BM|RIFF....WEBP|EHFA_HEADER_TAG"
    rb"|\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    re.DOTALL,
)
"""How formats begin that hold their pixels themselves."""
_PLAIN = {"SRS", "Description", "Category", "GeoTransform", "MDI", "WKT", "CategoryNames"}
"""Elements of a VRT that are texts for people, numbers, or coordinate systems."""
_LEADING = ("GEOLOCATION", "OVERVIEWS")
"""Domains of metadata whose items name files."""
_ELSEWHERE = re.compile(r"/vsi|://|^\s*[/<]|(^|/)\.\./", re.IGNORECASE)
_SIDE_FILES = (".aux.xml", ".msk", ".ovr", ".msk.ovr", ".aux")
_SUFFIXES = (".tfw", ".wld", ".prj", ".aux", ".rpb", ".rpc", ".imd", ".hdr", ".tab", ".ovr", ".rrd")


def check_links(path: Path, raw: bool = False, depth: int = 0) -> None:
    """Refuse a file whose format leads to other files or addresses, but for those beside it.

    Args:
        path: of a local file.
        raw: whether its bytes are taken as pixels, whatever they are.
        depth: mosaics around it; 0 for an image, which may be of any format that is allowed.

    Raises:
        SourceError: it leads elsewhere, is a pipe or a device, or mosaics are nested too deep.
    """
    check_input(path, SourceError)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            is_mosaic = b"<VRTDataset" in head
            text = file.read(_LARGEST) if is_mosaic else b""
    except OSError:
        return  # told by GDAL, in its own words
    if is_mosaic and not raw:
        if depth > _DEEPEST:
            raise SourceError(f"{path}: mosaics of mosaics of mosaics; pass one of the parts")
        check_mosaic_text(str(path), (head + text).decode("utf-8", "replace"), path.parent, depth)
    elif head.startswith(b"\x89HDF") and not trusted():
        _check_hdf5(path)
    elif depth and not raw and not _PIXELS.match(head):
        raise SourceError(
            f"{path} is part of a mosaic, in a format that may lead elsewhere; {HOW_TO_TRUST}"
        )


def _check_hdf5(path: Path) -> None:
    """Refuse an HDF5 or NetCDF file whose arrays lie in other files."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            names = [name for name, link, item in walk(file) if is_outside(link, item)]
    except (OSError, RuntimeError, KeyError, ValueError):
        return  # told by GDAL, in its own words
    if names:
        raise SourceError(f"{path} leads to other files, as {names[0]!r:.80} does; {HOW_TO_TRUST}")


def check_mosaic_text(uri: str, text: str, folder: Path | None, depth: int = 0) -> None:
    """Refuse a VRT that leads elsewhere.

    Args:
        uri: what messages call it.
        text: of the VRT.
        folder: that holds it; None for a remote one.
        depth: mosaics around it.

    Raises:
        SourceError: it does, or runs code.
    """
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise SourceError(
            f"{uri}: the mosaic is no XML ({line_of(error)}); make it again"
        ) from error
    for name, relative, raw in _names(uri, root):
        inner = file_of(name)
        if folder is None:
            if not relative or ":" in inner or _ELSEWHERE.search(inner):
                raise _elsewhere(uri, name)
            continue
        real = os.path.realpath(folder / inner if relative else inner)
        below = f"{real}/".startswith(f"{os.path.realpath(folder)}/")
        odd = ":" in inner or "<" in inner or "/vsi" in inner
        if not below or os.path.isdir(real) or (odd and not os.path.isfile(real)):
            raise _elsewhere(uri, name)
        if real != os.path.realpath(uri):
            check_links(Path(real), raw, depth + 1)


def check_beside(path: Path) -> None:
    """Refuse pipes and devices in the place of the files that GDAL looks for beside an image.

    Raises:
        SourceError: there is one, or overviews or a mask lead elsewhere.
    """
    for side in (*_SIDE_FILES, *_SUFFIXES):
        for beside in (Path(f"{path}{side}"), path.with_suffix(side)):
            if beside != path and os.path.lexists(beside):
                check_input(beside, SourceError)
                if side in (".ovr", ".msk", ".msk.ovr") and beside.is_file():
                    check_links(beside, depth=1)


def _names(uri: str, root: ElementTree.Element) -> Iterator[tuple[str, bool, bool]]:
    """Yield the files that a VRT names, whether relative to it, and whether read as raw bytes."""
    raw_names = {
        id(name)
        for band in root.iter("VRTRasterBand")
        if band.get("subClass") == "VRTRawRasterBand"
        for name in band.findall("SourceFilename")
    }
    harmless = {
        id(item)
        for part in root.iter("Metadata")
        if (part.get("domain") or "").upper() not in _LEADING
        for item in part.iter()
    }
    for element in root.iter():
        text = (element.text or "").strip()
        tag = element.tag
        if tag == "PixelFunctionLanguage" and text.lower() == "python":
            raise SourceError(f"{uri}: the mosaic runs Python; {HOW_TO_TRUST}")
        named = re.search("file|dataset$", tag, re.IGNORECASE) or re.search(
            "filename|dataset", element.get("name", ""), re.IGNORECASE
        )
        if named and text and tag != "VRTDataset":
            yield text, element.get("relativeToVRT", "0") == "1", id(element) in raw_names
        elif id(element) not in harmless and tag not in _PLAIN:
            for value in (text, *element.attrib.values()):
                if _ELSEWHERE.search(value):
                    raise _elsewhere(uri, value)
        elif id(element) not in harmless and tag == "MDI" and _ELSEWHERE.search(text):
            raise _elsewhere(uri, text)


def _elsewhere(uri: str, name: str) -> SourceError:
    return SourceError(
        f"{uri}: the mosaic leads to {name!r:.100}, and without trust it may name only files "
        f"beside or below itself; {HOW_TO_TRUST}"
    )
