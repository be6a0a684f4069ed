"""Values as the API sends them, made canonical: texts, flags, counts, money, times."""

from __future__ import annotations

import datetime as dt
import math
import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from stream.records.errors import BadInput
from stream.records.money import Number, canonical_money
from stream.records.privacy import mask_text, shield_value
from stream.records.windows import MAX_COUNT, MAX_TIME

__all__ = [
    "ABSENT",
    "BYTE_ORDER_MARK",
    "NUMBER",
    "Codes",
    "Flags",
    "Texts",
    "amount_of",
    "bad_value",
    "code_of",
    "count_of",
    "decimal_of",
    "describe_value",
    "flag_of",
    "member_path",
    "revision_of",
    "text_of",
    "time_of",
    "unknown_number",
]

ABSENT: Final = object()
"""Stands for the value of a member that is not there."""
INTERNED: Final = 1 << 16
SHOWN: Final = 40
PRINTABLE: Final = 4096
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""What some editors put before UTF-8."""
COUNT_DIGITS: Final = 20  # a count has 19 at most
DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
SECONDS: Final = r"[0-9]{9,12}(?:\.0*)?|[0-9]\.[0-9]{1,30}[eE]\+?[0-9]{1,2}"
"""Eight digits are a date; some stores write 1.7882208E9. Compiled by ``re`` when it is needed."""
NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?", re.ASCII
)
LONGEST_SECONDS: Final = 12
RFC3339: Final = (  # as SECONDS
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,30}))?"
    r"(?: ?(?:[Zz]|UTC|([+-][0-9]{2}(?::?[0-9]{2})?)))?"
)
POINT_IN_TIME: Final = r"([0-9]{9,19})(?:\.([0-9]{1,30}))?"  # as SECONDS
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
PLAIN_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"  # as SECONDS


def text_of(value: str) -> str | None:
    """Return a dimension's text: trimmed, ``None`` when blank, a digest when it is a secret."""
    trimmed = value.strip()
    return shield_value(trimmed) if trimmed else None


def flag_of(value: bool | str) -> bool | str | None:  # noqa: FBT001 -- the value itself is what is normalised
    """Return a flag: the texts ``true`` and ``false`` are booleans."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower(), text_of(value))


def code_of(value: str) -> str | None:
    """Return a code's text, in lower case: ``USD`` is ``usd``."""
    return text_of(value.lower())


class Texts(dict[Any, Any]):
    """Interns dimension texts: one object for each distinct value, canonical."""

    def __missing__(self, value: Any) -> Any:
        """Make the value canonical and remember it."""
        if len(self) >= INTERNED:
            self.clear()
        self[value] = canonical = None if value is None else self.canonical(value)
        return canonical

    canonical = staticmethod(text_of)


class Flags(Texts):
    """Interns the values of a dimension that is true or false."""

    canonical = staticmethod(flag_of)  # type: ignore[assignment]  # wider: a flag may arrive as a text


class Codes(Texts):
    """Interns the values of a dimension that is a code, whose case says nothing."""

    canonical = staticmethod(code_of)


def describe_value(value: Any) -> str:
    """Say what was found, briefly, and without its secrets."""
    if value is ABSENT:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, Decimal)):
        text = str(value) if describe_magnitude(value) < PRINTABLE else ""
        return (
            text if 0 < len(text) <= SHOWN else f"a number of {len(text) or 'too many'} characters"
        )
    if isinstance(value, str):
        text = mask_text(value)
        return f'"{text[:SHOWN]}…"' if len(text) > SHOWN else f'"{text}"'
    return "an array" if isinstance(value, list) else "an object"


def describe_magnitude(value: int | Decimal) -> int:
    """Say how long a number is, in bits or in digits; cheap, however long it is."""
    return value.bit_length() if isinstance(value, int) else abs(value.adjusted())


def member_path(path: str, name: str) -> str:
    """Return the JSON path of an object's member."""
    if re.fullmatch(PLAIN_NAME, name):
        return f"{path}.{name}"
    shown = mask_text(name)
    return f'{path}["{shown[:SHOWN]}…"]' if len(shown) > SHOWN else f'{path}["{shown}"]'


def bad_value(reason: str, path: str, value: Any, expected: str) -> BadInput:
    """Make the error for a value that is not what was expected, or is not there."""
    found = "is absent" if value is ABSENT else f"found {describe_value(value)}"
    return BadInput(reason, f"{found}, expected {expected}", path=path)


