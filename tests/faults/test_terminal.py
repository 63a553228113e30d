"""Names and texts of others on the terminal, streams that close, and odd environments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tilesegm as ts
from tests.cli.conftest import Cli
from tests.images import GEO, blobs, write
from tilesegm.classes import ClassInfo
from tilesegm.errors import ModelError, OutputError, SettingsError, SourceError
from tilesegm.shown import visible

NASTY = (
    "[/x]",
    "[red]",
    "\x1b[2Jx",
    "a\x1b]8;;http:evil\x07b",
    "a\rb",
    "a\nb",
    "a\u202eb",
    "a\x9bb",
    ":smile:",
)
"""Names that a terminal, or the markup of tables, would obey."""


def raw(text: str) -> list[str]:
    """Characters that a terminal obeys."""
    return [c for c in text if not c.isprintable() and c not in "\n"]


@pytest.mark.parametrize(
    "name", [*NASTY[:3], *(pytest.param(name, marks=pytest.mark.slow) for name in NASTY[3:])]
)
def test_names_are_printed_as_text(cli: Cli, name: str, tmp_path: Path, models: Path) -> None:
    folder = tmp_path / name.replace("/", "-")
    folder.mkdir()
    image = blobs(64, 64)
    (folder / "images").mkdir()
    path = write(folder / "images" / f"{name.replace('/', '-')}.tif", image, **GEO)
    store = zarr.open_group(tmp_path / "bands.zarr", mode="w")
    store.create_array("0", data=image.transpose(2, 0, 1))
    axes = [{"name": axis} for axis in "cyx"]
    scale = [{"type": "scale", "scale": [1, 1, 1]}]
    store.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [
            {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
        ],
        "omero": {"channels": [{"label": name}] * 3},
    }
    bundle = models / "bundle"
    truth = write(folder / "truth.tif", image[..., 0] % 2, **GEO)
    said = [
        cli("info", path),
        cli("info", tmp_path / "bands.zarr"),
        cli("plan", path, "-m", bundle, "--no-probe"),
        cli("predict", path, "-m", bundle, "-o", folder / "map.tif"),
        cli("predict", folder / "images", "-m", bundle, "-o", folder / "maps"),
        cli("evaluate", truth, truth, "--classes", f"{name},b", "--report", folder / "page.html"),
    ]
    assert [one.code for one in said] == [0] * len(said), said
    refused = [
        cli("info", folder / "absent.tif"),
        cli("predict", path, "-m", folder, "-o", tmp_path / "x.tif"),
        cli("info", path, f"--{name}"),
        cli("info", path, "--bands", name),
        cli(name),
    ]
    assert all(one.code in (1, 2) and one.err.count("\n") == 1 for one in refused), refused
    assert not [one for one in said + refused if raw(one.out + one.err)]
    shown = visible(name)
    assert shown in said[1].out.replace("\n", "")
    assert shown in said[5].out
    page = (folder / "page.html").read_text()
    assert "<x>" not in page
    assert not raw(page.replace("\xa0", " "))


def test_names_that_no_file_can_hold_are_refused_before_the_work(
    cli: Cli, tmp_path: Path, models: Path
) -> None:
    path = write(tmp_path / "image.tif", blobs(64, 64), **GEO)
    for words in (("info", "\udcff.tif"), ("predict", path, "-m", models, "-o", "\udcff.tif")):
        said = cli(*words)
        assert (said.code, said.err.count("\n")) == (2, 1)
        assert "UTF-8" in said.err
    for name in ("a\udcff.tif", "a\0.tif"):
        with pytest.raises(OutputError, match="UTF-8"):
            ts.segment(path, lambda x: x, tmp_path / name)
        with pytest.raises(SourceError, match="UTF-8"):
            ts.open_source(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a\0", "\ud800"])
def test_names_of_classes_that_no_file_can_hold_are_refused_at_once(name: str) -> None:
    with pytest.raises(SettingsError, match="rename the class"):
        ClassInfo(name, (0, 0, 0))


@pytest.mark.parametrize("end", [SystemExit(0), SystemExit("bye"), GeneratorExit()])
def test_a_network_that_leaves_is_an_error_of_the_network(
    end: BaseException, tmp_path: Path
) -> None:
    calls = []

    def network(pixels: Any) -> Any:
        calls.append(1)
        if len(calls) > 2:
            raise end
        return pixels

    with pytest.raises(ModelError, match=type(end).__name__):
        ts.segment(blobs(600, 600), network, tmp_path / "map.tif", tiling=ts.Tiling(128, 32))
    assert not (tmp_path / "map.tif").exists()


def shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell; ``tilesegm`` is this one."""
    return subprocess.run(
        ["bash", "-c", line.replace("tilesegm ", f"{sys.executable} -m tilesegm ")],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    write(tmp_path / "image.tif", blobs(64, 64), **GEO)
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "set -o pipefail; tilesegm info image.tif | head -1",
        "set -o pipefail; tilesegm info image.tif | true",
        "set -o pipefail; tilesegm --help | head -1",
        "tilesegm info image.tif >&-",
        "tilesegm info image.tif <&- >&- 2>&-",
        "tilesegm info image.tif 2>&- | cat",
    ],
)
def test_a_reader_who_leaves_is_no_error(image: Path, line: str) -> None:
    done = shell(image, line)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_device_is_one_line(image: Path) -> None:
    done = shell(image, "tilesegm info image.tif > /dev/full")
    assert done.returncode == 3
    assert done.stderr.startswith("tilesegm: ")
    assert done.stderr.count("\n") == 1


