"""How many bytes something has, as people write it: ``512MB``, ``1.5GB``, ``64MiB``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["EXPECTED_SIZE", "SIZE", "bytes_in"]

SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)((?i:[kmgt]i?b|b))")
EXPECTED_SIZE: Final = "a size, such as 512MB, 1GB or 64MiB"
"""What a message says where something else was found."""
PREFIXES: Final = "kmgt"


def bytes_in(text: str) -> int:
    """Return how many bytes a size is: a kB is 1000 of them, and a KiB is 1024.

    Raises:
        ValueError: the text is none.
    """
    match = SIZE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    unit = match[2].lower()
    power = PREFIXES.find(unit[0]) + 1
    return int(float(match[1]) * (1024 if "i" in unit else 1000) ** power)
