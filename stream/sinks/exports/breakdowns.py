"""A breakdown as a table, and that for spreadsheets and for programs: numbers are exact.

In CSV texts have no control characters; in JSON counts are numbers, and money is decimal text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from stream.figures.breakdown import ALL_TIME, BILLED, Breakdown, Choice, Measure
from stream.figures.periods import name_period
from stream.figures.ranks import Figures, RankedRow, RankedRows, rank_rows
from stream.records.money import plain_text_of
from stream.records.privacy import show_label
from stream.records.windows import Window, timestamp
from stream.sinks.bills import show_unpriced
from stream.sinks.exports.estimate_notes import notes_of_estimates

__all__ = [
    "NAME",
    "FigureTable",
    "guard_text",
    "note_long_spans",
    "table_of",
    "write_csv",
    "write_json",
]

NAME: Final = "project_name"
FORMULA: Final = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet takes for the beginning of a formula; full-width signs are some's, too."""
Cell: TypeAlias = str | None


class FigureTable(NamedTuple):
    """Figures as rows, with what projects are called, and what must be said of them.

    ``json_members`` are what JSON has beside.
    """

    choice: Choice
    body: RankedRows
    names: Mapping[str, str]
    notes: list[str]
    json_members: Mapping[str, Any] = MappingProxyType({})

    @property
    def columns(self) -> list[str]:
        """The names of the columns that say what a row is of."""
        choice = self.choice
        period = [choice.period] if choice.period != "total" else []
        by = ((one, NAME) if one == "project_id" else (one,) for one in choice.dimensions)
        return period + [name for names in by for name in names]

    def texts_of(self, row: RankedRow) -> list[Cell]:
        """Return what a row is of; ``None``: that does not apply."""
        found: list[Cell] = []
        if self.choice.period != "total":
            found.append(name_period(row.period, self.choice.period))
        for name, value in zip(self.choice.dimensions, row.values, strict=True):
            found.append(value)
            if name == "project_id":
                found.append(None if value is None else self.names.get(value, ""))
        return found


def table_of(
    found: Breakdown, names: Mapping[str, str], top: int | None, notes: list[str]
) -> FigureTable:
    """Make the table of a breakdown; ``notes`` are said beside what it needs itself."""
    ranked = rank_rows(found, top)
    notes = [*notes, *notes_of(found, ranked), *notes_of_estimates(found)]
    json_members: dict[str, Any] = {}
    if found.estimates is not None:
        json_members["prices"] = found.estimates.prices.title
        json_members["without_price"] = show_unpriced(found.estimates.without_price)
    return FigureTable(found.choice, ranked, names, notes, json_members)


def notes_of(found: Breakdown, ranked: RankedRows) -> list[str]:
    """Say what a breakdown cannot tell apart."""
    by, notes = found.choice.dimensions, []
    is_billed = any(one.name == BILLED for one in ranked.measures)
    is_used = any(one.name != BILLED for one in ranked.measures)
    if is_billed and {"service_tier", "model"} & set(by):
        notes.append(
            "billed cost has no tier and no model: it stands in rows of its own, and is not spread"
        )
    if is_used and "line_item" in by:
        notes.append("usage has no line item: it stands in rows of its own")
    notes += note_long_spans(found.long_spans)
    if any(one.name == "usage_bytes" for one in ranked.measures):
        notes.append("usage_bytes is how much there was in the end of each period, and no sum")
    return notes


def note_long_spans(long_spans: Collection[Window]) -> list[str]:
    """Say which days a window joins, if any."""
    if not long_spans:
        return []
    first = min(long_spans)
    more = f", and {len(long_spans) - 1} more" if len(long_spans) > 1 else ""
    days = name_period(first.start, "day"), name_period(first.end - 1, "day")
    return [f"windows cross midnight: {days[0]} stands for the days until {days[1]}{more}"]


def key_of(measure: Measure) -> str:
    """Return what a measure's column is called by programs."""
    return f"{measure.name}_{show_label(measure.currency)}" if measure.currency else measure.name


def write_csv(table: FigureTable) -> bytes:
    """Write a table as RFC 4180 has it, in UTF-8, without the total.

    A text that a spreadsheet would take for a formula has an apostrophe in front.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    measures = table.body.measures
    writer.writerow([*table.columns, *(guard_text(key_of(one)) for one in measures)])
    for row in table.body.rows:
        if row.other_groups:
            continue
        texts = (guard_text(show_label(one or "")) for one in table.texts_of(row))
        numbers = (row.figures.get(one) for one in measures)
        writer.writerow([*texts, *("" if one is None else plain_text_of(one) for one in numbers)])
    return out.getvalue().encode(errors="backslashreplace")


def guard_text(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if FORMULA.match(text) else text


def write_json(table: FigureTable) -> bytes:
    """Write a table as JSON: counts as numbers, money as decimal text."""
    start, end = table.choice.span
    rows = [
        {name: text or None for name, text in zip(table.columns, table.texts_of(row), strict=True)}
        | json_figures(row.figures)
        for row in table.body.rows
        if not row.other_groups
    ]
    shown: dict[str, Any] = {
        "by": table.choice.dimensions,
        "per": table.choice.period,
        "since": timestamp(start) if start else None,
        "until": timestamp(end) if end < ALL_TIME.end else None,
        "rows": rows,
        "total": json_figures(table.body.total),
        "notes": table.notes,
    }
    return msgspec.json.format(msgspec.json.encode(shown | {**table.json_members}), indent=2)


def json_figures(figures: Figures) -> dict[str, Any]:
    """Return figures as JSON has them; of money, the amounts by currency."""
    found: dict[str, Any] = {}
    for measure, value in figures.items():
        shown = value if isinstance(value, int) else plain_text_of(value)
        if measure.currency:
            found.setdefault(measure.name, {})[measure.currency] = shown
        else:
            found[measure.name] = shown
    return found
