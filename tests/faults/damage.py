"""Staged files that are damaged while no run is at work, and what the next run makes of them."""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.tally import Tally
from tests.faults.tiny_run import Outcome, TinyRun

__all__ = ["CHUNK_FAULTS", "chunks", "flips", "forgeries", "journals", "line", "run_files"]

Files = dict[str, bytes]


def flips(base: Path, count: int, seed: int = 0) -> Tally:
    """Flip single bits anywhere in the staged files of a run with two regions done, or all."""
    run, tally, rng = (
        TinyRun(base),
        Tally("one bit of a staged file is flipped"),
        random.Random(seed),
    )
    expected = run.expected()
    states = [run.interrupted(2), run.interrupted()]
    for number in range(count):
        files = dict(states[number % 2])
        names = sorted(name for name, data in files.items() if data)
        # Half of the flips are in small files, which would be hit by few of them otherwise.
        small = [name for name in names if "/" not in name.partition(".partial/")[2]]
        chosen = small if number % 4 < 2 else names
        name = rng.choices(chosen, [len(files[name]) for name in chosen])[0]
        at, bit = rng.randrange(len(files[name])), rng.randrange(8)
        data = bytearray(files[name])
        data[at] ^= 1 << bit
        files[name] = bytes(data)
        _try(run, files, expected, tally, f"bit {bit} of byte {at} of {name}")
    return tally


CHUNK_FAULTS: dict[str, Callable[[TinyRun, str, str], None]] = {
    "missing": lambda run, one, two: (run.folder / one).unlink(),
    "empty": lambda run, one, two: _write(run, one, b""),
    "cut": lambda run, one, two: _write(run, one, _read(run, one)[:-9]),
    "longer": lambda run, one, two: _write(run, one, _read(run, one) + b"\0"),
    "zeros": lambda run, one, two: _write(run, one, bytes(len(_read(run, one)))),
    "another's": lambda run, one, two: _write(run, one, _read(run, two)),
    "swapped": lambda run, one, two: _swap(run, one, two),
    "a folder": lambda run, one, two: _replace_by_folder(run.folder / one),
    "a link": lambda run, one, two: _replace_by_link(run.folder / one),
}
"""What happens to a chunk; the second name is that of another chunk."""


def chunks(base: Path, every: int = 1) -> Tally:
    """Damage chunks as wholes: every n-th of all, in every way."""
    run, tally = TinyRun(base), Tally("a chunk is missing, cut, swapped or replaced")
    expected, files = run.expected(), run.interrupted()
    # Overviews deeper than level 2 are made again by every run.
    names = [name for name in files if re.search(r"/[012]/\d+\.\d+$", name)]
    for number, one in enumerate(names):
        two = next(name for name in names[::-1] if files[name] != files[one])
        for fault, damage in CHUNK_FAULTS.items():
            if (number + len(fault)) % every:
                continue
            run.restore(files)
            damage(run, one, two)
            _judge(run, expected, tally, f"{one} {fault}")
    return tally


def line(entry: Any) -> bytes:
    """Return a line of a journal with a checksum that is right."""
    text = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def forgeries() -> Iterator[tuple[str, bytes]]:
    """Return lines that no run writes, each with its checksum."""
    facts = {"computed": 4, "skipped": 0}
    window = {"window": [0, 0, 64, 150], "digest": "0" * 64}
    for value in (10**9, 0, -1, 2.5, "8", None, True, [4], 10**400):
        yield f"a batch of {str(value)[:12]}", line({"note": "batch", "value": value})
    for number in (0, 3, 4, 99, -1, 10**30, 1.0, "3", None, True, [3]):
        yield (
            f"region {str(number)[:12]} as of version 0.1",
            line({"region": number, "facts": facts}),
        )
        yield f"region {str(number)[:12]}", line({"region": number, "facts": facts, **window})
    for odd in (None, [], "x", {"computed": -1}, {"computed": "4"}, {"skipped": 1e99}, {}):
        yield f"facts {odd}", line({"region": 3, "facts": odd, **window})
        yield f"facts {odd} as of version 0.1", line({"region": 3, "facts": odd})
    for sides in (None, [], [0, 0, 64], [0, 0, -64, 150], [0, 0, 0, 0], [0] * 5, "x", [10**9] * 4):
        entry = {"region": 3, "facts": facts, "window": sides, "digest": "0" * 64}
        yield f"window {sides}", line(entry)
    for digest in (None, 7, "", "z" * 64):
        entry = {"region": 3, "facts": facts, "window": [192, 0, 8, 150], "digest": digest}
        yield f"digest {digest}", line(entry)
    yield "NaN", line(b'{"region": 3, "facts": {"computed": NaN, "skipped": Infinity}}')
    for text in (b"", b"null", b"[]", b'"x"', b"7", b"{}", b"{", b"\xff", b"[" * 100_000):
        yield f"{text[:8]!r}", line(text)
    yield "a note without a value", line({"note": "batch"})
    yield "a note of a list", line({"note": ["batch"], "value": 1})


