"""The hot path: today's schema, decoded by typed structs and turned into columns at C speed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Raw
from msgspec.structs import astuple, replace
from xxhash import xxh3_128_digest

from stream.decode.density import SMALL, check_density, check_rows
from stream.decode.known_texts import KnownTexts
from stream.decode.page import BucketPage
from stream.decode.pieces import Piece, cut_page
from stream.decode.values import NUMBER, Codes, Flags, Texts
from stream.decode.wire import Wire, row_fields
from stream.providers.endpoint import CODES, Endpoint
from stream.records.money import MAX_FRACTION_DIGITS, MAX_INTEGER_DIGITS, canonical_money
from stream.records.windows import Bucket, Column, Window

__all__ = [
    "Decoder",
    "KnownRows",
    "ShareTest",
    "count_all",
    "keep_own",
    "know_nothing",
]

UNFAMILIAR: Final = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
    ValueError,
    ArithmeticError,
)
"""What decoding raises for a page that is not as expected; only the careful path knows why."""

RECENT: Final = 32
"""How many windows a decoder remembers."""
AT_ONCE: Final = 1 << 23
"""Bytes of a page whose rows may all be in memory twice while it is decoded."""

NOT_ZERO: Final = "123456789"
SHORT: Final = min(MAX_INTEGER_DIGITS, MAX_FRACTION_DIGITS)
"""How long an amount may be that has not too many digits on either side."""

KnownRows: TypeAlias = Callable[[Window, bytes], int | None]
"""Tells how many rows a bucket has, by its window and digest, if its window holds just that."""
ShareTest: TypeAlias = Callable[[int], bool]
"""Tells whether buckets that start at a time are this one's to count."""


def know_nothing(_: Window, __: bytes) -> int | None:
    """Know no bucket."""
    return None


def count_all(_: int) -> bool:
    """Count all buckets."""
    return True


class Decoder:
    """Decodes the pages of one endpoint; made once, as its texts are interned across pages."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Build the decoder from the registry's entry."""
        self.endpoint = endpoint
        texts, flags, codes = (kind().__getitem__ for kind in (Texts, Flags, Codes))
        canonical = {
            name: flags if name == "batch" else codes if name in CODES else texts
            for name in endpoint.dimensions
        }
        self._wire = Wire(endpoint, canonical.values())
        """Decodes rows of any texts."""
        self.usual: Wire | None = None
        """Decodes rows that have no other texts than those that are known, and is tried first."""
        fields = [one for one in endpoint.grouped_by if one in canonical and one not in CODES]
        self.texts = KnownTexts(fields)
        names = [name for name, *_ in row_fields(endpoint)]
        self._width = len(names)
        self._amounts = [names.index(name) for name in ("amount", "quantity") if name in names]
        if self._amounts:
            names += ["amount_value", "currency"]
        places = {name: place for place, name in enumerate(names)}
        self._nothing: list[Column] = [()] * len(endpoint.dimensions)
        self._recent: dict[Window, list[Column]] = {}
        """Dimensions of the last windows: one that comes again soon mostly has the same rows."""
        self._dimensions = [places[name] for name in endpoint.dimensions]
        self._counters = [places.get(name, len(names)) for name in endpoint.counters]
        """Where the columns are among those that rows decode to; behind them is an absent one."""

    def decode(
        self,
        payload: bytes,
        *,
        tolerant: bool = False,
        known: KnownRows | None = know_nothing,
        mine: ShareTest = count_all,
    ) -> BucketPage:
        """Decode a page.

        Tolerant, a bad record is cut out and listed in ``rejections``; a page that cannot be cut
        still raises. A bucket that is ``known`` is not decoded, and one that is not ``mine`` is
        left out. With ``None`` nobody asks what is known: buckets need no digests then.

        Raises:
            BadInput: with the JSON path and what was found and expected there.
        """
        try:
            if known is None and mine is count_all and len(payload) <= AT_ONCE:
                decoded = self._decode_at_once(payload)
                if decoded is not None:
                    return self._page(*decoded, mine)
            found = cut_page(payload)
            if found is not None:
                is_large = len(payload) > SMALL
                buckets = [
                    self._piece(piece, known or know_nothing, is_large=is_large)
                    for piece in found.pieces
                    if mine(piece.window.start)
                ]
                return whole_page_of(buckets, found.has_more, found.next_page)
            check_density(payload)
            return self._page(*self._decode(payload, "decode_page"), mine)
        except UNFAMILIAR:
            from stream.decode.careful import careful_page  # noqa: PLC0415 -- few pages are unfamiliar

            check_density(payload)
            return keep_own(careful_page(self.endpoint, payload, tolerant=tolerant), mine)

    def _decode(self, content: bytes | memoryview, how: str) -> tuple[Any, Wire]:
        """Decode something, if it can be as what is usual; return by what it was, too."""
        wire = self.usual or self._wire
        try:
            return getattr(wire, how)(content), wire
        except UNFAMILIAR:
            if wire is self._wire:
                raise
        found = getattr(self._wire, how)(content)
        self.usual = None  # there was another text: what follows is learned from
        return found, self._wire

    def _decode_at_once(self, payload: bytes) -> tuple[Any, Wire] | None:
        """Decode a page without a look at its buckets' borders; ``None``: they are to be seen.

        A large one may have rows of hardly any bytes, unless each of them says what it is.
        """
        if len(payload) <= SMALL:
            return self._decode(payload, "decode_page")
        with suppress(*UNFAMILIAR):
            return self._decode(payload, "decode_named")
        return None

    def _page(self, page: Any, wire: Wire, mine: ShareTest) -> BucketPage:
        """Turn a typed page into buckets of columns.

        Raises:
            ValueError: as :meth:`_bucket`.
        """
        found = page.data
        if mine is not count_all:
            found = [bucket for bucket in found if mine(bucket.start_time)]
        buckets = [
            self._bucket(Window(bucket.start_time, bucket.end_time), bucket.results, wire)
            for bucket in found
        ]
        return whole_page_of(buckets, page.has_more, page.next_page)

    def read_bucket(self, bucket: Bucket) -> Bucket:
        """Decode a bucket that was known, and is not any more."""
        found, wire = self._decode(bucket.unread_json or b"", "decode_bucket")
        return self._bucket(bucket.window, found.results, wire, bucket.digest)

    def _piece(self, piece: Piece, known: KnownRows, *, is_large: bool) -> Bucket:
        """Decode a bucket, unless its window holds just what it says.

        Of a large page no bucket may have rows of hardly any bytes, whoever reads which of them.

        Raises:
            ValueError: it is not sound, or names two windows; the careful path says where.
        """
        window, content = piece.window, piece.content
        digest = xxh3_128_digest(content)
        rows = known(window, digest)
        if rows is not None:
            return Bucket(window, rows, (), (), digest=digest, unread_json=content)
        check_density(content)
        found, wire = self._decode(content, "decode_bucket")
        if is_large:
            check_rows(len(found.results), len(content))
        if window != Window(found.start_time, found.end_time):  # the last of doubled members counts
            raise ValueError(window)
        return self._bucket(window, found.results, wire, digest)

    def _bucket(self, window: Window, rows: list[Any], wire: Wire, digest: bytes = b"") -> Bucket:
        """Turn typed rows into columns.

        Raises:
            ValueError: the window or an amount is not sound; the careful path says where.
        """
        if window.end <= window.start:
            raise ValueError(window)
        count = len(rows)
        absent: Column = (None,) * count
        columns: list[Column] = list(zip(*map(astuple, rows), strict=True)) or [()] * self._width
        if self._amounts:
            amounts, quantity = self._amounts
            columns += amounts_of(columns[amounts])
            columns[quantity] = tuple(map(money_of, columns[quantity]))
        columns.append(absent)
        before = self._recent.get(window, self._nothing)
        found = [columns[place] for place in self._dimensions]
        dimensions = [
            known
            if column == known
            else absent
            if count and column[0] is None and column.count(None) == count
            else column
            if canonical is None
            else tuple(map(canonical, column))
            for canonical, known, column in zip(wire.canonical, before, found, strict=True)
        ]
        if len(self._recent) >= RECENT:
            self._recent.clear()
        self._recent[window] = dimensions
        if wire is self._wire:
            self._learn(count, found, dimensions)
        counters = map(columns.__getitem__, self._counters)
        return Bucket(window, count, (*dimensions, absent), (*counters, absent), digest=digest)

    def _learn(self, rows: int, found: list[Column], dimensions: list[Column]) -> None:
        """Learn the texts of rows; once they are enough, what has no others is usual."""
        names = self.endpoint.dimensions
        columns = dict(zip(names, zip(found, dimensions, strict=True), strict=True))
        self.texts.learn(rows, {name: columns[name] for name in self.texts.fields})
        if self.texts.is_due and self.texts.fields:
            texts = self.texts.take_stock()
            canonical = (one for one in self._wire.canonical if one is not None)
            self.usual = Wire(self.endpoint, canonical, texts)