ODD = (
    {"PYTHONWARNINGS": "error"},
    {"HOME": "/nonexistent", "XDG_CACHE_HOME": ""},
    {"TMPDIR": "/proc"},
    {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    {"TERM": "dumb", "COLUMNS": "1"},
    {"COLUMNS": "x"},
)


def check_odd(image: Path, models: Path, environment: dict[str, str]) -> None:
    line = f"tilesegm predict image.tif -m {models / 'bundle'} -o map.tif --quiet"
    done = shell(image, line, **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_odd_environment(image: Path, models: Path) -> None:
    check_odd(image, models, {name: text for each in ODD for name, text in each.items()})


@pytest.mark.slow
@pytest.mark.parametrize("environment", ODD)
def test_odd_environments(image: Path, models: Path, environment: dict[str, str]) -> None:
    check_odd(image, models, environment)


def test_closed_streams_do_not_end_in_files(image: Path, models: Path) -> None:
    line = f"tilesegm predict image.tif -m {models / 'bundle'} -o map.tif <&- >&- 2>&-"
    assert shell(image, line, TF_CPP_MIN_LOG_LEVEL="0").returncode == 0
    values = shell(image, "tilesegm info map.tif --json")
    assert json.loads(values.stdout)["height"] == 64


def test_a_second_interruption_ends_at_once(tmp_path: Path) -> None:
    script = (
        "import sys, time, typer\n"
        "import tilesegm.cli.main as program\n"
        "def wait(**words):\n"
        "    print('waiting', flush=True)\n"
        "    try: time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        print('again', flush=True)\n"
        "        time.sleep(60)\n"
        "from typer.main import get_command\n"
        "root = get_command(program.app)\n"
        "root.commands['info'].callback = wait\n"
        "program.app = root.main\n"
        "sys.argv = ['tilesegm', 'info', 'x']\n"
        "program.main()\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout
    assert running.stdout.readline() == "waiting\n"
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    assert running.stdout.readline() == "again\n"
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == -signal.SIGINT
    assert "Traceback" not in said


def test_visible_keeps_every_script() -> None:
    for text in ("影 Straße.tif", "نقشه‌ها", "👩‍🚀", "a  b"):
        assert visible(text) == text
    assert visible("a\x1b\n\u202e\udcff\x9b") == "a\\x1b\\n\\u202e\\udcff\\x9b"
    assert np.all([visible(chr(n)) == chr(n) for n in range(32, 127)])
