"""The table of runs survives what may happen to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tilesegm.comparison.rows import Row, append_rows, read_rows
from tilesegm.errors import OutputError


def row(variant: str, seed: int = 0, **more: object) -> Row:
    known = {
        "variant": variant,
        "seed": seed,
        "fold": 0,
        "state": "finished",
        "epochs": 2,
        "steps": 8,
        "seconds": 1.25,
        "scored_on": "test",
        "rule": "0.5",
        "scores": {"mean_iou": 71.23456},
        "settings_sha256": "a",
        "data_sha256": "b",
        "folder": "runs/x",
    }
    return Row(**{**known, **more})  # type: ignore[arg-type]


def test_rows_come_back(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    append_rows(table, [row("a, with a comma"), row("b", error='it said "no"')])
    append_rows(table, [])
    append_rows(table, [row("c")])
    found = read_rows(table)
    assert [each["variant"] for each in found] == ["a, with a comma", "b", "c"]
    assert (found[0]["mean_iou"], found[0]["boundary_iou"]) == ("71.2346", "")
    assert found[1]["error"] == 'it said "no"'


def test_a_line_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    append_rows(table, [row("a"), row("b")])
    whole = table.read_bytes()
    table.write_bytes(whole[:-7])
    assert [each["variant"] for each in read_rows(table)] == ["a"]
    append_rows(table, [row("b")])
    assert table.read_bytes() == whole


def test_the_first_of_two_rows_of_a_run_counts(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    append_rows(table, [row("a", state="failed"), row("a")])
    assert [each["state"] for each in read_rows(table)] == ["failed"]


def test_a_full_disk_leaves_the_table_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "rows.csv"
    append_rows(table, [row("a")])
    before = table.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tilesegm.comparison.rows.os.fsync", full)
    with pytest.raises(OutputError, match="No space left on device; free space"):
        append_rows(table, [row("b")])
    assert table.read_bytes() == before
