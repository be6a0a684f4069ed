"""How long to wait: what the API asks for, in every form that it may have, and backoff."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.sources.api.backoff import pause_after, retry_seconds_of

NOW = 1_795_000_000.0
DAY = 86_400.0


@given(
    attempts=st.integers(1, 10_000), chance=st.floats(0, 0.999), wish=st.none() | st.floats(0, DAY)
)
def test_a_pause_is_below_its_ceiling_and_never_shorter_than_asked_for(
    attempts: int, chance: float, wish: float | None
) -> None:
    """One second doubles up to five minutes, and the pause is anywhere below, or what was asked."""
    ceiling = min(2.0 ** min(attempts - 1, 40), 300.0)
    expected = max(chance * ceiling, wish or 0.0)
    assert pause_after(attempts, wish, lambda: chance) == expected


def test_the_ceiling_doubles() -> None:
    """1, 2, 4, … 256 seconds, and then five minutes."""
    ceilings = [pause_after(attempts, None, lambda: 1.0) for attempts in range(1, 12)]
    assert ceilings == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@given(st.integers(0, 10**9), st.sampled_from(["", " "]))
def test_seconds_and_milliseconds_are_read(number: int, blank: str) -> None:
    """Whole seconds or milliseconds, long waits too, up to a day; milliseconds come first."""
    seconds = {"retry-after": f"{blank}{number}{blank}"}
    assert retry_seconds_of(seconds, NOW) == min(number, DAY)
    both = {"retry-after-ms": str(number), "retry-after": "7"}
    assert retry_seconds_of(both, NOW) == min(number / 1000, DAY)


@given(st.integers(1, 3 * 86_400))
def test_a_date_is_read(ahead: int) -> None:
    """An HTTP date is so many seconds from now, up to a day; beyond two minutes, too."""
    moment = datetime.fromtimestamp(NOW + ahead, UTC)
    headers = {"retry-after": format_datetime(moment, usegmt=True)}
    assert retry_seconds_of(headers, NOW) == min(ahead, DAY)
    behind = {"retry-after": format_datetime(datetime.fromtimestamp(NOW - ahead, UTC), usegmt=True)}
    assert retry_seconds_of(behind, NOW) is None


@pytest.mark.parametrize(
    "text",
    ["", "-1", "-0.5", "nan", "inf", "1e9", "1_000", "soon", "0x10", "٣", "1" * 400, "Mon, 99 Foo"],
)
def test_what_makes_no_sense_is_no_wish(text: str) -> None:
    """Negative, endless or unreadable waits are as if nothing had been said."""
    assert retry_seconds_of({"retry-after": text}, NOW) is None
    assert retry_seconds_of({"retry-after-ms": text, "retry-after": "5"}, NOW) == 5


@given(st.text(max_size=100), st.text(max_size=30))
def test_any_header_is_survived(text: str, other: str) -> None:
    """Whatever stands there, the wait is a number of seconds within a day, or nothing."""
    found = retry_seconds_of({"retry-after": text, "retry-after-ms": other}, NOW)
    assert found is None or (math.isfinite(found) and 0 <= found <= DAY)
