"""How long something is, as people write it: ``90s``, ``5m``, ``1.5h``, ``400d``."""

from __future__ import annotations

import re
from typing import Final

from stream.records.windows import DAY

__all__ = ["DURATION", "seconds_of"]

DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd])")
UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": DAY}


def seconds_of(text: str) -> float:
    """Return how many seconds a duration is.

    Raises:
        ValueError: the text is none.
    """
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return float(match[1]) * UNITS[match[2]]
