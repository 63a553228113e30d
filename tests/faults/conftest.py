"""What the commands of these tests need."""

from tests.cli.conftest import cli, models

__all__ = ["cli", "models"]
