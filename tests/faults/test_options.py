"""Strange values of every option of every command: an exit code and one line, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Said
from tests.commands import COMMANDS
from tests.images import GEO, blobs, write
from tests.prepared import settings_with

DIGITS = "9" * 400
STRANGE = (
    "", " ", "-1", "0", "1e999", "nan", "inf", "-inf", DIGITS, f"-{DIGITS}", f"0.{DIGITS}",
    "٣", "１２", "1_000", "0x10", "1e400", "../", "/", "a\nb", "\x1b[31mred", "[/x]", "[red]",
    "\\0",
    "x" * 5000, ",", ",,1", "1,1", "1,-1", f"1,{DIGITS}", ":", "0:0", "1:nan", f"0:{DIGITS}",
    "9" * 30 + "GB", "=", "a=", "=1", "a.b=c", "schedule.epochs=" + DIGITS, "schedule=[",
    "FOLDER", "ABSENT", "BINARY", "\udcff", "|", "a|crs=", "*",
    "{", "{name}", "${X}", "~",
)  # fmt: skip
"""Values; words in capitals stand for paths that the test makes."""

HOLD = {
    "info": ("IMAGE",),
    "plan": ("IMAGE", "-m", "BUNDLE", "--no-probe"),
    "evaluate": ("MAP", "TRUTH", "--classes", "4"),
    "predict": ("IMAGE", "-m", "BUNDLE", "-o", "OUT.tif"),
    "audit": ("IMAGE", "-m", "BUNDLE", "--samples", "1"),
    "train init": ("IMAGE", "--labels", "TRUTH", "-o", "OUT.yaml"),
    "train preview": ("SETTINGS", "-o", "OUT.png"),
    "train split": ("SETTINGS", "-o", "OUT.png"),
    "train run": ("SETTINGS", "--dry-run"),
    "train schema": (),
}
"""Words with which each command does what it can; the others take minutes or no words."""
QUICK = {"info": 3, "plan": 11}
"""Every so-manieth attempt is made in the quick part; of other commands every 47th."""


@pytest.fixture
def places(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Paths by the words that stand for them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "1")
    image = blobs(64, 64)
    write(tmp_path / "image.tif", image, **GEO)
    for name in ("map", "truth"):
        write(tmp_path / f"{name}.tif", image[..., 0] // 80, **GEO)
    write(tmp_path / "city.tif", image, **GEO)
    write(tmp_path / "city_truth.tif", image[..., 0] // 128, **GEO)
    (tmp_path / "city.yaml").write_text(settings_with({}))
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    return {
        "IMAGE": "image.tif",
        "MAP": "map.tif",
        "TRUTH": "truth.tif",
        "BUNDLE": str(models / "bundle"),
        "SETTINGS": "city.yaml",
        "FOLDER": "folder",
        "ABSENT": "no/such/file.tif",
        "BINARY": "binary",
    }


def attempts(command: str, step: int) -> Iterator[tuple[str, ...]]:
    """Words of a command with one strange value each, every ``step``-th of all there are."""
    held, first = HOLD[command], command.split()
    number = 0
    for param in COMMANDS[command].params:
        if getattr(param, "is_flag", False):
            continue
        option = next((word for word in param.opts if word.startswith("-")), "")
        place = {"truth": 1}.get(param.name, 0)
        for value in STRANGE:
            number += 1
            if number % step:
                continue
            if option:
                yield (*first, *_without(held, param.opts), option, value)
            else:
                yield (*first, *held[:place], value, *held[place + 1 :])


def _without(words: tuple[str, ...], opts: list[str]) -> tuple[str, ...]:
    for at, word in enumerate(words):
        if word in opts:
            return words[:at] + words[at + 2 :]
    return words


def problem(said: Said) -> str:
    """What is wrong with what a command said, if anything."""
    lines = [line for line in said.err.splitlines() if not line.startswith("note: ")]
    if said.code not in (0, 1, 2, 3, 4):
        return f"code {said.code}"
    if "Traceback" in said.err or "unexpected" in said.err:
        return said.err
    if said.code and len(lines) != 1:
        return f"{len(lines)} lines: {said.err[:300]!r}"
    raw = [c for c in said.err + said.out if not c.isprintable() and c != "\n"]
    return f"raw {raw[:3]}" if raw else ""


def try_all(cli: Cli, command: str, places: dict[str, str], step: int) -> None:
    wrong, tried = [], 0
    for words in attempts(command, step):
        said = cli(*(places.get(word, word) for word in words))
        tried += 1
        if found := problem(said):
            wrong.append((words[len(command.split()) :], found))
    print(f"{command}: {tried} tried, {len(wrong)} wrong")
    assert not wrong, "\n".join(f"{str(words)[:200]}: {found[:300]}" for words, found in wrong)


@pytest.mark.parametrize("command", HOLD)
def test_strange_values_give_one_line(cli: Cli, command: str, places: dict[str, str]) -> None:
    # A prime number of steps meets every value with some option.
    try_all(cli, command, places, QUICK.get(command, 47))


@pytest.mark.slow
@pytest.mark.parametrize("command", HOLD)
def test_all_strange_values_give_one_line(cli: Cli, command: str, places: dict[str, str]) -> None:
    try_all(cli, command, places, 1)
