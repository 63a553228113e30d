"""One image of a batch with a manifest: computed only if that is missing, failed, or changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tilesegm.batch.entry import Entry
from tilesegm.batch.manifest import Manifest
from tilesegm.events import Event, Noted, OnEvent, RunStarted
from tilesegm.model.base import Predictor
from tilesegm.segmentation.batch_item import FINISHED, BatchItem
from tilesegm.segmentation.batch_record import (
    DONE,
    FAILED,
    RUNNING,
    changes_of,
    done,
    may_replace,
    read_run,
    running,
)
from tilesegm.segmentation.image_run import run_request
from tilesegm.segmentation.result import Segmentation
from tilesegm.segmentation.work import Request
from tilesegm.sink.provenance import OtherResultError
from tilesegm.sink.run_file import OtherWorkError
from tilesegm.source.base import ImageInfo

__all__ = ["segment_recorded"]

_REASONS = {FAILED: "failed before", RUNNING: "interrupted before", DONE: "output missing"}
"""Why an image is computed that has no output, by its line in the manifest."""


def segment_recorded(
    entry: Entry,
    opener: Callable[[ImageInfo], Predictor],
    output: Path | str,
    request: Request,
    manifest: Manifest,
    on_event: OnEvent,
) -> BatchItem:
    """Segment an image unless its output is there and is of the same work; see `run_request`.

    What the manifest says to be a result of this image is replaced where image, model or options
    changed. Everything else that stands in the place of the output is refused as `segment` does.
    """
    before = manifest.records.get(os.path.basename(output))
    began = False

    def listen(event: Event) -> None:
        nonlocal began
        if isinstance(event, RunStarted) and not began:
            began = True
            manifest.add(running(entry, output, before))
        on_event(event)

    def run(asked: Request) -> Segmentation:
        return run_request(entry.image, opener, output, asked, listen)

    known = before is not None and may_replace(entry, output, before.get("image"))
    changed = ""
    updated = read_run(output)[1] if request.options.update and os.path.exists(output) else {}
    try:
        result = run(request)
        if updated and began:
            changed = changes_of(updated, read_run(output)[1])
    except OtherResultError:
        digest, old = read_run(output)
        told = before or {}
        # A cleaned map tells no fingerprint, nor does the line of an image that failed.
        ours = digest is not None and told.get("fingerprint") == digest
        if not known or not (ours or told.get("status") == RUNNING):
            raise
        result = run(replace(request, overwrite=True))
        changed = changes_of(old, read_run(output)[1])
    except OtherWorkError as error:
        if not known:
            raise
        on_event(Noted(f"{error}: it is of an earlier run of this batch, and computed again"))
        result = run(replace(request, overwrite=True))
        changed = "changed"
    if not began:
        reason = FINISHED
    elif changed or request.overwrite:
        reason = changed or "by --overwrite"
    else:
        reason = _REASONS.get(before.get("status", ""), "new") if before else "new"
    if began or before is None or before.get("status") != DONE:
        manifest.add(done(entry, result, reason))
    return BatchItem(image=entry.name, result=result, reason=reason)
