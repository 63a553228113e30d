"""Lines of a batch's manifest: what is kept of an image, and what changed since."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tilesegm.batch.entry import Entry
from tilesegm.segmentation.result import Segmentation
from tilesegm.sink.provenance import digest, read_map_facts

__all__ = [
    *("DONE", "FAILED", "RUNNING"),
    *("changes_of", "done", "failed", "may_replace", "read_run", "running"),
]

RUNNING, DONE, FAILED = "running", "done", "failed"

_REASONS = {FAILED: "failed before", RUNNING: "interrupted before", DONE: "done before"}
"""What an image was that has failed now, by its line in the manifest."""
_FIGURES = (
    *("height", "width", "classes", "tiles", "skipped", "infinite_pixels", "empty_pixels"),
    *("redundancy", "read_amplification", "decision", "exact", "seconds"),
)
_INPUTS = {"image": "input", "content": "input", "model": "model"}
"""What the parts of a fingerprint are; the others follow from options."""
_CHOSEN = re.compile(r"(?:\d+\.)*(?:bands|level|nodata|scaling|resampled|at .+)")
"""What options choose of an image, in the part of the image."""


def running(entry: Entry, output: Path | str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Say that an image is being computed."""
    return _record(entry, output, RUNNING, before)


def failed(
    entry: Entry, output: Path | str, error: BaseException, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Say why an image has no result; fields that results have are empty.

    Args:
        entry: the image.
        output: where its map would be.
        error: why it is not.
        before: what the manifest said when the image was looked at.
    """
    kind = (
        type(error.__cause__ or error) if type(error).__name__ == "TilesegmError" else type(error)
    )
    status = before.get("status", "") if before else ""
    empty: dict[str, Any] = {"digests": {}, "figures": {}, "extras": {}, "notes": []}
    told = {"error": {"type": kind.__name__, "message": str(error)}}
    record = _record(entry, output, FAILED, before)
    reason = _REASONS.get(status, "new")
    return record | {"reason": reason, "fingerprint": record.get("fingerprint")} | empty | told


def done(entry: Entry, result: Segmentation, reason: str) -> dict[str, Any]:
    """Say what a result is: its fingerprint with the parts of that, figures and notes."""
    facts = read_map_facts(result.output)
    summary = result.summary()
    parts = {name: digest(part)[:16] for name, part in _by_kind(_fingerprint(facts.run)).items()}
    return _record(entry, result.output, DONE, None) | {
        "reason": reason,
        "fingerprint": facts.fingerprint,
        "digests": parts,
        "figures": {name: summary[name] for name in _FIGURES},
        "extras": {name: Path(path).name for name, path in summary["extras"].items()},
        "notes": summary["notes"],
    }


def may_replace(entry: Entry, output: Path | str, image: object) -> bool:
    """Tell whether an image may take an output that the manifest knows to be of ``image``.

    What is not to be seen here may lie on another machine where the output is in a store.
    """
    same = entry.identity == image if isinstance(output, str) else entry.may_follow(image)
    return entry.is_file and same


def read_run(output: Path | str) -> tuple[str | None, dict[str, Any]]:
    """Return the digest of a result's fingerprint, and the fingerprint as far as it is told."""
    facts = read_map_facts(output)
    return facts.fingerprint, _fingerprint(facts.run)


def changes_of(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say what of input, model and options differs between two fingerprints."""
    old, new = _by_kind(before), _by_kind(now)
    changed = [kind for kind in ("input", "model", "options") if old.get(kind) != new.get(kind)]
    return f"{' and '.join(changed)} changed" if before and changed else "changed"


def _by_kind(fingerprint: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Sort the parts of a fingerprint by what they follow from: input, model or options."""
    parts: dict[str, dict[str, Any]] = {}
    for name, part in fingerprint.items():
        for key, value in part.items() if isinstance(part, dict) else [("", part)]:
            chosen = name == "image" and _CHOSEN.fullmatch(key)
            kind = "options" if chosen else _INPUTS.get(name, "options")
            parts.setdefault(kind, {})[f"{name} {key}"] = value
    return parts


def _fingerprint(run: str | None) -> dict[str, Any]:
    try:
        found = json.loads(run or "{}")["fingerprint"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _record(
    entry: Entry, output: Path | str, status: str, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    record = {
        "image": entry.identity,
        "output": os.path.basename(output),
        "status": status,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # Of the output that an earlier run has left: it may be replaced by what is computed now.
    mine = before is not None and may_replace(entry, output, before.get("image"))
    kept = before.get("fingerprint") if before and mine else None
    return record | ({"fingerprint": kept} if kept else {})
