"""What is in an HDF5 file, walked without following links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["is_outside", "walk"]


def walk(root: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, link and object of all members of an open file; no object behind soft links."""
    import h5py

    waiting, seen = [root], set()
    while waiting:
        group = waiting.pop()
        if group.id in seen:  # hard links may lead back
            continue
        seen.add(group.id)
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
                yield name, link, None
                continue
            item = group[name]
            yield name, link, item
            if isinstance(item, h5py.Group):
                waiting.append(item)


def is_outside(link: Any, item: Any) -> bool:
    """Tell whether a member lies in another file."""
    import h5py

    if isinstance(item, h5py.Dataset):
        return bool(item.external or item.is_virtual)
    return isinstance(link, h5py.ExternalLink)
