"""The version, apart from what imports it."""

__version__ = "0.1.0"

__all__ = ["__version__"]
