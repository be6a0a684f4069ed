"""How numbers, money and times are written for people."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from stream.records.money import MAX_FRACTION_DIGITS, Number, exact_number, plain_text_of
from stream.records.windows import DAY, MAX_TIME

__all__ = [
    "MONTHS",
    "group_digits",
    "shorten_number",
    "write_count",
    "write_day",
    "write_exact",
    "write_moment",
    "write_money",
    "write_month",
    "write_span",
]

MINUTE: Final = 60
HOUR: Final = 3600
ROUNDED: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)
LONG: Final = 10_000_000
"""From here on numbers are too long for a table."""
CENT: Final = Decimal("0.01")
UNITS: Final = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))


def group_digits(value: Number) -> str:
    """Write a number with its thousands apart, exactly."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,f}"


def write_exact(value: Number) -> str:
    """Write a number exactly, without an exponent and zeros that say nothing."""
    return plain_text_of(exact_number(value))


def write_count(value: int) -> str:
    """Write a count as it is, and in three digits from ten millions on."""
    return group_digits(value) if abs(value) < LONG else shorten_number(value)


def write_money(value: Number) -> str:
    """Write an amount to the cent; less than a cent to two digits that say something.

    From ten millions on three digits have to do.
    """
    amount = Decimal(value)
    if abs(amount) >= LONG:
        return shorten_number(amount)
    if not amount or abs(amount) >= CENT:
        return f"{amount.quantize(CENT, context=ROUNDED):,}"
    places = min(1 - amount.adjusted(), MAX_FRACTION_DIGITS)
    return format(amount.quantize(Decimal(1).scaleb(-places), context=ROUNDED), "f")


def shorten_number(value: Number) -> str:
    """Write a number in at most three digits and a letter, as on an axis: 12.5 k, 3 M."""
    amount = Decimal(value)
    for size, letter in UNITS:
        if abs(amount) >= size:
            return f"{write_digits(amount / size)} {letter}"
    return write_digits(amount)


def write_digits(amount: Decimal) -> str:
    """Write three digits at most, and no zeros behind the point."""
    rounded = Context(prec=3, rounding=ROUND_HALF_EVEN).create_decimal(amount)
    text = format(rounded, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def write_span(seconds: int | None) -> str:
    """Write a span of time as people say it."""
    if seconds is None:
        return "–"
    ahead, seconds = seconds < 0, abs(seconds)
    for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", 1)):
        if seconds >= 2 * length or length == 1:
            return f"{seconds // length} {unit}{' ahead' if ahead else ''}"
    return ""


def moment_of(seconds: int) -> dt.datetime:
    """Return a time that a calendar has, in UTC."""
    return dt.datetime.fromtimestamp(min(seconds, MAX_TIME), dt.UTC)


def write_moment(seconds: int) -> str:
    """Write a time for people."""
    return moment_of(seconds).strftime("%Y-%m-%d %H:%M:%S")


def write_day(seconds: int) -> str:
    """Write the UTC day that a time is in."""
    return moment_of(seconds).strftime("%Y-%m-%d")


MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def write_month(seconds: int) -> str:
    """Write the UTC month that a time is in, in English whatever the locale is."""
    moment = moment_of(seconds)
    return f"{MONTHS[moment.month - 1]} {moment.year}"
