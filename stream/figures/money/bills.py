"""What was billed beside what it should have cost: day by day, project by project, line by line.

Each estimate goes to one line item of its day and project: to the one that says its model, kind and
tier, else to one that leaves some of that open. What no line item is about stands for itself.
Nothing is lost on the way: billed is matched and not matched, estimated is matched and not billed,
to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from stream.figures.days import COSTS, DayGroups
from stream.figures.endpoint import EndpointFigures
from stream.figures.money.estimates import Contradiction, Estimate, Estimates, UsageKey
from stream.figures.money.reasons import reason_of
from stream.figures.money.rows import BillPlace, BillRow
from stream.figures.spans import join_days
from stream.providers.prices.line_items import WIDER_KINDS, Subject, subject_of
from stream.providers.prices.price_list import PriceList
from stream.records.money import MONEY
from stream.records.windows import Window

__all__ = ["COSTS", "Bills", "Charge", "charges_in", "compare_bills", "reconcile"]

AMOUNT: Final = "amount_value"


class Charge(NamedTuple):
    """What was billed for a line item of a project on a day; exact, and a credit is negative."""

    days: Window
    project_id: str | None
    line: str | None
    currency: str | None
    amount: Decimal


class Bills(NamedTuple):
    """All of it: what the prices are, what was used, what was billed, and each beside the other."""

    prices: PriceList
    estimates: dict[UsageKey, Estimate]
    contradictions: list[Contradiction]
    rows: list[BillRow]


def compare_bills(figures: Iterable[EndpointFigures], prices: PriceList, now: int) -> Bills:
    """Estimate what was used, and compare it with what was billed; ``now`` is in Unix seconds."""
    estimates, charges = Estimates(prices), list[Charge]()
    for one in figures:
        for days, found in one.days.groups():
            if one.endpoint.key == COSTS:
                charges += charges_in(days, found)
            else:
                estimates.take(one.endpoint, days, found)
    rows = reconcile(charges, estimates.by_key, prices.currency, now)
    return Bills(prices, estimates.by_key, sorted(estimates.contradictions, key=str), rows)


def charges_in(days: Window, found: DayGroups) -> Iterator[Charge]:
    """Yield what was billed on some days."""
    for values, counters in found.groups.items():
        known = dict(zip(found.names, values, strict=True))
        if AMOUNT in counters:
            project, text, currency = map(known.get, ("project_id", "line_item", "currency"))
            yield Charge(days, project, text, currency, Decimal(counters[AMOUNT]))


def reconcile(
    charges: Iterable[Charge],
    estimates: dict[UsageKey, Estimate],
    currency: str,
    now: int,
    last: int | None = None,
) -> list[BillRow]:
    """Return a row for each line item and each use that none is about, in order.

    ``last`` is when the last day ends that costs are known of, where these are not all of them.
    """
    charges = list(charges)
    days_of = compared_days({*(one.days for one in charges), *(key.days for key in estimates)})
    billed = {(days_of[one.days], one.project_id is None) for one in charges}
    used = {(days_of[key.days], key.project_id is None) for key in estimates}
    both = {days for days, is_nobody in billed & used if not is_nobody}
    rows: dict[BillPlace, BillRow] = {}
    for one in charges:
        days = days_of[one.days]
        project = one.project_id if days in both or not used_in(used, days) else None
        place = BillPlace(days, project, subject_of(one.line), one.currency)
        row = rows.setdefault(place, BillRow(place))
        row.billed_amount = MONEY.add(row.billed_amount, one.amount)
        if one.line not in row.line_items:
            row.line_items.append(one.line)
    lines = frozenset(rows)
    for key, estimate in estimates.items():
        days = days_of[key.days]
        project = key.project_id if days in both or not used_in(billed, days) else None
        own = BillPlace(days, project, Subject((), key.model, key.kind, key.tier), currency)
        place = next((one for one in places_for(own, key.endpoint) if one in lines), own)
        rows.setdefault(place, BillRow(place)).use(key, estimate)
    if last is None:
        last = max((place.days.end for place in lines), default=now + 1)
    found = sorted(rows.values(), key=lambda row: order_of(row.place))
    for row in found:
        row.line_items.sort(key=lambda text: text or "")
        row.reason = reason_of(row, currency, now, last)
    return found


def used_in(known: set[tuple[Window, bool]], days: Window) -> bool:
    """Tell whether anything is known of some days."""
    return (days, True) in known or (days, False) in known


def places_for(own: BillPlace, endpoint: str) -> Iterator[BillPlace]:
    """Yield where a line item may be about a use, the closest first."""
    _, model, kind, tier, _ = own.subject
    kinds = [kind, *filter(None, [WIDER_KINDS.get(kind or "")])]
    for subject in (
        *(Subject((), model, one, some) for one in kinds for some in (tier, None)),
        Subject((), model, None, tier),
        Subject((), model),
        *wholes_of(endpoint),
        Subject(),
    ):
        yield own._replace(subject=subject)


def wholes_of(endpoint: str) -> Iterator[Subject]:
    """Yield the subjects of whole endpoints that an endpoint is among, the narrowest first."""
    yield Subject((endpoint,))
    if endpoint.startswith("usage/audio_"):
        yield Subject(("usage/audio_speeches", "usage/audio_transcriptions"))


def compared_days(found: set[Window]) -> dict[Window, Window]:
    """Return what days are compared as: those that overlap are one."""
    joined = join_days((days, days) for days in found)
    return {days: whole for whole, some in joined for days in some}


def order_of(place: BillPlace) -> tuple[str | int | tuple[str, ...], ...]:
    """Return what orders rows: days, project, subject and currency, absent first."""
    _, model, kind, tier, is_known = place.subject
    texts = (place.project_id, model, kind, tier, place.currency)
    present = (part for text in texts for part in (text is not None, text or ""))
    return (*place.days, *present, is_known, place.subject.endpoints)
