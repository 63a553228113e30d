"""Verifies finished results: is every byte as it was written, and does the network agree?"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tilesegm.counted import counted
from tilesegm.errors import InputError, ModelError, TilesegmError
from tilesegm.events import OnEvent, StageStarted, ignore
from tilesegm.model.bundle import is_bundle, read_bundle
from tilesegm.segmentation.outputs import output_paths
from tilesegm.segmentation.recipe import Recipe
from tilesegm.segmentation.recompute import Recomputed, Sampling, recompute
from tilesegm.sink.check import SUFFIXES
from tilesegm.sink.fetched import fetched
from tilesegm.sink.findings import Findings
from tilesegm.sink.provenance import read_map_facts
from tilesegm.sink.result_check import check_result
from tilesegm.sink.staging import has_unfinished
from tilesegm.source.object_store import is_s3

__all__ = ["Verification", "verify"]

_ODDS = (1, 10, 100)
"""Numbers of altered tiles whose odds of being found are told."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was verified, and what is wrong."""

    files: tuple[Path | str, ...]
    """Files and folders that were checked; addresses of those in a store."""
    bytes: int
    """Their size."""
    damage: tuple[str, ...]
    """What is damaged or missing, and where; a line each."""
    notes: tuple[str, ...]
    """What could not be checked, and what is odd and no damage."""
    recomputed: Recomputed | None
    """Tiles that were computed again, if that was asked for."""
    seconds: float

    def moved(self, folder: Path, place: str) -> Verification:
        """Say of copies in a folder what they are of: results at a place in a store."""

        def said(lines: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(line.replace(str(folder), place) for line in lines)

        files = tuple(f"{place}/{Path(file).relative_to(folder).as_posix()}" for file in self.files)
        return replace(self, files=files, damage=said(self.damage), notes=said(self.notes))

    @property
    def names(self) -> str:
        """Names of the files, and addresses of those in a store."""
        return ", ".join(file if isinstance(file, str) else file.name for file in self.files)

    @property
    def whole(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.damage

    def __repr__(self) -> str:
        found = counted(len(self.damage), "finding") if self.damage else "whole"
        return f"Verification({self.names}: {found})"

    def summary(self) -> dict[str, Any]:
        """Plain values for a table or JSON."""
        again = self.recomputed
        return {
            "files": [str(path) for path in self.files],
            "bytes": self.bytes,
            "whole": self.whole,
            "damage": list(self.damage),
            "notes": list(self.notes),
            "recomputed": again
            and {
                "tiles": again.tiles,
                "sampled": again.sampled,
                "altered": len(again.altered),
                "rounded": again.rounded,
                "found_if_altered": {
                    str(number): again.odds(number) for number in _ODDS if number <= again.tiles
                },
            },
            "seconds": self.seconds,
        }


def verify(
    result: str | Path,
    *,
    recompute: float = 0.0,
    image: Any = None,
    model: Any = None,
    rounding: float = 0.0,
    seed: int = 0,
    on_event: OnEvent = ignore,
) -> Verification:
    """Find out whether a finished result is complete and as it was written, to the last byte.

    Beside a class map its confidence map and its scores are verified, where the run wrote them.
    Also bundles are, and folders of training runs with one.

    Args:
        result: class map, confidence map or scores (``.tif``), ``.zarr``, or bundle; of an address
            in a store (``s3://``) a copy in the temporary folder is verified.
        recompute: fraction of tiles, from 0 to 1, that are computed again from the image and
            compared pixel by pixel.
        image: image of the run, if it is no longer where the result says.
        model: network of the run, likewise.
        rounding: probability by which recomputed results may differ, as on another machine.
        seed: draws the tiles.
        on_event: called with progress.

    Raises:
        InputError: there is no such result, or it cannot be computed again.
        OutputError: it cannot be read.

    Example:
        >>> import numpy as np
        >>> import tilesegm as ts
        >>> image = np.random.default_rng(0).random((300, 400, 3), np.float32)
        >>> network = lambda pixels: pixels
        >>> tiling = ts.Tiling(tile=128, overlap=32)
        >>> _ = ts.segment(image, network, "classes.tif", tiling=tiling)
        >>> ts.verify("classes.tif")
        Verification(classes.tif: whole)
        >>> data = bytearray(open("classes.tif", "rb").read())
        >>> data[-1] ^= 1
        >>> open("classes.tif", "wb").write(data) > 0
        True
        >>> ts.verify("classes.tif")
        Verification(classes.tif: 1 finding)
    """
    sampling = Sampling(fraction=recompute, image=image, model=model, rounding=rounding, seed=seed)
    if not is_s3(str(result)):
        return _verify(Path(result), sampling, on_event)
    on_event(StageStarted(f"fetching {result}"))
    place = str(result).rstrip("/").rpartition("/")[0]
    with fetched(str(result)) as copy:
        try:
            return _verify(copy, sampling, on_event).moved(copy.parent, place)
        except TilesegmError as error:
            raise type(error)(str(error).replace(str(copy.parent), place)) from None


def _verify(path: Path, sampling: Sampling, on_event: OnEvent) -> Verification:
    began = time.monotonic()
    on_event(StageStarted(f"verifying {path.name}"))
    found = _check(path)
    again = None
    damage = [line for one in found.values() for line in one.damage]
    notes = [line for one in found.values() for line in one.notes]
    if sampling.fraction and not damage:
        again = _recompute(path, sampling, on_event)
        damage += again.altered
    elif sampling.fraction:
        notes.append("nothing was computed again: the result is damaged")
    return Verification(
        files=tuple(found),
        bytes=sum(one.bytes for one in found.values()),
        damage=tuple(damage),
        notes=tuple(notes),
        recomputed=again,
        seconds=time.monotonic() - began,
    )


def _check(path: Path) -> dict[Path, Findings]:
    """Check a result and those that belong to it."""
    bundle = next((at for at in (path, path / "model") if is_bundle(at)), None)
    if bundle is not None:
        return {bundle: _check_bundle(bundle)}
    if not path.exists():
        hint = ": its run is unfinished; the command that made it goes on" * has_unfinished(path)
        raise InputError(f"{path}: no such result{hint or '; check the path'}")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path} is no result of tilesegm; give a {', '.join(SUFFIXES)} that predict wrote, or "
            "a bundle"
        )
    found = {path: check_result(path)}
    if found[path].damage:
        return found  # what it says of others may be wrong
    facts = read_map_facts(path)
    if facts.cleaned is not None and not found[path].sealed:
        raise InputError(
            f"{path} was cleaned by an earlier version, whose cleaned maps hold no digests; verify "
            "the map that `tilesegm clean` was given, and clean it again"
        )
    if facts.cleaned is not None:
        return found
    if facts.fingerprint is None:
        raise InputError(f"{path} was not written by tilesegm, so nothing tells what it should be")
    if facts.run is None or path.is_dir() or facts.layer != "classes":
        return found
    for name, other in output_paths(path, Recipe.parse(facts.run).options).items():
        if other in found:
            continue
        if not other.exists():
            found[other] = Findings(damage=(f"{other} is gone: the run wrote its {name} there",))
            continue
        found[other] = check_result(other)
        if not found[other].damage and read_map_facts(other).fingerprint != facts.fingerprint:
            found[other] = Findings(damage=(f"{other} is of another run than {path}",))
    return found


def _check_bundle(path: Path) -> Findings:
    try:
        bundle = read_bundle(path)
        bundle.verify()
    except ModelError as error:
        return Findings(damage=(str(error),))
    note = f"{path / 'bundle.json'} was read and understood; no digest tells whether it changed"
    return Findings(notes=(note,), bytes=bundle.weights.stat().st_size)


def _recompute(path: Path, sampling: Sampling, on_event: OnEvent) -> Recomputed:
    facts = None if is_bundle(path) else read_map_facts(path)
    if facts is None or facts.run is None or facts.layer != "classes":
        raise InputError(
            f"{path} does not tell how it was made, as bundles, extra outputs, cleaned maps and "
            "results of earlier versions: give a class map, or leave --recompute out"
        )
    return recompute(path, Recipe.parse(facts.run), sampling, on_event)
