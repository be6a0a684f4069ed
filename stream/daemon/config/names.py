"""What things may be called in the configuration."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

__all__ = ["Name"]

Name: TypeAlias = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=r"^[A-Za-z0-9._-]*\Z",
        extra_json_schema={"expected": "up to 100 letters, digits and ._-"},
    ),
]
