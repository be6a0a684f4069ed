"""The hot path: today's schema, decoded by typed structs and turned into columns at C speed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct, defstruct
from msgspec.structs import astuple

from stream.decode.careful import careful_page
from stream.decode.cutting import Piece, cut, digest_of
from stream.decode.page import Page
from stream.decode.values import Flags, Texts
from stream.endpoints import Endpoint
from stream.records import MAX_COUNT, MAX_TIME, Bucket, Column, Columns, Window, money

__all__ = ["Decoder", "everything", "nothing_known", "page_type"]

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Time = Annotated[int, Meta(ge=0, le=MAX_TIME)]


class Amount(Struct, forbid_unknown_fields=True, gc=False):
    """A cost; its value is read from the JSON text, as what arrives as a string wants a look."""

    value: Raw = Raw()
    currency: str | None = None


def row_fields(endpoint: Endpoint) -> list[tuple[str, Any, Any]]:
    """List a row's fields in wire order; ``cost`` is left to the careful path: it is older."""
    fields: list[tuple[str, Any, Any]] = [("object", Literal[endpoint.result] | None, None)]
    fields += [(name, Count | None, None) for name in endpoint.counts]
    if "amount_value" in endpoint.money:
        fields += [("amount", Amount | None, None), ("quantity", Raw, Raw())]
    for name in endpoint.grouped_by:
        if name == "batch":
            fields.append((name, bool | str | None, None))
        elif name != "currency":
            fields.append((name, str | None, None))
    return fields


STRICT: Final[dict[str, Any]] = {"forbid_unknown_fields": True, "gc": False}


@cache
def bucket_type(endpoint: Endpoint) -> type[Any]:
    """Return the struct that a bucket of the endpoint decodes to: a window of rows."""
    row = defstruct("Row", row_fields(endpoint), **STRICT)
    return defstruct(
        "WireBucket",
        [
            ("object", Literal["bucket"]),
            ("start_time", Time),
            ("end_time", Time),
            ("results", list[row]),  # type: ignore[valid-type]  # made above, from the registry
        ],
        **STRICT,
    )


@cache
def page_type(endpoint: Endpoint) -> type[Any]:
    """Return the struct that a page of the endpoint decodes to: a page of buckets of rows."""
    bucket = bucket_type(endpoint)
    return defstruct(
        "WirePage",
        [
            ("object", Literal["page"]),
            ("data", list[bucket]),  # type: ignore[valid-type]  # made above, from the registry
            ("has_more", bool),
            ("next_page", str | None, None),
        ],
        **STRICT,
    )


UNFAMILIAR: Final = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
    ValueError,
    ArithmeticError,
)
"""What decoding raises for a page that is not as expected; only the careful path knows why."""


Known: TypeAlias = Callable[[Window, bytes], int | None]
"""Tells how many rows a bucket has, by its window and digest, if its window holds just that."""
Mine: TypeAlias = Callable[[int], bool]
"""Tells whether buckets that start at a time are this one's to count."""


def nothing_known(_: Window, __: bytes) -> int | None:
    """Know no bucket."""
    return None


def everything(_: int) -> bool:
    """Count all buckets."""
    return True


class Decoder:
    """Decodes the pages of one endpoint; made once, as its texts are interned across pages."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Build the decoder from the registry's entry."""
        self.endpoint = endpoint
        self._decode = msgspec.json.Decoder(page_type(endpoint)).decode
        self._decode_bucket = msgspec.json.Decoder(bucket_type(endpoint)).decode
        self._fields = tuple(name for name, _, _ in row_fields(endpoint))
        self._texts = Texts().__getitem__
        self._flags = Flags().__getitem__

    def decode(
        self,
        payload: bytes,
        *,
        tolerant: bool = False,
        known: Known = nothing_known,
        mine: Mine = everything,
    ) -> Page:
        """Decode a page.

        Tolerant, a bad record is cut out and listed in ``rejected``; a page that cannot be cut
        still raises. A bucket that is ``known`` is not decoded, and one that is not ``mine`` is
        left out.

        Raises:
            BadInput: with the JSON path and what was found and expected there.
        """
        try:
            found = cut(payload)
            if found is not None:
                buckets = [
                    self._piece(piece, known) for piece in found.pieces if mine(piece.window.start)
                ]
                return page_of(buckets, found.has_more, found.next_page)
            wire = self._decode(payload)
            buckets = [
                self._bucket(Window(bucket.start_time, bucket.end_time), bucket.results)
                for bucket in wire.data
                if mine(bucket.start_time)
            ]
            return page_of(buckets, wire.has_more, wire.next_page)
        except UNFAMILIAR:
            return owned(careful_page(self.endpoint, payload, tolerant=tolerant), mine)

    def read(self, bucket: Bucket) -> Bucket:
        """Decode a bucket that was known, and is not any more."""
        wire = self._decode_bucket(bucket.unread or b"")
        return self._bucket(bucket.window, wire.results)._replace(digest=bucket.digest)

    def _piece(self, piece: Piece, known: Known) -> Bucket:
        """Decode a bucket, unless its window holds just what it says.

        Raises:
            ValueError: it is not sound, or names two windows; the careful path says where.
        """
        window, content = piece
        digest = digest_of(content)
        rows = known(window, digest)
        if rows is not None:
            return Bucket(window, rows, (), (), digest=digest, unread=content)
        wire = self._decode_bucket(content)
        if window != Window(wire.start_time, wire.end_time):  # the last of doubled members counts
            raise ValueError(window)
        return self._bucket(window, wire.results, digest)

    def _bucket(self, window: Window, rows: list[Any], digest: bytes = b"") -> Bucket:
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
            digest=digest,
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


def page_of(buckets: list[Bucket], has_more: bool, next_page: str | None) -> Page:  # noqa: FBT001 -- the page's own word
    """Put a page together that is all that it should be."""
    cursor = (next_page or "").strip() or None
    return Page(buckets, sum(bucket.rows for bucket in buckets), has_more, cursor, len(buckets))


def owned(page: Page, mine: Mine) -> Page:
    """Leave out of a page what is not ``mine``; what has no window is the first one's."""
    if mine is everything:
        return page
    buckets = [bucket for bucket in page.buckets if mine(bucket.window.start)]
    rejected = tuple(one for one in page.rejected if mine(one.start))
    return page._replace(
        buckets=buckets,
        rejected=rejected,
        rows=sum(bucket.rows for bucket in buckets) + sum(one.rows for one in rejected),
        data_buckets=sum(not bucket.rollup for bucket in buckets),
    )


def money_of(written: Raw | None) -> Decimal | None:
    """Return the canonical amount of a JSON number; what is absent is an empty text.

    Raises:
        ValueError: it is a string or out of bounds; the careful path looks at it.
    """
    text = bytes(written or b"null")
    if text == b"null":
        return None
    if text[:1] not in b"-0123456789":
        raise ValueError(text)
    return money(Decimal(text.decode()))
