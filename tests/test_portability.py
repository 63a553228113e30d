"""Every module can be imported where the system lacks what only Unix has."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys
import distributed, keras, tensorflow  # what others do with these modules is their own affair
for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[name] = None
import tilesegm
for module in pkgutil.walk_packages(tilesegm.__path__, "tilesegm."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from tilesegm.training.dry_run import _peak_memory
assert _peak_memory() is None
print("all imported")
"""


def test_modules_of_unix_are_imported_where_they_are_used() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.endswith("all imported\n"), done.stderr
