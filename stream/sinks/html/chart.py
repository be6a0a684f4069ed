"""A chart of bars: what is drawn, as numbers that a template writes as SVG.

Bars are drawn into a square of 100 that is stretched to its place, so words stand beside it. What
is seen is also said: each chart has a title and a description, and a table with the same figures
stands below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from typing import Final, NamedTuple, TypeAlias

from stream.records.money import MONEY, Number
from stream.sinks.html.notation import shorten_number

__all__ = [
    "AREA",
    "COORDINATE",
    "Bar",
    "Chart",
    "ChartWords",
    "Values",
    "draw_chart",
    "end_of_axis",
    "is_any",
    "sum_up",
    "write_coordinate",
]

FEW: Final = 5
"""Groups that have a colour of their own; the others share one."""
OTHERS: Final = "all others"
STEPS: Final = tuple(map(Decimal, ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8", "10")))
"""What an axis may end at, times a power of ten: half of it is a round number too."""
ROOM: Final = Decimal("0.8")
"""How much of its place a bar is wide."""
WIDEST: Final = Decimal(14)
"""How wide a bar is at most: a few bars are no walls."""
COORDINATE: Final = Context(prec=8)
AREA: Final = Decimal(100)
"""How wide and how high the drawing is."""


class Block(NamedTuple):
    """A piece of a bar, as the attributes of a rectangle; ``rank`` is its colour."""

    rank: int
    y: str
    height: str


class Bar(NamedTuple):
    """A period: what is said of it, where it is, and its pieces; ``name`` stands below it."""

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


class ChartWords(NamedTuple):
    """How a chart speaks: its title, its unit, and how it writes numbers and groups.

    ``preposition`` stands in front of a period (on a day, in a month). Below the chart a period has
    a shorter name, by ``shorten``: the last one, and each ``interval`` before it.
    """

    title: str
    unit: str
    name_of: Callable[[str], str]
    write: Callable[[Number], str]
    preposition: str
    shorten: Callable[[str], str]
    interval: int


Values: TypeAlias = Mapping[str, Mapping[str, Number]]
"""What each period, as it is called, has of each group."""


def is_any(values: Values) -> bool:
    """Tell whether there is anything to draw."""
    return any(one for found in values.values() for one in found.values())


def sum_up(numbers: Iterable[Number]) -> Decimal:
    """Add numbers up, exactly."""
    total = Decimal(0)
    for one in numbers:
        total = MONEY.add(total, Decimal(one))
    return total


def draw_chart(values: Values, words: ChartWords) -> Chart:
    """Draw a chart; what is less than zero is said, and not drawn."""
    groups = {one for found in values.values() for one in found}
    sums = {one: sum_up(found.get(one, 0) for found in values.values()) for one in groups}
    ranked = sorted(groups, key=lambda one: (-sums[one], one))
    ranks = {one: min(rank, FEW) for rank, one in enumerate(ranked)}
    heights = [sum_up(max(one, 0) for one in found.values()) for found in values.values()]
    top = end_of_axis(max(heights, default=Decimal(0)))
    step = COORDINATE.divide(AREA, Decimal(len(values)))
    width = min(step * ROOM, WIDEST)
    bars = [
        Bar(
            describe_period(period, found, words),
            write_coordinate(step * number + (step - width) / 2),
            stack_blocks(found, ranks, top),
            words.shorten(period) if (len(values) - 1 - number) % words.interval == 0 else "",
        )
        for number, (period, found) in enumerate(values.items())
    ]
    legends = [
        Legend(rank, words.name_of(one), words.write(sums[one]))
        for rank, one in enumerate(ranked[:FEW])
    ]
    if rest := ranked[FEW:]:
        name = words.name_of(rest[0]) if len(rest) == 1 else f"{OTHERS} ({len(rest)})"
        legends.append(Legend(FEW, name, words.write(sum_up(sums[one] for one in rest))))
    return Chart(
        words.title,
        describe_values(values, words),
        (shorten_number(top), shorten_number(top / 2), "0"),
        bars,
        legends,
        write_coordinate(width),
        any(one < 0 for found in values.values() for one in found.values()),
    )


def describe_values(values: Values, words: ChartWords) -> str:
    """Say from when to when a chart goes, what that comes to, and which period has the most."""
    totals = {period: sum_up(found.values()) for period, found in values.items()}
    first, last = min(totals), max(totals)
    most = max(totals, key=lambda period: totals[period])
    return (
        f"{first} to {last}: {words.write(sum_up(totals.values()))} {words.unit} in all, "
        f"most {words.preposition} {most} with {words.write(totals[most])}; "
        "the table below has each of them."
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
    """Put a period's pieces on each other, the greatest group's at the bottom."""
    sums: dict[int, Decimal] = {}
    for group, value in found.items():
        if value > 0:
            sums[ranks[group]] = MONEY.add(sums.get(ranks[group], Decimal(0)), Decimal(value))
    blocks, floor = [], AREA
    for rank in sorted(sums):
        height = COORDINATE.divide(sums[rank] * AREA, top)
        floor -= height
        blocks.append(Block(rank, write_coordinate(floor), write_coordinate(height)))
    return blocks


def describe_period(period: str, found: Mapping[str, Number], words: ChartWords) -> str:
    """Say what a period has, the greatest groups by name."""
    ranked = sorted(found, key=lambda one: (-found[one], one))
    parts = [f"{words.name_of(one)} {words.write(found[one])}" for one in ranked[:FEW]]
    parts += [f"{len(ranked) - FEW} more"] if len(ranked) > FEW else []
    all_of_it = f"{words.write(sum_up(found.values()))} {words.unit}" if found else "nothing known"
    return f"{period}: {all_of_it}" + (f" ({', '.join(parts)})" if parts else "")