def amounts_of(amounts: Column) -> list[Column]:
    """Return the canonical values of amounts, and their currencies."""
    return [
        tuple([money_of(amount.value) if amount else None for amount in amounts]),
        tuple([amount.currency if amount else None for amount in amounts]),
    ]


def whole_page_of(buckets: list[Bucket], has_more: bool, next_page: str | None) -> BucketPage:  # noqa: FBT001 -- the page's own word
    """Put a page together that is all that it should be."""
    cursor = (next_page or "").strip() or None
    rows = sum([bucket.rows for bucket in buckets])
    return BucketPage(buckets, rows, has_more, cursor, len(buckets))


def keep_own(page: BucketPage, mine: ShareTest) -> BucketPage:
    """Leave out of a page what is not ``mine``; what has no window is the first one's."""
    if mine is count_all:
        return page
    buckets = [bucket for bucket in page.buckets if mine(bucket.window.start)]
    rejected = tuple(one for one in page.rejections if mine(one.start))
    return replace(
        page,
        buckets=buckets,
        rejections=rejected,
        rows=sum(bucket.rows for bucket in buckets) + sum(one.rows for one in rejected),
        data_buckets=sum(not bucket.rollup for bucket in buckets)
        + sum(one.bucket for one in rejected),
    )


def money_of(written: Raw | None) -> Decimal | None:
    """Return the canonical amount of a JSON number, or of a number in a JSON text.

    Raises:
        ValueError: it is something else, or out of bounds; the careful path looks at it.
    """
    text = str(written or b"null", "ascii")
    if text == "null":
        return None
    if "." in text and text[-1] in NOT_ZERO and len(text) <= SHORT and "e" not in text.lower():
        return Decimal(text)  # canonical as it stands, which takes half the time to see
    if text[0] == '"':
        text = text[1:-1].strip(" ")
        if not NUMBER.fullmatch(text):
            raise ValueError(text)
    elif text[0] not in "-0123456789":
        raise ValueError(text)
    return canonical_money(Decimal(text))
