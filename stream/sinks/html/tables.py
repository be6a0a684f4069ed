"""What was used and billed, as tables and charts of a page: exact, and of bounded length.

All of it is breakdowns of the days that the report's own figures are made of, added up once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from stream.figures.breakdown import BILLED, USUAL, Breakdown, Measure
from stream.figures.ranks import Figures, RankedRow, rank_rows
from stream.records.money import MONEY, Number, exact_number
from stream.sinks.html.names import shorten_text

__all__ = [
    "MOST_CURRENCIES",
    "EstimatedAmounts",
    "PageColumn",
    "PageRow",
    "PageTable",
    "SheetWords",
    "make_sheet",
]

TITLES: Final = {
    "input_tokens": "tokens in",
    "input_cached_tokens": "of them cached",
    "output_tokens": "tokens out",
    "num_model_requests": "requests",
}
MOST_CURRENCIES: Final = 4
"""Currencies that have columns; more are in the report."""
MOST_PLACES: Final = 6
"""Digits behind the point that all amounts of a column have where one has so many."""
CENTS: Final = 2
ROUNDED: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)
TENTH: Final = Decimal("0.1")
HUNDRED: Final = Decimal(100)


class PageColumn(NamedTuple):
    """A column of figures: what it is called, and what it has; ``None`` is what was estimated."""

    title: str
    measure: Measure | None


class PageRow(NamedTuple):
    """A row: what it is of, its id where it has a name beside, a figure a column, and its share.

    ``is_rest``: it is what more groups come to together.
    """

    name: str
    id: str
    figures: list[Number | None]
    share: str = ""
    is_rest: bool = False


class PageTable(NamedTuple):
    """A table; ``share_title`` is empty where its rows have no shares."""

    id: str
    title: str
    caption: str
    head: str
    columns: list[PageColumn]
    rows: list[PageRow]
    total: PageRow | None
    share_title: str = ""

    @property
    def lines(self) -> list[tuple[PageRow, list[str]]]:
        """Its rows, the total last, with their figures as they are written; exact."""
        rows = [*self.rows, *([] if self.total is None else [self.total])]
        columns = [write_column(one) for one in zip(*(row.figures for row in rows), strict=True)]
        written = zip(*columns, strict=True) if columns else ([] for _ in rows)
        return [(row, [*texts]) for row, texts in zip(rows, written, strict=True)]


class EstimatedAmounts(NamedTuple):
    """What was estimated in a currency, by the value that a row has, as it is shown."""

    currency: str
    amounts: Mapping[str, Decimal]


class SheetWords(NamedTuple):
    """How a table speaks: its id, title, what stands over its rows, and how it calls them."""

    id: str
    title: str
    caption: str
    head: str
    name_of: Callable[[str], str | None] = lambda _: None


def write_column(numbers: Iterable[Number | None]) -> list[str]:
    """Write numbers exactly, money with its points below each other where it has few digits."""
    found = list(numbers)
    money = [one for one in found if isinstance(one, Decimal)]
    places = min(max(map(places_of, money), default=0), MOST_PLACES)
    return [
        ""
        if one is None
        else f"{Decimal(one):,.{max(places, places_of(one), CENTS)}f}"
        if money
        else f"{one:,}"
        for one in found
    ]


def places_of(number: Number) -> int:
    """Return how many digits a number has behind the point."""
    return max(0, -int(number.as_tuple().exponent)) if isinstance(number, Decimal) else 0


def columns_of_figures(
    measures: Iterable[Measure], estimated: EstimatedAmounts | None
) -> list[PageColumn]:
    """Return the columns: money first, then what was used."""
    found = list(measures)
    money = [one for one in found if one.name == BILLED][:MOST_CURRENCIES]
    columns = [PageColumn(f"billed, {call_currency(one.currency)}", one) for one in money]
    if estimated is not None:
        columns.append(PageColumn(f"estimated, {call_currency(estimated.currency)}", None))
    return columns + [PageColumn(TITLES[one.name], one) for one in found if one.name in USUAL]


def call_currency(currency: str) -> str:
    """Return what a currency is called; bounded, as it comes from outside."""
    return shorten_text(currency.upper())


def make_sheet(
    found: Breakdown, words: SheetWords, top: int, estimated: EstimatedAmounts | None = None
) -> PageTable:
    """Make the table of a breakdown by one dimension; beyond ``top``, groups are one row.

    What the dimension does not apply to is left out. Shares are of what was billed in the first
    currency; else of what was estimated; else of tokens.
    """
    ranked = rank_rows(found, top)
    rows = [one for one in ranked.rows if one.other_groups or one.values != (None,)]
    kept = [
        one
        for one in ranked.measures
        if any(one in row.figures for row in rows) and (one.name == BILLED or one.name in USUAL)
    ]
    columns = columns_of_figures(kept, estimated)
    table = [row_of(row, columns, words, estimated) for row in rows if not row.other_groups]
    table += rest_of(rows, columns, estimated, top)
    total = PageRow("all together", "", sum_columns([one.figures for one in table], len(columns)))
    basis, title = basis_of(columns)
    whole = add_basis(total, basis)
    return PageTable(
        words.id,
        words.title,
        words.caption,
        words.head,
        columns,
        [one._replace(share=share_of(add_basis(one, basis), whole)) for one in table],
        total if len(table) > 1 else None,
        title,
    )


def row_of(
    row: RankedRow, columns: list[PageColumn], words: SheetWords, estimated: EstimatedAmounts | None
) -> PageRow:
    """Return the row of a group."""
    value = row.values[0] or ""
    amount = None if estimated is None else estimated.amounts.get(value)
    return name_row(value, words, figures_in(row.figures, columns, amount))


def name_row(value: str, words: SheetWords, figures: list[Number | None]) -> PageRow:
    """Return a row with a name, and the id beside it."""
    name, text = words.name_of(value), shorten_text(value)
    return PageRow(shorten_text(name) if name else text, text if name else "", figures)


def figures_in(
    figures: Figures, columns: list[PageColumn], amount: Decimal | None
) -> list[Number | None]:
    """Return a figure for each column."""
    return [amount if one.measure is None else figures.get(one.measure) for one in columns]


def rest_of(
    rows: list[RankedRow], columns: list[PageColumn], estimated: EstimatedAmounts | None, top: int
) -> list[PageRow]:
    """Return a row of the groups that have none, also of those that were estimated alone."""
    named = {one.values[0] for one in rows if not one.other_groups}
    others = [one for one in rows if one.other_groups]
    left = {} if estimated is None else estimated.amounts
    amounts = [amount for value, amount in left.items() if value not in named]
    if not (others or any(amounts)):
        return []
    amount = sum_money(amounts) if amounts else None
    figures = others[0].figures if others else {}
    count = others[0].other_groups if others else len(amounts)
    name = f"{count:,} more together" + ("" if others else ", without such counters")
    row = PageRow(name, f"beyond the first {top}" if others else "", [], is_rest=True)
    return [row._replace(figures=figures_in(figures, columns, amount))]


def sum_columns(rows: Iterable[list[Number | None]], width: int) -> list[Number | None]:
    """Return what rows come to, column by column, exactly."""
    totals: list[Number | None] = [None] * width
    for row in rows:
        totals = [add_numbers(*pair) for pair in zip(totals, row, strict=True)]
    return totals


def add_numbers(one: Number | None, other: Number | None) -> Number | None:
    """Add two figures, of which either may be absent."""
    if one is None or other is None:
        return one if other is None else other
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    return exact_number(MONEY.add(Decimal(one), Decimal(other)))


def sum_money(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts up, exactly."""
    total = Decimal(0)
    for one in amounts:
        total = MONEY.add(total, one)
    return Decimal(exact_number(total))


