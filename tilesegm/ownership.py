"""Whose a file is: ours by its mark, one that a run reads, or somebody else's."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from urllib.request import url2pathname

from tilesegm.errors import OutputError, SettingsError

__all__ = [
    "carries",
    "check_apart",
    "check_local",
    "check_place",
    "check_unread",
    "check_unread_objects",
    "free_name",
    "place_key",
    "state_of",
]

_ENDS = 8192
"""Bytes at the start and at the end of a file that are searched for a mark."""


def carries(path: Path, mark: bytes) -> bool:
    """Tell whether a file holds a mark near its start or end; a link and a folder never do."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        with path.open("rb") as file:
            if mark in file.read(_ENDS):
                return True
            file.seek(max(0, path.stat().st_size - _ENDS))
            return mark in file.read(_ENDS)
    except OSError:
        return False


def check_local(place: str | os.PathLike[str]) -> None:
    """Refuse an address where a result can only be written to a disk.

    Raises:
        OutputError: it is one; a path made of it would be a folder called ``s3:``.
    """
    scheme, colon, rest = os.fspath(place).partition(":/")
    if colon and len(scheme) > 1 and scheme.isalnum():
        raise OutputError(
            f"cannot write to {scheme}://{rest.lstrip('/')}: only class maps of `tilesegm predict` "
            "go to a store, one to s3://BUCKET/NAME.tif or .zarr and several to "
            "s3://BUCKET/FOLDER/, and tables of areas; give such an address, in Python as str, or "
            "a path on disk"
        )


def check_place(path: Path, mark: bytes | None = None, *, folder: bool = False) -> None:
    """Refuse a place for an output where something stands that must stay.

    Args:
        path: of the output.
        mark: what the files carry that may be replaced; None lets the caller judge the contents.
        folder: whether the output is a folder.

    Raises:
        OutputError: there is a link, something of another kind, or a file without the mark.
    """
    check_local(path)
    if path.is_symlink():
        raise OutputError(
            f"output {path} is a link to {os.readlink(path)}, and links are not followed; give "
            "the path that it leads to, or remove the link"
        )
    if not os.path.lexists(path):
        return
    if folder != path.is_dir() or not (folder or path.is_file()):
        kind = "a folder" if path.is_dir() else "a file" if path.is_file() else "no regular file"
        raise OutputError(f"output {path} is already {kind}, of another kind; use another name")
    if mark is not None and not carries(path, mark):
        raise OutputError(
            f"output {path} exists and is not of tilesegm, which replaces its own files only; move "
            "it away or give another name"
        )


def check_unread(
    outputs: Iterable[Path], read: Iterable[tuple[str, str | os.PathLike[str]]]
) -> None:
    """Refuse outputs that a run reads, by whatever path, link or hard link.

    Args:
        outputs: files and folders that are written or replaced.
        read: what each input is, such as ``the model``, and its path or ``file://`` address.

    Raises:
        OutputError: an output is an input, holds one, or lies in one that is a folder.
    """
    real: dict[Path, str] = {}
    nodes: dict[tuple[int, int], str] = {}
    holders: dict[Path, str] = {}
    folders: dict[Path, str] = {}
    for what, name in read:
        path = _local(os.fspath(name))
        if path is not None:
            theirs = path.resolve()
            real[theirs] = what
            nodes |= dict.fromkeys(_node(theirs), what)
            holders |= dict.fromkeys(theirs.parents, what)
            if theirs.is_dir():
                folders[theirs] = f"{what} {path}"
    for output in outputs:
        ours = _real(output)
        same = real.get(ours) or next((nodes[n] for n in _node(output) if n in nodes), None)
        if same is not None:
            raise OutputError(f"output {output} is {same}; give the output another name")
        if ours in holders:
            raise OutputError(
                f"output {output} is {holders[ours]}, or the folder that holds it; give the output "
                "another name"
            )
        for parent in ours.parents:
            if parent in folders:
                raise OutputError(
                    f"output {output} lies inside of {folders[parent]}; put it somewhere else"
                )


def check_unread_objects(outputs: Iterable[str], read: Iterable[tuple[str, str]]) -> None:
    """Refuse outputs in a store that a run reads.

    Args:
        outputs: their addresses.
        read: what each input is, such as ``the model``, and its path or address.

    Raises:
        OutputError: an output is an input, holds one, or lies in one.
    """
    theirs = {name.rstrip("/"): what for what, name in read}
    holders = {folder: what for name, what in theirs.items() for folder in _folders(name)}
    for output in outputs:
        above = (theirs[folder] for folder in _folders(output) if folder in theirs)
        same = theirs.get(output) or holders.get(output) or next(above, None)
        if same is not None:
            raise OutputError(f"output {output} is {same}; give the output another name")


def _folders(address: str) -> list[str]:
    """Return the address of the folder of an object, of its folder, and so on to the bucket."""
    scheme, mark, rest = address.partition("://")
    parts = rest.split("/") if mark else []
    return [scheme + mark + "/".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]


def check_apart(outputs: Iterable[tuple[str, Path | str]]) -> None:
    """Refuse outputs that share one file.

    Args:
        outputs: what each output is or is made of, and its path, or its address in a store.

    Raises:
        SettingsError: two of them do; upper and lower case count where the file system tells them.
    """
    taken: dict[Path | str, tuple[str, Path | str]] = {}
    for name, path in outputs:
        key = place_key(path)
        if key in taken:
            other, there = taken[key]
            raise SettingsError(
                f"{other} and {name} would both be written to {there}"
                + ("" if there == path else f", which is {path} on this file system")
                + "; rename one or use two folders"
            )
        taken[key] = name, path


def place_key(path: Path | str) -> Path | str:
    """Return what two paths of files, which may not exist yet, share if they are one file.

    Addresses in a store, which are texts, tell upper from lower case, and have no links.
    """
    if isinstance(path, str):
        return path
    real = _real(path)
    return real if _tells_case(real.parent) else real.with_name(real.name.casefold())


def _tells_case(folder: Path) -> bool:
    """Tell whether names in a folder, which may not exist yet, may differ in case alone."""
    for each in (folder, *folder.parents):
        other = each.with_name(each.name.swapcase()) if each.name else each
        if other != each and each.exists():
            return not _same(each, other)
    return True


def free_name(path: Path, word: str) -> Path:
    """Return a name beside ``path`` that nothing has: ``out.WORD.tif``, ``out.WORD2.tif`` ..."""
    number = 1
    while True:
        other = path.with_name(f"{path.stem}.{word}{'' if number == 1 else number}{path.suffix}")
        if not os.path.lexists(other):
            return other
        number += 1


def state_of(path: Path) -> tuple[int, ...] | None:
    """Return what changes when something else stands at a path; None where nothing does."""
    try:
        state = path.lstat()
    except OSError:
        return None
    if stat.S_ISDIR(state.st_mode):
        return state.st_dev, state.st_ino
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _real(path: Path) -> Path:
    """Resolve the links of the folder, not the one that the output itself may be."""
    whole = Path(os.path.abspath(path))
    return whole.parent.resolve() / whole.name


def _local(name: str) -> Path | None:
    if name.startswith("file://"):
        name = url2pathname(name[7:])
    try:
        return Path(name) if os.path.lexists(name) else None
    except ValueError:  # a NUL
        return None


def _node(path: Path) -> list[tuple[int, int]]:
    try:
        state = path.stat()
    except (OSError, ValueError):
        return []
    return [(state.st_dev, state.st_ino)]


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False
