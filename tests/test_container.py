"""The Dockerfile against the project it installs; building it needs a registry and a daemon."""

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.pages import wrong_command

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGE = (ROOT / "docs" / "container.md").read_text()


def _copied() -> set[str]:
    """Return what the build takes from the project."""
    copies = [line.split()[1:-1] for line in LINES if re.match(r"COPY (?!--from)", line)]
    return {name for names in copies for name in names}


def _arguments() -> dict[str, str]:
    return dict(re.findall(r"^ARG (\w+)=(\S+)$", "\n".join(LINES), re.MULTILINE))


def _extras() -> list[str]:
    """Return the extras of the Dockerfile's default and of every command that names others."""
    named = re.findall(r"EXTRAS=([\w,]+)", "\n".join(LINES) + PAGE)
    return sorted({extra for names in named for extra in names.split(",")})


def test_what_is_copied_exists() -> None:
    assert all((ROOT / name).exists() for name in _copied()), _copied()


def test_all_that_an_install_reads_is_copied() -> None:
    """Hatchling reads the files that pyproject.toml names, and fails without one of them."""
    project, hatch = PROJECT["project"], PROJECT["tool"]["hatch"]
    read = {
        "pyproject.toml",
        project["readme"],
        *project["license-files"],
        Path(hatch["version"]["path"]).parts[0],
        *hatch["build"]["targets"]["wheel"]["packages"],
    }
    assert read <= _copied()


@pytest.mark.parametrize("name", sorted(_copied()))
def test_the_ignore_list_lets_it_through(name: str) -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    kept = False
    for rule in (rule for rule in rules if rule and not rule.startswith("#")):
        if fnmatch.fnmatch(name, rule.removeprefix("!")):  # the last rule that fits decides
            kept = rule.startswith("!")
    assert kept


@pytest.mark.parametrize("extra", _extras())
def test_extras_exist(extra: str) -> None:
    assert extra in PROJECT["project"]["optional-dependencies"]


def test_python_is_one_that_the_project_supports() -> None:
    supported = f"Programming Language :: Python :: {_arguments()['PYTHON']}"
    assert supported in PROJECT["project"]["classifiers"]


def test_the_command_exists() -> None:
    (entry,) = [line for line in LINES if line.startswith("ENTRYPOINT")]
    assert entry == 'ENTRYPOINT ["tilesegm"]'
    assert "tilesegm" in PROJECT["project"]["scripts"]


def test_the_recipe_for_kubernetes_hangs_together() -> None:
    (recipe,) = re.findall(r"```yml\n(.*?)```", PAGE, re.DOTALL)
    parts = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(recipe)}
    assert len(parts) == 4
    scheduler = parts["Deployment", "scheduler"]["spec"]["template"]["metadata"]["labels"]
    assert parts["Service", "scheduler"]["spec"]["selector"] == scheduler
    pods = [parts["Deployment", "workers"], parts["Job", "predict"]]
    mounts = [one["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] for one in pods]
    assert mounts[0] == mounts[1]  # the same paths to all
    (worker,) = parts["Deployment", "workers"]["spec"]["template"]["spec"]["containers"]
    (client,) = parts["Job", "predict"]["spec"]["template"]["spec"]["containers"]
    assert worker["command"][2] == client["args"][-1]
    assert wrong_command(["tilesegm", *client["args"]]) is None
