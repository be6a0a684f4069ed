"""The hot path: today's schema, decoded by typed structs and turned into columns at C speed."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct, defstruct
from msgspec.structs import astuple

from stream.decode.careful import careful_page
from stream.decode.page import Page
from stream.decode.values import Flags, Texts
from stream.endpoints import Endpoint
from stream.records import MAX_COUNT, MAX_TIME, Bucket, Column, Columns, Window, money

__all__ = ["Decoder", "page_type"]

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Time = Annotated[int, Meta(ge=0, le=MAX_TIME)]


class Amount(Struct, forbid_unknown_fields=True, gc=False):
    """A cost; its value is read from the JSON text, as what arrives as a string wants a look."""

    value: Raw | None = None
    currency: str | None = None


def row_fields(endpoint: Endpoint) -> list[tuple[str, Any, Any]]:
    """List a row's fields in wire order; ``cost`` is left to the careful path: it is older."""
    fields: list[tuple[str, Any, Any]] = [("object", Literal[endpoint.result] | None, None)]
    fields += [(name, Count | None, None) for name in endpoint.counts]
    if "amount_value" in endpoint.money:
        fields += [("amount", Amount | None, None), ("quantity", Raw | None, None)]
    for name in endpoint.grouped_by:
        if name == "batch":
            fields.append((name, bool | str | None, None))
        elif name != "currency":
            fields.append((name, str | None, None))
    return fields


@cache
def page_type(endpoint: Endpoint) -> type[Any]:
    """Return the struct that a page of the endpoint decodes to: a page of buckets of rows."""
    strict: dict[str, Any] = {"forbid_unknown_fields": True, "gc": False}
    row = defstruct("Row", row_fields(endpoint), **strict)
    bucket = defstruct(
        "WireBucket",
        [
            ("object", Literal["bucket"]),
            ("start_time", Time),
            ("end_time", Time),
            ("results", list[row]),  # type: ignore[valid-type]  # made above, from the registry
        ],
        **strict,
    )
    return defstruct(
        "WirePage",
        [
            ("object", Literal["page"]),
            ("data", list[bucket]),  # type: ignore[valid-type]  # made above, from the registry
            ("has_more", bool),
            ("next_page", str | None, None),
        ],
        **strict,
    )


UNFAMILIAR: Final = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
    ValueError,
    ArithmeticError,
)
"""What decoding raises for a page that is not as expected; only the careful path knows why."""


class Decoder:
    """Decodes the pages of one endpoint; made once, as its texts are interned across pages."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Build the decoder from the registry's entry."""
        self.endpoint = endpoint
        self._decode = msgspec.json.Decoder(page_type(endpoint)).decode
        self._fields = tuple(name for name, _, _ in row_fields(endpoint))
        self._texts = Texts().__getitem__
        self._flags = Flags().__getitem__

    def decode(self, payload: bytes, *, tolerant: bool = False) -> Page:
        """Decode a page.

        Tolerant, a bad record is cut out and listed in ``rejected``; a page that cannot be cut
        still raises.

        Raises:
            BadInput: with the JSON path and what was found and expected there.
        """
        try:
            wire = self._decode(payload)
            buckets = [
                self._bucket(Window(bucket.start_time, bucket.end_time), bucket.results)
                for bucket in wire.data
            ]
        except UNFAMILIAR:
            return careful_page(self.endpoint, payload, tolerant=tolerant)
        next_page = (wire.next_page or "").strip() or None
        rows = sum(bucket.rows for bucket in buckets)
        return Page(buckets, rows, wire.has_more, next_page, len(buckets))

    def _bucket(self, window: Window, rows: list[Any]) -> Bucket:
        """Turn typed rows into columns.

        Raises:
            ValueError: the window or an amount is not sound; the careful path says where.
        """
        if window.end <= window.start:
            raise ValueError(window)
        count = len(rows)
        absent: Column = (None,) * count
        wire = dict(zip(self._fields, zip(*map(astuple, rows), strict=True), strict=False))
        if "amount" in wire:
            self._split_amounts(wire)
        return Bucket(
            window,
            count,
            self._dimensions(wire, absent),
            (*(wire.get(name, absent) for name in self.endpoint.counters), absent),
        )

    def _dimensions(self, wire: dict[str, Column], absent: Column) -> Columns:
        """Intern the dimension columns, in identity order."""
        columns = [wire.get(name, absent) for name in self.endpoint.dimensions]
        rows = len(absent)
        return (
            *(
                absent
                if rows and column[0] is None and column.count(None) == rows
                else tuple(map(self._flags if name == "batch" else self._texts, column))
                for name, column in zip(self.endpoint.dimensions, columns, strict=True)
            ),
            absent,
        )

    @staticmethod
    def _split_amounts(wire: dict[str, Column]) -> None:
        """Replace ``amount`` by its value and currency, and make the money canonical."""
        amounts = wire.pop("amount")
        wire["currency"] = tuple(amount and amount.currency for amount in amounts)
        wire["amount_value"] = tuple(amount and amount.value for amount in amounts)
        for name in ("amount_value", "quantity"):
            wire[name] = tuple(map(money_of, wire[name]))


def money_of(written: Raw | None) -> Decimal | None:
    """Return the canonical amount of a JSON number.

    Raises:
        ValueError: it is a string or out of bounds; the careful path looks at it.
    """
    text = b"null" if written is None else bytes(written)
    if text == b"null":
        return None
    if text[:1] not in b"-0123456789":
        raise ValueError(text)
    return money(Decimal(text.decode()))
