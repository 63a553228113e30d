"""Where maps lie whose areas are measured, and the table that they are written to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tilesegm.errors import InputError, OutputError, SettingsError, SourceError
from tilesegm.files import write_file
from tilesegm.ownership import carries, check_place, check_unread_objects
from tilesegm.pictures.png import PNG_MARK
from tilesegm.products.areas import FIRST_COLUMNS, ClassAreas, areas_csv
from tilesegm.products.workplace import check_target
from tilesegm.sink.check import STORED
from tilesegm.sink.provenance import is_map, read_map_facts
from tilesegm.sink.stored_file import StoredFile
from tilesegm.sink.stored_text import StoredText
from tilesegm.source.names import is_zarr
from tilesegm.source.object_store import ask, is_s3, open_store, s3_parts, store_errors

__all__ = ["check_csv", "find_maps", "write_csv"]

_MARK = ",".join(FIRST_COLUMNS).encode()
"""How a table of ours begins."""
_SUFFIXES = (".tif", ".tiff", ".png", ".zarr", ".bmp", ".gif")


def find_maps(given: Iterable[str]) -> tuple[list[str], str]:
    """Return maps, and those in folders; layers of scores and confidence are left out there.

    Pictures that tilesegm drew of maps are left out too, and named in the text.

    Args:
        given: paths and addresses. A folder of a store is told by a slash at the end, or by a name
            without a suffix.

    Raises:
        InputError: a folder holds none, or the store cannot be reached.
    """
    paths: list[str] = []
    drawn: list[str] = []
    for name in given:
        folder = Path(name)
        if is_s3(name) and not is_zarr(name) and (name.endswith("/") or not folder.suffix):
            paths += _maps_in_store(name.rstrip("/"))
            continue
        if not folder.is_dir() or is_zarr(name):
            paths.append(name)
            continue
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
        pictures = [p for p in files if carries(p, PNG_MARK) and not is_map(p)]
        drawn += map(str, pictures)
        inside = [p for p in files if p not in pictures]
        found = [str(p) for p in inside if read_map_facts(p).layer == "classes"]
        if not found:
            raise InputError(
                f"{folder} holds no class maps; expected files that end in {', '.join(_SUFFIXES)}"
            )
        paths += found
    more = f" and {len(drawn) - 3} more" if len(drawn) > 3 else ""
    left = f"{', '.join(drawn[:3])}{more}: pictures of maps are left out" if drawn else ""
    return list(dict.fromkeys(paths)), left


def _maps_in_store(folder: str) -> list[str]:
    import obstore

    bucket, key = s3_parts(folder)
    store = open_store(f"s3://{bucket}")
    with store_errors(folder, SourceError):
        found = ask(folder, lambda: obstore.list_with_delimiter(store, key or None))
    keys = sorted([*(one["path"] for one in found["objects"]), *found["common_prefixes"]])
    files = [f"s3://{bucket}/{one}" for one in keys if one.lower().endswith(STORED)]
    maps = [file for file in files if read_map_facts(file).layer == "classes"]
    if not maps:
        raise InputError(
            f"{folder}/ holds no class maps; expected objects that end in {', '.join(STORED)}"
        )
    return maps


def check_csv(output: Path | str, read: Iterable[str]) -> None:
    """Refuse a table that cannot be written, or would replace what is not ours or is read.

    Args:
        output: its path, or its address in a store.
        read: what is read, by path or address.

    Raises:
        SettingsError: it is not called ``.csv``.
        OutputError: with what is wrong and how to mend it.
    """
    if not str(output).lower().endswith(".csv"):
        raise SettingsError(f"output {output} is a table; expected a name that ends in .csv")
    inputs = [("read", name) for name in read]
    if isinstance(output, Path):
        check_target(output, inputs)
        check_place(output, _MARK)
    else:
        check_unread_objects([output], inputs)
        _stored(output)
        StoredFile(output).check_taken()


def write_csv(output: Path | str, maps: Sequence[ClassAreas]) -> None:
    """Write the areas of maps, a row each.

    Args:
        output: path of the table, or its address in a store.
        maps: what was measured.

    Raises:
        OutputError: it cannot be written, or somebody else's file stands there by now.
    """
    table = areas_csv(maps)
    if isinstance(output, Path):
        write_file(output, table, _MARK)
    elif not _stored(output).replace(table.encode()):
        raise OutputError(
            f"{output} changed while it was written, and stays as it is: run the same command again"
        )


def _stored(uri: str) -> StoredText:
    """Return the place of a table in a store.

    Raises:
        OutputError: something else is there, or the store cannot be reached.
    """
    place = StoredText(uri)
    if not (place.read() or _MARK).startswith(_MARK):
        raise OutputError(
            f"output {uri} exists and is not of tilesegm, which replaces its own objects only; "
            "move it away or give another name"
        )
    return place
