"""Whether files may do more than hold data: run code, or lead to other files and addresses."""

from __future__ import annotations

import os

from tilesegm.errors import SettingsError

__all__ = ["HOW_TO_TRUST", "check_trusted", "trust_files", "trusted"]

_VARIABLE = "TILESEGM_TRUST"

HOW_TO_TRUST = f"if you trust it, pass --trust, or set the environment variable {_VARIABLE}=1"
"""What refusals advise."""


def trusted() -> bool:
    """Whether the user trusts the files of this run: models, images and all that they lead to."""
    return os.environ.get(_VARIABLE, "").lower() in ("1", "true", "yes")


def trust_files() -> None:
    """Trust the files of this process and of those that it starts."""
    os.environ[_VARIABLE] = "1"


def check_trusted(name: str) -> None:
    """Refuse code that settings name, unless the user trusts it.

    Args:
        name: its import path.

    Raises:
        SettingsError: it is not trusted.
    """
    if not trusted():
        raise SettingsError(f"{name} is Python code, which settings may not run; {HOW_TO_TRUST}")
