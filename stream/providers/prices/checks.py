"""What is wrong in a price list: all of it, each thing by its key."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from stream.records.errors import BadConfiguration
from stream.records.money import MONEY, canonical_money, plain_text_of
from stream.records.privacy import one_line

__all__ = ["Checks", "TomlTable", "quote_value", "read_tables"]

MOST: Final = 100
"""How many are told; a file of another kind has no end of them."""
MOST_FRACTION_DIGITS: Final = 18
MOST_INTEGER_DIGITS: Final = 12
"""The digits of a price, so that every sum of many is exact."""
SHOWN: Final = 60
"""How many characters of a wrong value are told."""


class Checks:
    """Collects what is wrong in the file at ``place``."""

    def __init__(self, place: str) -> None:
        """Begin with nothing."""
        self.place = place
        self.lines: list[str] = []

    def note(self, key: str, message: str) -> None:
        """Note what was found at a key, and what was expected."""
        self.lines.append(f"{self.place}: {key}: {message}")

    def raise_all(self) -> None:
        """Raise what was noted, if anything was.

        Raises:
            BadConfiguration: something was.
        """
        if len(self.lines) > MOST:
            self.lines[MOST:] = [f"{self.place}: {len(self.lines) - MOST} more"]
        if self.lines:
            raise BadConfiguration(*self.lines)


class TomlTable:
    """A table of the file; each key is asked for once, and what nobody asked for is wrong."""

    def __init__(self, values: dict[str, Any], key: str, checks: Checks) -> None:
        """Read ``values``, which stand at ``key``."""
        self._values = dict(values)
        self._key = key
        self._checks = checks
        self.is_bad = False
        """Whether something was wrong in it."""

    def note(self, name: str, message: str) -> None:
        """Note what is wrong with a key of the table, or with the table."""
        self.is_bad = True
        self._checks.note(".".join(filter(None, (self._key, name))), message)

    def text(self, name: str, absent: str, *, required: bool = False) -> str:
        """Return a text, or what stands for an absent one."""
        value = self._values.pop(name, None)
        if value is None and not required:
            return absent
        if not isinstance(value, str) or not value.strip():
            self.note(name, f"found {quote_value(value)}, expected a text")
            return absent
        return value.strip()

    def flag(self, name: str, *, absent: bool) -> bool:
        """Return true or false."""
        value = self._values.pop(name, absent)
        if not isinstance(value, bool):
            self.note(name, f"found {quote_value(value)}, expected true or false")
            return absent
        return value

    def day(self, name: str) -> dt.date | None:
        """Return a UTC day; ``None``: there is none."""
        value = self._values.pop(name, None)
        if value is not None and (
            not isinstance(value, dt.date) or isinstance(value, dt.datetime) or value.year < 1970  # noqa: PLR2004 -- time began then
        ):
            self.note(
                name, f"found {quote_value(value)}, expected a day, as 2026-01-01 (no quotes)"
            )
            return None
        return value

    def amount(
        self, name: str, most: int | None = None, *, required: bool = False
    ) -> Decimal | None:
        """Return a decimal that is not negative, and exact; ``None``: there is none."""
        value = self._values.pop(name, None)
        if value is None and not required:
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
                raise ValueError(name)  # noqa: TRY004, TRY301 -- said below, as what is no number
            amount = canonical_money(MONEY.create_decimal(value))
            exponent = amount.as_tuple().exponent
            if (
                amount < 0
                or (most is not None and amount > most)
                or amount.adjusted() >= MOST_INTEGER_DIGITS
                or (isinstance(exponent, int) and exponent < -MOST_FRACTION_DIGITS)
            ):
                raise ValueError(name)  # noqa: TRY301 -- as above
        except (ValueError, InvalidOperation, ArithmeticError):
            upper = f"10^{MOST_INTEGER_DIGITS}" if most is None else most
            self.note(
                name,
                f"found {quote_value(value)}, expected a decimal from 0 to {upper}, "
                f"of at most {MOST_FRACTION_DIGITS} fraction digits",
            )
            return None
        return amount

    def tables(self, name: str) -> Iterator[TomlTable]:
        """Yield the tables of an array ``[[name]]``."""
        found = self._values.pop(name, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            self.note(name, f"found {quote_value(found)}, expected tables, [[{name}]]")
            return
        for at, one in enumerate(found):
            yield TomlTable(one, f"{name}[{at}]", self._checks)

    def refuse_rest(self) -> None:
        """Note every key that nobody asked for."""
        for name in sorted(self._values):
            self.note(one_line(name), "is no key of a price list")


def quote_value(value: Any) -> str:
    """Return a wrong value as messages have it: one line, and not long."""
    if value is None:
        return "nothing"
    text = one_line(write_value(value))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def write_value(value: Any) -> str:
    """Write a value as TOML has it, about."""
    match value:
        case str():
            return f'"{value}"'
        case Decimal() if value.is_finite():
            return plain_text_of(value)
        case Decimal() | int() | float():  # and flags, which are whole numbers
            return str(value).lower()
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return "a table" if isinstance(value, dict) else "an array"


def read_tables(content: bytes, place: str) -> dict[str, Any]:
    """Read TOML, numbers as they are written.

    Raises:
        BadConfiguration: it is none.
    """
    try:
        return tomllib.loads(content.decode(), parse_float=Decimal)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise BadConfiguration(f"{place}: found broken TOML ({one_line(str(error))})") from None