def journals(base: Path, every: int = 1) -> Tally:
    """Damage the journal as a whole, and forge lines of it: every n-th way."""
    run, tally = TinyRun(base), Tally("the journal is damaged, or lines of it are forged")
    expected = run.expected()
    other = TinyRun(base, "other.tif").interrupted()["other.tif.partial/journal"]
    name = "out.tif.partial/journal"
    for regions in (2, 4):
        files = run.interrupted(regions)
        lines = files[name].splitlines(keepends=True)
        damaged: dict[str, bytes] = {
            "reversed": b"".join(reversed(lines)),
            "doubled": files[name] * 2,
            "of another run": other,
            "with lines of another run": other + files[name],
            "with windows line ends": files[name].replace(b"\n", b"\r\n"),
            "without its first line": b"".join(lines[1:]),
            "without line ends": files[name].replace(b"\n", b""),
            "zeros": bytes(len(files[name])),
            "garbage": random.Random(0).randbytes(1000),
            "of a megabyte in one line": b"x" * 2**20 + files[name],
            **{f"cut to {n} bytes": files[name][:n] for n in range(0, len(files[name]), 41)},
        }
        for what, forged in forgeries():
            damaged[f"begun by {what}"] = forged + files[name]
            damaged[f"ended by {what}"] = files[name] + forged
        for what, data in tuple(damaged.items())[regions % every :: every]:
            _try(run, files | {name: data}, expected, tally, f"journal {what}, {regions} done")
        _replace(run, files, expected, tally, name)
    return tally


def run_files(base: Path, every: int = 1) -> Tally:
    """Damage ``run.json``: every n-th way."""
    run, tally = TinyRun(base), Tally("run.json is damaged, or of other values and types")
    expected, name = run.expected(), "out.tif.partial/run.json"
    for regions in (2, 4):
        files = run.interrupted(regions)
        for what, data in tuple(_run_files(files[name]))[regions % every :: every]:
            _try(run, files | {name: data}, expected, tally, f"run.json {what}")
        _replace(run, files, expected, tally, name)
    return tally


def _run_files(text: bytes) -> Iterator[tuple[str, bytes]]:
    whole: dict[str, Any] = json.loads(text)
    odd = (None, True, 0, -1, 1.5, 10**400, "", "x", [], [[]], {}, {"": None}, float("nan"))
    for value in odd:
        yield f"is {str(value)[:9]!r}", json.dumps(value).encode()
        for key in whole:
            if (key, value) != ("digest", None):
                yield f"{key} is {str(value)[:9]!r}", json.dumps(whole | {key: value}).encode()
    for key in whole.keys() - {"digest"}:
        yield f"lacks {key}", json.dumps({k: v for k, v in whole.items() if k != key}).encode()
    yield "has more keys", json.dumps(whole | {"more": 1}).encode()
    for version in (0, 2, 99):
        yield f"of format {version}", json.dumps(whole | {"format": version}).encode()
    for part in range(0, len(text), max(len(text) // 25, 1)):
        yield f"cut to {part} bytes", text[:part]
    yield "nested", b"[" * 100_000
    yield "nested in the right way", b'{"format": 1, "x": ' + b"[" * 100_000
    yield "not text", b"\xff\xfe" + text
    yield "zeros", bytes(len(text))
    yield "large", b'{"format": 1, "fingerprint": "' + b"x" * 2**22 + b'"}'
    yield "doubled", text * 2


def _try(run: TinyRun, files: Files, expected: Files, tally: Tally, what: str) -> None:
    run.restore(files)
    _judge(run, expected, tally, what)


def _replace(run: TinyRun, files: Files, expected: Files, tally: Tally, name: str) -> None:
    """Take a file away, or let something else stand in its place."""
    for damage in (Path.unlink, _replace_by_folder, _replace_by_link):
        run.restore(files)
        damage(run.folder / name)
        _judge(run, expected, tally, f"{Path(name).name} {damage.__name__}")


def _judge(run: TinyRun, expected: Files, tally: Tally, what: str) -> None:
    journal = run.staging / "journal"
    unfinished = 10_800 if journal.is_file() and journal.read_bytes().count(b'"region"') == 2 else 0
    outcome = run.start()
    kind = outcome.against(expected)
    if kind == "clear error":
        kind = _follow_advice(run, outcome, expected)
    tally.count(what, kind, outcome, unfinished)


def _follow_advice(run: TinyRun, outcome: Outcome, expected: Files) -> str:
    if "--overwrite" not in str(outcome.error):
        return f"an error without advice: {outcome.error}"
    kind = run.start(overwrite=True).against(expected)
    return "clear error" if kind == "right" else f"advice that does not help: {kind}"


def _read(run: TinyRun, name: str) -> bytes:
    return (run.folder / name).read_bytes()


def _write(run: TinyRun, name: str, data: bytes) -> None:
    (run.folder / name).write_bytes(data)


def _swap(run: TinyRun, one: str, two: str) -> None:
    first, second = _read(run, one), _read(run, two)
    _write(run, one, second)
    _write(run, two, first)


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "within").write_bytes(b"x")


def _replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")