def basis_of(columns: list[PageColumn]) -> tuple[list[int], str]:
    """Return the columns that shares are of together, and what they are called."""
    titles = [one.title for one in columns]
    has_one = sum(1 for one in columns if one.measure and one.measure.currency) == 1
    for kind in ("billed", "estimated"):
        for at, title in enumerate(titles):
            if title.startswith(kind):
                return [at], "share" if has_one and at == 0 else f"share of {title}"
    tokens = [at for at, title in enumerate(titles) if title in {"tokens in", "tokens out"}]
    return tokens, "share of tokens" if tokens else ""


def add_basis(row: PageRow, basis: list[int]) -> Number | None:
    """Return what a row has of what shares are of; ``None``: nobody knows."""
    total: Number | None = None
    for at in basis:
        total = add_numbers(total, row.figures[at])
    return total


def share_of(part: Number | None, whole: Number | None) -> str:
    """Write a share in per cent, to a tenth; of nothing, and of a credit, there is none."""
    if part is None or whole is None or whole <= 0:
        return ""
    share = ROUNDED.divide(ROUNDED.multiply(Decimal(part), HUNDRED), Decimal(whole))
    text = f"{share.quantize(TENTH, context=ROUNDED)}"
    if part > 0 and text == "0.0":
        return "< 0.1 %"
    return f"{text.replace('-0.0', '0.0')} %"