def whole_number_of(value: Any) -> int | None:
    """Return a whole JSON number as int, ``None`` for anything else (JSON has one number type)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and value.adjusted() < COUNT_DIGITS
        and value == int(value)
    ):
        return int(value)
    return None


def count_of(value: Any, path: str) -> int:
    """Return a count, 0 ≤ n < 2⁶³; other writers of JSON make a text of one.

    Raises:
        BadInput: it is negative, fractional, too large or no number.
    """
    number = whole_number_of(value)
    if isinstance(value, str) and DIGITS.fullmatch(value):
        number = int(value)
    if number is None or not 0 <= number <= MAX_COUNT:
        raise bad_value("count", path, value, f"a whole number from 0 to {MAX_COUNT}")
    return number


def decimal_of(value: Any, path: str) -> Decimal:
    """Return money in canonical form; it may arrive as a number or as a string.

    Raises:
        BadInput: it is not a finite number, or has more than 38 integer or 40 fraction digits.
    """
    expected = "an amount of at most 38 integer and 40 fraction digits"
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        number = Decimal(value.strip())
    elif isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        number = Decimal(value)
    else:
        raise bad_value("money", path, value, expected)
    try:
        return canonical_money(number)
    except ValueError:
        raise bad_value("money", path, value, expected) from None


def is_blank(value: Any) -> bool:
    """Tell whether an amount is absent: null, or a text with nothing in it."""
    return value is None or (isinstance(value, str) and not value.strip())


def amount_of(value: Any, path: str) -> tuple[Decimal | None, str | None]:
    """Return (value, currency) of an amount: an object, or, in older recordings, a bare number.

    Raises:
        BadInput: its value is not money, or its currency is not text.
    """
    if not isinstance(value, dict):
        return (None if is_blank(value) else decimal_of(value, path)), None
    inner = value.get("value")
    currency = value.get("currency")
    if currency is not None and not isinstance(currency, str):
        raise bad_value("type", f"{path}.currency", currency, "a text or null")
    number = None if is_blank(inner) else decimal_of(inner, f"{path}.value")
    return number, None if currency is None else code_of(currency)


def unknown_number(value: int | Decimal, path: str) -> Number:
    """Return the number of a field that the registry does not know: a count if it can be one.

    Raises:
        BadInput: it has more digits than money may have.
    """
    number = whole_number_of(value)
    if number is not None and 0 <= number <= MAX_COUNT:
        return number
    return decimal_of(value, path)


def time_of(value: Any, path: str, *, fractions: bool = False) -> int:
    """Return Unix seconds: a number, its text, or a text in ISO 8601 (UTC where it has no zone).

    Raises:
        BadInput: it is neither, no date can show it, or it has a fraction that is not asked for.
    """
    seconds = whole_number_of(value)
    if isinstance(value, str) and re.fullmatch(SECONDS, value.strip()):
        seconds = whole_number_of(Decimal(value.strip()))
    elif isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        except ValueError:
            moment = None
        if moment is not None and (fractions or not moment.microsecond):
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
            seconds = math.floor(zoned.timestamp())
    if seconds is None or not 0 <= seconds <= MAX_TIME:
        raise bad_value("time", path, value, "a time in Unix seconds, or in ISO 8601")
    return seconds


@lru_cache(maxsize=64)
def revision_of(observed_at: str | None, path: str = "$.observed_at") -> int:
    """Return when a walk was made, in whole microseconds since 1970; 0 where that is not known.

    It is UTC where it has no zone, and Unix time where it is a number: in seconds, or in that unit
    of a thousandth by which it is a time at all.

    Raises:
        BadInput: it is no time in RFC 3339, no Unix time, or one before 1970 or after 9999.
    """
    if observed_at is None:
        return 0
    seconds, fraction = -1, None
    if match := re.fullmatch(POINT_IN_TIME, observed_at):
        whole, fraction = match.groups()
        digits = (whole + (fraction or "")).ljust(len(whole) + 18, "0")
        at = len(whole)
        while at > LONGEST_SECONDS or (at > 0 and int(digits[:at]) > MAX_TIME):
            at -= 3
        seconds, fraction = int(digits[:at]), digits[at:]
    elif match := re.fullmatch(RFC3339, observed_at):
        date, time, fraction, zone = match.groups()
        with suppress(ValueError):
            moment = dt.datetime.fromisoformat(f"{date}T{time}{zone or '+00:00'}")
            seconds = (moment - EPOCH) // dt.timedelta(seconds=1)
    if not 0 <= seconds <= MAX_TIME:
        raise bad_value("envelope", path, observed_at, "a time in RFC 3339, or in Unix seconds")
    return seconds * 1_000_000 + int((fraction or "0")[:6].ljust(6, "0"))


def json_float(literal: str) -> Decimal:
    """Keep a JSON fraction exact; what cannot be held becomes NaN, which every reader refuses."""
    try:
        return Decimal(literal)
    except InvalidOperation:
        return Decimal("NaN")
