"""A breakdown as people read it: digits apart, and below each other; exact. And that in Markdown.

Texts are masked and have no control characters.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NamedTuple

from stream.figures.breakdown import Measure
from stream.records.money import Number
from stream.records.privacy import one_line
from stream.sinks.exports.breakdowns import NAME, FigureTable

__all__ = ["TextTable", "lines_of", "write_markdown"]

TITLES: Final = {
    "project_id": "project",
    NAME: "name",
    "service_tier": "tier",
    "line_item": "line item",
    "input_tokens": "tokens in",
    "input_cached_tokens": "cached",
    "output_tokens": "tokens out",
    "num_model_requests": "requests",
}
UNSUITED: Final = "–"
"""What stands where a dimension does not apply."""
MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|!~])")


class TextTable(NamedTuple):
    """Titles, and the cells of each row, the total's last; so many columns are of texts."""

    titles: list[str]
    rows: list[list[str]]
    texts: int


def title_of(name: str) -> str:
    """Return what a column is called by people."""
    return TITLES.get(name, name.replace("_", " "))


def lines_of(table: FigureTable) -> TextTable:
    """Return a table for people; where nobody knows names there is no column of them."""
    ranked, columns, rows = table.body, table.columns, list[list[str]]()
    first = len(columns) - len(table.choice.dimensions) - (NAME in columns)
    for row in ranked.rows:
        texts = [UNSUITED if one is None else one_line(one) for one in table.texts_of(row)]
        if row.other_groups:
            texts[first:] = [
                f"{row.other_groups} more, use --top",
                *[""] * (len(columns) - first - 1),
            ]
        rows.append(texts)
    if len(rows) > 1 and columns:
        rows.append(["total"] + [""] * (len(columns) - 1))
    if NAME in columns and not any(one[columns.index(NAME)].strip(UNSUITED) for one in rows):
        for cells in rows:
            del cells[columns.index(NAME)]
        columns.remove(NAME)
    figures = [row.figures for row in ranked.rows] + [ranked.total]
    for measure in ranked.measures:
        column = write_column([one.get(measure) for one in figures])
        for cells, cell in zip(rows, column, strict=False):
            cells.append(cell)
    titles = [title_of(one) for one in columns]
    titles += [one_line(name_measure(one)) for one in ranked.measures]
    return TextTable(titles, rows, len(columns))


def name_measure(measure: Measure) -> str:
    """Return what a measure is called by people."""
    return f"{measure.name} {measure.currency}" if measure.currency else title_of(measure.name)


def write_column(numbers: list[Number | None]) -> list[str]:
    """Write numbers with their thousands apart, and as many digits behind the point, exactly."""
    places = max((places_of(one) for one in numbers if one is not None), default=0)
    return [
        "" if one is None else f"{Decimal(one):,.{places}f}" if places else f"{one:,}"
        for one in numbers
    ]


def places_of(number: Number) -> int:
    """Return how many digits a number has behind the point."""
    return max(0, -int(number.as_tuple().exponent)) if isinstance(number, Decimal) else 0


def write_markdown(table: FigureTable) -> bytes:
    """Write a table in Markdown, with its notes below."""
    titles, rows, texts = lines_of(table)
    rules = ["---"] * texts + ["---:"] * len(table.body.measures)
    lines = [titles, rules, *([escape_markup(one) for one in row] for row in rows)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return (text + "".join(f"\n{escape_markup(one)}\n" for one in table.notes)).encode()


def escape_markup(text: str) -> str:
    """Return a text that says the same in Markdown."""
    return MARKUP.sub(r"\\\1", text)
