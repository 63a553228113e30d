"""Segments many images with one network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tilesegm.batch.entry import Entry
from tilesegm.batch.find import find_entries
from tilesegm.batch.manifest import Manifest
from tilesegm.batch.names import OutputNames
from tilesegm.batch.stopping import stops_all
from tilesegm.errors import BudgetError, ModelError, OutputError, SettingsError, TilesegmError
from tilesegm.events import OnEvent, ignore
from tilesegm.files import flush
from tilesegm.grid.tiling import Tiling
from tilesegm.model.base import Predictor
from tilesegm.ownership import check_apart
from tilesegm.segmentation.batch_item import BatchItem
from tilesegm.segmentation.batch_record import failed
from tilesegm.segmentation.in_memory import check_without_output, segment_in_memory
from tilesegm.segmentation.options import Options
from tilesegm.segmentation.outputs import check_inputs, output_paths, reads_of
from tilesegm.segmentation.recorded import segment_recorded
from tilesegm.segmentation.setup import open_predictor
from tilesegm.segmentation.work import Request
from tilesegm.shown import line_of
from tilesegm.source.base import ImageInfo

__all__ = ["Batch", "BatchItem", "segment_many"]

_PATH = (str, Path)


def segment_many(
    images: Iterable[Any] | Mapping[str, Any],
    model: Any,
    folder: str | Path | None = None,
    *,
    tiling: Tiling | None = None,
    options: Options | None = None,
    overwrite: bool = False,
    assets: Sequence[str] = (),
    on_event: OnEvent = ignore,
) -> list[BatchItem]:
    """Segment many images into a folder or arrays; the model is opened once.

    An image that fails is reported and does not stop the others. The same call again computes what
    is missing, failed, or changed since: images, model or options. ``manifest.jsonl`` in the folder
    has a line of JSON for each image.

    Args:
        images: paths, URLs or arrays, as in `segment`, where a folder stands for all images in
            it, a pattern such as ``scenes/**`` for those that fit, a ``.txt`` for the paths in its
            lines, a ``.csv`` for the images of its rows with their options, and a STAC item or
            collection of items for their assets; or a mapping of names to images. Arrays without a
            name are called ``image_0``, ``image_1`` and so on, by their place.
        model: a model as in `segment`.
        folder: folder that gets ``NAME_classes.tif`` for each image, or a name such as
            ``maps/{name}.zarr``; created when absent. None for arrays, which all stay in memory;
            an image that no longer fits is an error of its item.
        tiling: size, overlap and blending of tiles.
        options: everything else, the same for all images but for what a table says.
        overwrite: compute all images again and replace finished outputs.
        assets: names of the assets of STAC items that are the image; several are its bands.
        on_event: called with the events of each image.

    Raises:
        SettingsError: an image is given twice, images are one array, or a folder, list, table or
            STAC file gives no image.
        OutputError: the folder cannot be made, or the disk is full.
        ModelError: the model's file cannot be opened.
        BudgetError: the machine is out of memory.

    Example:
        >>> import numpy as np
        >>> import tilesegm as ts
        >>> ts.segment(np.zeros((60, 80, 3), np.uint8), lambda pixels: pixels, "image.tif")
        Segmentation(image.tif, 60 x 80 px, 3 classes, 1 tiles, ... MP/s)
        >>> def two_classes(pixels):
        ...     return np.concatenate([pixels, 1 - pixels], axis=-1)
        >>> ts.segment_many(["image.tif", "absent.tif"], two_classes, "maps")
        [BatchItem(image.tif -> image_classes.tif), BatchItem(absent.tif: SourceError: ...)]
    """
    single = hasattr(images, "__array__") and getattr(images, "ndim", 0) < 4
    if single or isinstance(images, str | os.PathLike):
        raise SettingsError(
            "segment_many takes several images; pass a list such as [image], or call segment"
        )
    entries = find_entries(images, on_event, assets)
    request = Request.of(model, tiling, options, overwrite)
    return list(Batch.of(entries, model, folder, request).run(on_event))


@dataclass(frozen=True)
class Batch:
    """Images with the network, settings and outputs of each; see `segment_many`."""

    entries: Sequence[Entry]
    model: Any
    request: Request
    """Settings of all images."""
    requests: Sequence[Request]
    """Those of each."""
    outputs: Sequence[Path | None]
    manifest: Manifest | None

    @classmethod
    def of(
        cls, entries: Sequence[Entry], model: Any, folder: str | Path | None, request: Request
    ) -> Batch:
        """Name the outputs, and make their folder once nothing is against them.

        Raises:
            SettingsError: two images share an output, or options of one are out of range.
            OutputError: an output is read, or the folder cannot be made.
        """
        requests = [_request(entry, request) for entry in entries]
        if folder is None:
            check_without_output(request)
            return cls(entries, model, request, requests, [None] * len(entries), None)
        names = OutputNames.of(folder)
        manifest = Manifest(names.folder)
        outputs = names.name(entries, manifest.images)
        written = [
            (entry.name, path)
            for entry, output, one in zip(entries, outputs, requests, strict=True)
            for path in dict.fromkeys(output_paths(output, one.options).values())
        ]
        _check_once(entries, outputs)
        check_apart(written)
        areas = dict.fromkeys(one.options.area for one in requests)
        reads = reads_of([entry.image for entry in entries], model, request.options)
        reads += [("the area of interest", area) for area in areas]
        check_inputs([path for _, path in written], reads)
        _make_folder(names.folder)
        return cls(entries, model, request, requests, outputs, manifest)

    @property
    def place(self) -> Path | None:
        """Where the manifest lies."""
        return self.manifest.path if self.manifest else None

    def run(self, on_event: OnEvent) -> Iterator[BatchItem]:
        """Segment the images that are not finished, and return what became of each, in order.

        Raises:
            ModelError: the model's file cannot be opened.
            OutputError: the disk is full, or the manifest cannot be written.
            BudgetError: the machine is out of memory.
        """
        opened: list[Predictor] = []

        def opener(info: ImageInfo) -> Predictor:
            if not opened:
                opened.append(open_predictor(self.model, info, self.request.options))
            return opened[0]

        for number, entry in enumerate(self.entries):
            try:
                item = self._segment(number, opener, on_event)
            except Exception as error:
                if isinstance(error, ModelError) and not opened and isinstance(self.model, _PATH):
                    raise  # a file that is no model suits no other image either
                own = _own(error, entry)
                stops = stops_all(error, self.place.parent if self.place else None)
                self._note_failure(number, own, stops)
                if stops:
                    raise _stopped(own, number, len(self.entries)) from error
                item = BatchItem(image=entry.name, error=own)
            yield item
        if self.manifest is not None:
            self.manifest.tidy()

    def _segment(
        self, number: int, opener: Callable[[ImageInfo], Predictor], on_event: OnEvent
    ) -> BatchItem:
        entry, output, request = self.entries[number], self.outputs[number], self.requests[number]
        if entry.error is not None:
            raise entry.error
        if output is None or self.manifest is None:
            result = segment_in_memory(entry.image, opener, request, on_event)
            return BatchItem(image=entry.name, result=result)
        return segment_recorded(entry, opener, output, request, self.manifest, on_event)

    def _note_failure(self, number: int, error: TilesegmError, stops: bool) -> None:
        """Write a failure into the manifest, if that can be written."""
        output = self.outputs[number]
        if self.manifest is None or output is None:
            return
        before = self.manifest.records.get(output.name)
        try:
            self.manifest.add(failed(self.entries[number], output, error, before))
        except OutputError:
            if not stops:
                raise


def _request(entry: Entry, request: Request) -> Request:
    """Return the settings of one image.

    Raises:
        SettingsError: those that a table gives are out of range.
    """
    if not entry.changes:
        return request
    try:
        return replace(request, options=replace(request.options, **entry.changes))
    except SettingsError as error:
        raise SettingsError(f"{entry.origin}: {error}") from error


def _check_once(entries: Sequence[Entry], outputs: Sequence[Path]) -> None:
    """Refuse an image that is given twice, with one output.

    Raises:
        SettingsError: there is one.
    """
    seen = set()
    for entry, output in zip(entries, outputs, strict=True):
        if (entry.identity, output) in seen:
            raise SettingsError(
                f"{entry.name} is given twice: the two would both be written to {output}; give it "
                "once, or in a table (.csv) with an output for each"
            )
        seen.add((entry.identity, output))


def _own(error: Exception, entry: Entry) -> TilesegmError:
    """Return an error as one of ours; those of libraries may be of any kind."""
    if isinstance(error, TilesegmError):
        return error
    own = TilesegmError(f"{entry.name} failed ({type(error).__name__}: {line_of(error)})")
    own.__cause__ = error
    return own


def _stopped(error: TilesegmError, number: int, total: int) -> TilesegmError:
    """Return what ends a batch."""
    kind = OutputError if isinstance(error.__cause__ or error, OSError) else BudgetError
    return kind(
        f"{error}; the batch stops at image {number + 1} of {total}, since this is of the machine "
        "and would meet the others too: mend it, and the same command goes on"
    )


def _make_folder(folder: Path) -> None:
    try:
        if not folder.is_dir():
            folder.mkdir()
            flush(folder.parent)  # or finished maps could go with their folder
    except OSError as error:
        raise OutputError(f"folder {folder} cannot be made: {error.strerror}") from error
