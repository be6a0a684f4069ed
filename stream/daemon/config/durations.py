"""How long something may take or last, in the configuration: a number of seconds, or ``"5m"``."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from msgspec import Meta

__all__ = ["UNIT", "Duration", "Period"]

UNIT: Final = "seconds"
"""What a type's unit is that may be written as a duration too."""
YEAR: Final = 31_536_000
LONGEST: Final = 100 * YEAR

Period: TypeAlias = Annotated[float, Meta(ge=0.01, le=YEAR, extra_json_schema={"unit": UNIT})]
"""How often something is done, or how long it may take."""
Duration: TypeAlias = Annotated[float, Meta(ge=0, le=LONGEST, extra_json_schema={"unit": UNIT})]
"""How long something is waited for or kept; it may be no time at all."""
