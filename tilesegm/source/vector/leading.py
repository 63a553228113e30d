"""Vector files that are no shapes but lead to others, told before GDAL opens them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tilesegm.errors import SourceError
from tilesegm.inputs import check_expansion, check_input, check_tree
from tilesegm.trust import HOW_TO_TRUST, trusted

__all__ = ["check_leading"]

_HEAD = 4096
_LEADING = re.compile(
    rb"<OGR\w*DataSource|<WFS_Capabilities|<wfs:WFS_Capabilities|<csw:|<GDAL|gdal_streamed_alg"
    rb'|"stac_extensions"|<VRTDataset'
)
"""Marks of mosaics and services, by which GDAL knows them under any name."""


def check_leading(path: Path) -> None:
    """Refuse pipes, archives that unpack to far more than they hold, and files that lead elsewhere.

    Raises:
        SourceError: the file is one of these.
    """
    check_input(path, SourceError)
    if path.is_dir():
        check_tree(path, SourceError)
        return
    for side in (".shx", ".dbf", ".prj", ".cpg", ".qix", ".sbn", ".gfs", ".xsd"):
        check_input(path.with_suffix(side), SourceError)
    if trusted() or not path.is_file():
        return
    for head in _heads(path):
        if _LEADING.search(head):
            raise SourceError(f"{path} leads to other files or addresses; {HOW_TO_TRUST}")


def _heads(path: Path) -> Iterator[bytes]:
    """Yield the beginning of a file, or of all files of an archive."""
    with path.open("rb") as file:
        yield file.read(_HEAD)
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        check_expansion(str(path), total, path.stat().st_size, SourceError)
        for member in members:
            with archive.open(member) as file:
                yield file.read(_HEAD)
