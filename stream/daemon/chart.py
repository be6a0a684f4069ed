"""The chart of the last thirty days: what is drawn, as numbers that a template writes as SVG.

Bars are drawn into a square of 100 that is stretched to its place, so words stand beside it. What
is seen is also said: each chart has a title, a description, and a table with the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from typing import Final, NamedTuple

from stream.daemon.notation import group_digits, shorten_number, write_day, write_money
from stream.daemon.overview import Overview, order_currencies
from stream.figures.daily import DailyFigures
from stream.records.money import MONEY, Number
from stream.records.windows import Window

__all__ = ["AREA", "COORDINATE", "Bar", "Chart", "draw_charts", "write_coordinate"]

FEW: Final = 5
"""Projects that have a colour of their own; the others share one."""
TOKENS: Final = "tokens"
OTHERS: Final = "all others"
STEPS: Final = tuple(map(Decimal, ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8", "10")))
"""What an axis may end at, times a power of ten: half of it is a round number too."""
ROOM: Final = Decimal("0.8")
"""How much of its place a bar is wide."""
COORDINATE: Final = Context(prec=8)
EVERY: Final = 7
"""Days from one that is named below the chart to the next; today is the last."""
AREA: Final = Decimal(100)
"""How wide and how high the drawing is."""


class Block(NamedTuple):
    """A piece of a bar, as the attributes of a rectangle; ``rank`` is its colour."""

    rank: int
    y: str
    height: str


class Bar(NamedTuple):
    """A day: what is said of it, where it is, and its pieces; ``name`` stands below it, if any."""

    title: str
    x: str
    blocks: list[Block]
    name: str


class Legend(NamedTuple):
    """What a colour means, and what that comes to."""

    rank: int
    name: str
    total: str


class Chart(NamedTuple):
    """A chart of one unit, a currency or tokens; ``width`` is that of a bar."""

    title: str
    description: str
    ticks: tuple[str, str, str]
    bars: list[Bar]
    legends: list[Legend]
    width: str
    has_credits: bool


Values = Mapping[Window, Mapping[str, Number]]
"""What each day has of each project."""


def draw_charts(overview: Overview, name_of: Callable[[str], str]) -> list[Chart]:
    """Draw a chart for each currency of the last thirty days, or one of tokens without any.

    ``name_of`` a project is what people call it.
    """
    days = overview.days
    currencies = order_currencies(one for found in days.values() for one in found.values())
    if not currencies:
        tokens: Values = {
            day: {project: tokens_of(figures) for project, figures in found.items()}
            for day, found in days.items()
        }
        return [draw_chart(TOKENS, tokens, name_of, group_digits)] if is_any(tokens) else []
    return [
        draw_chart(currency.upper(), money_of(days, currency), name_of, write_money)
        for currency in currencies
    ]


def money_of(days: Mapping[Window, Mapping[str, DailyFigures]], currency: str) -> Values:
    """Return what each project was billed on each day, in a currency."""
    return {
        day: {
            project: figures.cost[currency]
            for project, figures in found.items()
            if currency in figures.cost
        }
        for day, found in days.items()
    }


def tokens_of(figures: DailyFigures) -> int:
    """Return the tokens of both ways."""
    return (figures.input or 0) + (figures.output or 0)


def is_any(values: Values) -> bool:
    """Tell whether there is anything to draw."""
    return any(one for found in values.values() for one in found.values())


def sum_up(numbers: Iterable[Number]) -> Decimal:
    """Add numbers up, exactly."""
    total = Decimal(0)
    for one in numbers:
        total = MONEY.add(total, Decimal(one))
    return total


def draw_chart(
    unit: str,
    values: Values,
    name_of: Callable[[str], str],
    write: Callable[[Number], str],
) -> Chart:
    """Draw a chart; what is less than zero is said, and not drawn."""
    projects = {project for found in values.values() for project in found}
    sums = {one: sum_up(found.get(one, 0) for found in values.values()) for one in projects}
    ranked = sorted(projects, key=lambda one: (-sums[one], one))
    ranks = {project: min(rank, FEW) for rank, project in enumerate(ranked)}
    heights = [sum_up(max(one, 0) for one in found.values()) for found in values.values()]
    top = end_of_axis(max(heights, default=Decimal(0)))
    step = COORDINATE.divide(AREA, Decimal(len(values)))
    bars = [
        Bar(
            describe_day(day, found, unit, name_of, write),
            write_coordinate(step * number + step * (1 - ROOM) / 2),
            stack_blocks(found, ranks, top),
            write_day(day.start)[5:] if (len(values) - 1 - number) % EVERY == 0 else "",
        )
        for number, (day, found) in enumerate(values.items())
    ]
    legends = [
        Legend(rank, name_of(one), write(sums[one])) for rank, one in enumerate(ranked[:FEW])
    ]
    if rest := ranked[FEW:]:
        name = name_of(rest[0]) if len(rest) == 1 else f"{OTHERS} ({len(rest)})"
        legends.append(Legend(FEW, name, write(sum_up(sums[one] for one in rest))))
    return Chart(
        f"{'Tokens' if unit == TOKENS else f'Cost in {unit}'}, by day and project",
        describe_values(values, unit, write),
        (shorten_number(top), shorten_number(top / 2), "0"),
        bars,
        legends,
        write_coordinate(step * ROOM),
        any(one < 0 for found in values.values() for one in found.values()),
    )


def describe_values(values: Values, unit: str, write: Callable[[Number], str]) -> str:
    """Say from when to when a chart goes, what that comes to, and which day has the most."""
    totals = {day: sum_up(found.values()) for day, found in values.items()}
    first, *_, last = totals
    most = max(totals, key=lambda day: totals[day])
    return (
        f"{write_day(first.start)} to {write_day(last.start)}: {write(sum_up(totals.values()))} "
        f"{unit} in all, most on {write_day(most.start)} with {write(totals[most])}; "
        "the table below has each day."
    )


def end_of_axis(most: Decimal) -> Decimal:
    """Return a round number that is not less than ``most``, and above zero."""
    if most <= 0:
        return Decimal(1)
    size = Decimal(1).scaleb(most.adjusted())
    return next(step * size for step in STEPS if step * size >= most)


def write_coordinate(value: Decimal) -> str:
    """Write a place or a length in the drawing, to a thousandth."""
    return format(COORDINATE.plus(value).quantize(Decimal("0.001")), "f")


def stack_blocks(
    found: Mapping[str, Number], ranks: Mapping[str, int], top: Decimal
) -> list[Block]:
    """Put a day's pieces on each other, the greatest project's at the bottom."""
    sums: dict[int, Decimal] = {}
    for project, value in found.items():
        if value > 0:
            sums[ranks[project]] = MONEY.add(sums.get(ranks[project], Decimal(0)), Decimal(value))
    blocks, floor = [], AREA
    for rank in sorted(sums):
        height = COORDINATE.divide(sums[rank] * AREA, top)
        floor -= height
        blocks.append(Block(rank, write_coordinate(floor), write_coordinate(height)))
    return blocks


def describe_day(
    day: Window,
    found: Mapping[str, Number],
    unit: str,
    name_of: Callable[[str], str],
    write: Callable[[Number], str],
) -> str:
    """Say what a day has, the greatest projects by name."""
    ranked = sorted(found, key=lambda one: (-found[one], one))
    parts = [f"{name_of(one)} {write(found[one])}" for one in ranked[:FEW]]
    parts += [f"{len(ranked) - FEW} more"] if len(ranked) > FEW else []
    said = f"{write(sum_up(found.values()))} {unit}" if found else "nothing known"
    return f"{write_day(day.start)}: {said}" + (f" ({', '.join(parts)})" if parts else "")
