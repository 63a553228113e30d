"""Finished GeoTIFF files, laid out as Cloud Optimized GeoTIFF by GDAL's own driver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import rasterio
import rasterio.shutil

from tilesegm.files import draft_of, flush, output_errors, remove, replace
from tilesegm.shown import line_of
from tilesegm.sink.layer import Layer
from tilesegm.sink.provenance import MapFacts
from tilesegm.sink.staging import Staging
from tilesegm.sink.tiff_check import check_whole, file_beside
from tilesegm.sink.tiff_seal import seal_tiff
from tilesegm.sink.vrt import layer_vrt

__all__ = ["BLOCK", "TiffOptions", "finish_geotiff"]

BLOCK = 512
"""Side of a block of a finished GeoTIFF."""

_POLL = 0.2  # seconds between two reports of progress


@dataclass(frozen=True)
class TiffOptions:
    """How a GeoTIFF is compressed."""

    compress: Literal["deflate", "zstd", "lzw"] = "deflate"
    """Every reader knows deflate and lzw; zstd is smaller and faster where it is known."""
    level: int = 3
    """Effort of deflate (1 to 12) or zstd (1 to 22). On class maps deflate at 3 takes a fourth of
    the time of its usual 6 for files a tenth larger; see ``docs/outputs.md``."""
    cache: int = 64 << 20
    """Bytes of GDAL's block cache while the file is made."""


def finish_geotiff(
    staging: Staging,
    outputs: Mapping[str, Path],
    facts: MapFacts,
    options: TiffOptions | None = None,
    progress: Callable[[float], None] | None = None,
    before_placing: Callable[[], None] | None = None,
) -> None:
    """Make one file for each layer, and put them in place when all are complete.

    The first output is put in place last: where it is, the others are too. Class names of a
    class map go into the file's tags, and into the ``.aux.xml`` beside it where GDAL programs
    look for them. The staging folder is left alone.

    Args:
        staging: Complete results.
        outputs: Path of the file for each layer's name.
        facts: what the files say about their pixels.
        options: How to compress.
        progress: Called with the fraction done, an estimate, from 0 to 1.
        before_placing: Called when all files are made, before the first is put in place; what it
            raises leaves all of them out.

    Raises:
        OutputError: a file cannot be written; nothing of it is under its final name.
        StagedDamageError: staged results are not as they were written; no file was made of them.
    """
    options = options or TiffOptions()
    report = progress or (lambda fraction: None)
    layers = {layer.name: layer for layer in staging.layers}
    # In the folder that is ours alone, so that no link can wait under their names.
    drafts = {name: staging.folder / f"{name}.draft.tif" for name in outputs}
    try:
        for left in (*drafts.values(), *(draft_of(Path(path)) for path in outputs.values())):
            remove(left)
            remove(file_beside(left))
        staging.check()
        staging.complete_overviews()
        sizes = {name: _stored_bytes(staging, layers[name]) for name in outputs}
        total, before = sum(sizes.values()), 0
        for name, draft in drafts.items():
            source = staging.folder / f"{name}.vrt"
            with output_errors(Path(outputs[name])):
                remove(source)
                source.write_text(layer_vrt(staging, layers[name], facts), encoding="utf-8")
                creation = _creation(layers[name], options)
                show = _growth(report, before, sizes[name], total)
                try:
                    _copy(source, draft, creation, options.cache, show)
                    check_whole(draft)
                    seal_tiff(draft, file_beside(draft))
                except OSError:
                    staging.check()  # what GDAL could not read is no full disk
                    raise
                flush(draft)
            before += sizes[name]
        staging.check()  # what changed while it was copied
        if before_placing is not None:
            before_placing()
        for name in reversed(list(outputs)):
            with output_errors(Path(outputs[name])):
                _place(drafts[name], Path(outputs[name]))
        report(1.0)
    finally:
        for draft in drafts.values():
            remove(draft)
            remove(file_beside(draft))


def _growth(
    report: Callable[[float], None], before: int, expected: int, total: int
) -> Callable[[int], None]:
    # A compressed file grows to about the bytes that were staged, give or take a third.
    return lambda size: report((before + min(size, expected)) / (total + 1))


def _stored_bytes(staging: Staging, layer: Layer) -> int:
    return sum(
        array.stored_bytes()
        for plane in range(layer.planes)
        for array in staging.levels(layer.name, plane)
    )


def _creation(layer: Layer, options: TiffOptions) -> dict[str, Any]:
    creation: dict[str, Any] = {
        "COMPRESS": options.compress.upper(),
        # Differences of neighbours compress measurements, and spoil the runs of equal ids.
        "PREDICTOR": "NO" if layer.overview == "mode" else "YES",
        "BLOCKSIZE": BLOCK,
        "BIGTIFF": "IF_SAFER",
        "NUM_THREADS": "ALL_CPUS",
        "OVERVIEWS": "AUTO",
    }
    if options.compress != "lzw":
        creation["LEVEL"] = options.level
    if layer.dtype.itemsize == 2 and layer.dtype.kind == "f":
        creation["NBITS"] = 16
    return creation


def _copy(
    source: Path,
    draft: Path,
    creation: Mapping[str, Any],
    cache: int,
    report: Callable[[int], None],
) -> None:
    """Copy ``source`` to a COG on a thread of its own, and report how large the file is by now."""
    failures: list[Exception] = []

    def work() -> None:
        try:
            with rasterio.Env(GDAL_CACHEMAX=cache):
                rasterio.shutil.copy(str(source), str(draft), driver="COG", **creation)
        except Exception as error:
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(_POLL)
            report(draft.stat().st_size if draft.exists() else 0)
    finally:
        worker.join()  # GDAL cannot be stopped half-way; its file must not appear after us
    for error in failures:
        raise OSError(
            f"GDAL could not complete the file, as on a full disk ({line_of(error)})"
        ) from error


def _place(draft: Path, final: Path) -> None:
    # Names first: readers that find the raster find them too.
    if file_beside(draft).exists():
        flush(file_beside(draft))
        replace(file_beside(draft), file_beside(final))
    else:
        file_beside(final).unlink(missing_ok=True)
    replace(draft, final)
