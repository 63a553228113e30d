"""The errors a user can meet, each with the exit code that the command line gives for it.

    TilesegmError             1
    ├── InputError            2   what was passed cannot be used (also a ValueError)
    │   ├── SourceError           an image that cannot be read as asked
    │   ├── ModelError            a model that does not fit or gives unusable scores
    │   └── SettingsError         settings that contradict each other
    ├── OutputError           3   a result that cannot be written (also an OSError)
    ├── BudgetError           4   a plan that needs more memory than allowed
    ├── ResumeError           5   unfinished work that belongs to something else
    └── ClusterError          6   a scheduler or its workers that cannot be reached, or were lost

A message says what was passed, what was expected and how to mend it, in one line. Passwords and
signatures of addresses are hidden in it, wherever its parts came from.
"""

from tilesegm.shown import without_secrets

__all__ = [
    "BudgetError",
    "ClusterError",
    "InputError",
    "ModelError",
    "OutputError",
    "ResumeError",
    "SettingsError",
    "SourceError",
    "TilesegmError",
]


class TilesegmError(Exception):
    """Base of every error that tilesegm raises on purpose."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(without_secrets(message))


class InputError(TilesegmError, ValueError):
    """Something that the caller passed cannot be used."""

    exit_code = 2


class SourceError(InputError):
    """An image cannot be read as asked."""


class ModelError(InputError):
    """A model cannot be opened, does not fit the image, or returns unusable scores."""


class SettingsError(InputError):
    """Settings are out of range or contradict each other."""


class OutputError(TilesegmError, OSError):
    """A result cannot be written."""

    exit_code = 3


class BudgetError(TilesegmError):
    """A plan needs more memory than it may use."""

    exit_code = 4


class ResumeError(TilesegmError):
    """Unfinished work is in use by another run, or belongs to another image, model or setting."""

    exit_code = 5


class ClusterError(TilesegmError):
    """A scheduler or its workers cannot be reached or used, or were lost; finished work is kept."""

    exit_code = 6
