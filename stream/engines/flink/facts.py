"""Facts: every figure of a report as a sum, so that an engine that only sums can make all of them.

A fact is one figure of one UTC day, of one walk, or of one line of a capture. What a report shows
of an endpoint is the sum of the facts that are alike but for where they come from: totals by group,
and how often a finding, a collision or a reference is there. A part that changes takes back the
facts that it gave and gives others.

A day knows all chains of its endpoint, so that what says the same usage again is resolved there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from stream.records.money import MONEY, Number, exact_number

__all__ = [
    "GROUP",
    "Fact",
    "Facts",
    "Sum",
    "add_fact",
    "changes_between",
    "key_of",
    "limbs_of",
    "number_of",
    "read_number",
]

FRACTION_DIGITS: Final = 40
"""How many money has at most (from the design's rule for canonical money)."""
LIMB: Final = 10**20
"""A fraction is two numbers of 20 digits: 10¹⁸ of those have a sum of 38, as Flink can hold it."""

GROUP: Final = "group"
"""The kind of the sums by group, of which those by project and tier are made."""


class Fact(NamedTuple):
    """What a sum is of: an endpoint, the kind of fact, and which one of its kind.

    ``view`` is that of a chain, and empty for what chains come to together. Groups have the key
    (project and tier) in columns of their own; ``key`` is a JSON array.
    """

    endpoint: str
    view: str
    kind: str
    key: str
    counter: str = ""
    project_id: str | None = None
    service_tier: str | None = None


class Sum(NamedTuple):
    """How many times a fact is there, and the sum of its figures."""

    times: int
    value: Number


Facts: TypeAlias = dict[Fact, Sum]


def add_fact(facts: Facts, fact: Fact, value: Number = 0, times: int = 1) -> None:
    """Count a fact; what comes to nothing is left out."""
    known = facts.get(fact)
    now = Sum(times, value) if known is None else Sum(known.times + times, known.value + value)
    if any(now):
        facts[fact] = now
    else:
        facts.pop(fact, None)


def key_of(names: Iterable[Any]) -> str:
    """Write a fact's key."""
    return msgspec.json.encode(tuple(names)).decode()


def limbs_of(value: Number) -> tuple[int, int, int]:
    """Split a figure into a whole number, 10⁻²⁰ths and 10⁻⁴⁰ths, which all add up.

    The fractions are not negative, and below 10²⁰.
    """
    if isinstance(value, int):
        return value, 0, 0
    with localcontext(MONEY):
        whole, fraction = divmod(int(value.scaleb(FRACTION_DIGITS)), LIMB * LIMB)
    return whole, *divmod(fraction, LIMB)


def number_of(whole: int, fraction: int, rest: int) -> Number:
    """Put a figure together again from the sums of its parts."""
    if not fraction and not rest:
        return whole
    with localcontext(MONEY):
        return exact_number(whole + Decimal(fraction * LIMB + rest).scaleb(-FRACTION_DIGITS))


def read_number(text: str) -> Number:
    """Read a figure that was written plainly."""
    return Decimal(text) if "." in text else int(text)


def changes_between(before: Facts, after: Facts) -> Iterator[tuple[Fact, Sum | None, Sum | None]]:
    """Yield each fact that is not what it was, with what it was and what it is."""
    for fact in {**before, **after}:
        was, now = before.get(fact), after.get(fact)
        if was != now:
            yield fact, was, now
