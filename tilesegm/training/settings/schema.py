"""The JSON schema of a settings file, which pydantic makes of the dataclasses of the settings.

Its descriptions are the attribute docstrings, so that an editor completes and explains every key.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tilesegm.training.settings.config import TrainingConfig

__all__ = ["adapter", "schema"]


@cache
def adapter() -> Any:
    """Return pydantic's adapter of a list of settings."""
    from pydantic import ConfigDict, TypeAdapter

    # A configuration reaches standard dataclasses only from around them.
    around = tuple[TrainingConfig, ...]
    config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)
    return TypeAdapter(around, config=config)


@cache
def schema() -> dict[str, Any]:
    """Return the schema of a settings file (JSON Schema 2020-12)."""
    sections = adapter().json_schema()["$defs"]
    for section in sections.values():
        # pydantic says so itself from 2.14 on.
        section["additionalProperties"] = False
    whole = sections[TrainingConfig.__name__]
    for name, value in whole["properties"].items():
        if "$ref" in value and name not in whole["required"]:
            # A section whose keys are all commented out is empty, and means its defaults.
            value["anyOf"] = [{"$ref": value.pop("$ref")}, {"type": "null"}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of a tilesegm training run",
        "$ref": f"#/$defs/{TrainingConfig.__name__}",
        "$defs": sections,
    }
