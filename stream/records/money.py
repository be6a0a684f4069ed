"""Money as decimals that are exact from end to end, and numbers as they are written.

Canonical money has no exponent, no trailing zeros and no −0. Whatever has more digits than fit is
bad input, and a sum that would have to be rounded is an error: figures are right, or not there.
"""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeAlias

__all__ = [
    "MAX_FRACTION_DIGITS",
    "MAX_INTEGER_DIGITS",
    "MONEY",
    "Number",
    "canonical_money",
    "exact_number",
    "plain_text_of",
    "plain_texts_of",
]

MAX_INTEGER_DIGITS: Final = 38

MAX_FRACTION_DIGITS: Final = 40


MONEY: Final = decimal.Context(prec=120, traps=[decimal.Inexact, decimal.InvalidOperation])
"""Sums are made here: 120 digits hold 10⁴² amounts of 38 + 40 digits, and rounding would raise."""


Number: TypeAlias = int | Decimal


def canonical_money(value: Decimal) -> Decimal:
    """Return the canonical form: no exponent, no trailing zeros, no −0.

    Raises:
        ValueError: it is not finite, or has more than 38 integer or 40 fraction digits.
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("not a finite number")  # noqa: TRY004 -- the value is wrong, its type is right
    if not value:
        return Decimal(0)
    if (
        digits[-1]
        and -MAX_FRACTION_DIGITS <= exponent <= 0
        and value.adjusted() < MAX_INTEGER_DIGITS
    ):
        return value
    if value.adjusted() >= MAX_INTEGER_DIGITS:
        raise ValueError(f"more than {MAX_INTEGER_DIGITS} integer digits")
    kept = len(digits)
    while not digits[kept - 1]:
        kept -= 1
    exponent += len(digits) - kept
    if exponent < -MAX_FRACTION_DIGITS:
        raise ValueError(f"more than {MAX_FRACTION_DIGITS} fraction digits")
    return Decimal((sign, digits[:kept] + (0,) * max(exponent, 0), min(exponent, 0)))


def exact_number(value: Number) -> Number:
    """Return a sum or difference in canonical form; counts stay as they are."""
    if isinstance(value, int):
        return value
    text = plain_text_of(value)
    if "." in text:
        if text[-1] != "0":
            return value
        text = text.rstrip("0").rstrip(".")
    return Decimal("0" if text in {"-0", ""} else text)


def plain_text_of(value: Number) -> str:
    """Write a number without an exponent, which few have: they take twice as long to leave out."""
    text = str(value)
    return format(value, "f") if "E" in text else text


def plain_texts_of(values: Sequence[Number]) -> list[str]:
    """Write numbers without an exponent."""
    texts = list(map(str, values))
    return list(map(plain_text_of, values)) if "E" in "".join(texts) else texts
