"""How long to wait after a refusal: as long as the API asks for, and as long as it takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import Final

__all__ = ["LONGEST_PAUSE", "moment_of", "pause_after", "retry_seconds_of"]

LONGEST_PAUSE: Final = 300.0
"""Seconds that nobody waits longer than, unless the API asks for it."""
LONGEST_WISH: Final = 86_400.0
"""A longer wait is taken as a day: asking once a day is no burden, and never asking is a loss."""
DOUBLINGS: Final = 16
NUMBER: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{0,18})?", re.ASCII)
LONGEST_DATE: Final = 64


def pause_after(attempts: int, retry_seconds: float | None, random: Callable[[], float]) -> float:
    """Return seconds to wait after so many refusals in a row, from 1 on.

    The ceiling doubles from one second to five minutes, and the pause is anywhere below it, as
    ``random`` says (0 ≤ x < 1), so that those who were refused together do not come back together.
    It is never shorter than the API asked for.
    """
    ceiling = min(2.0 ** min(max(attempts - 1, 0), DOUBLINGS), LONGEST_PAUSE)
    return max(random() * ceiling, retry_seconds or 0.0)


def retry_seconds_of(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the API asks to wait; ``None``: it does not, or nobody can tell.

    The order is the official client's: ``retry-after-ms``, then ``retry-after`` in seconds or as
    an HTTP date. Unlike the client, which gives up beyond two minutes, a long wait is a wait.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if NUMBER.fullmatch(milliseconds):
        return min(float(milliseconds) / 1000, LONGEST_WISH)
    wish = headers.get("retry-after", "").strip()
    if NUMBER.fullmatch(wish):
        return min(float(wish), LONGEST_WISH)
    moment = moment_of(wish)
    return None if moment is None or moment <= now else min(moment - now, LONGEST_WISH)


def moment_of(text: str) -> float | None:
    """Return an HTTP date as Unix seconds; ``None``: it is none."""
    if len(text) > LONGEST_DATE:
        return None
    try:
        parts = parsedate_tz(text)
        return None if parts is None else float(mktime_tz(parts))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
