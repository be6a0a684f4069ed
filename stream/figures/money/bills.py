"""What was billed beside what it should have cost: day by day, project by project, line by line.

Each estimate goes to one line item of its day and project: to the one that says its model, kind and
tier, else to one that leaves some of that open. What no line item is about stands for itself.
Nothing is lost on the way: billed is matched and not matched, estimated is matched and not billed,
to the last digit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from stream.figures.days import DayGroups
from stream.figures.money.estimates import Estimate, UsageKey
from stream.figures.money.reasons import Horizon, reason_of
from stream.figures.money.rows import BillPlace, BillRow
from stream.figures.spans import join_days
from stream.providers.prices.line_items import WIDER_KINDS, Subject, subject_of
from stream.records.money import MONEY
from stream.records.windows import Window

__all__ = ["AMOUNT", "Charge", "charges_in", "order_of_place", "reconcile"]

AMOUNT: Final = "amount_value"


class Charge(NamedTuple):
    """What was billed for a line item of a project on a day; exact, and a credit is negative."""

    days: Window
    project_id: str | None
    line: str | None
    currency: str | None
    amount: Decimal


def charges_in(days: Window, found: DayGroups) -> Iterator[Charge]:
    """Yield what was billed on some days."""
    for values, counters in found.groups.items():
        known = dict(zip(found.names, values, strict=True))
        if AMOUNT in counters:
            project, text, currency = map(known.get, ("project_id", "line_item", "currency"))
            yield Charge(days, project, text, currency, Decimal(counters[AMOUNT]))


def reconcile(
    charges: Collection[Charge],
    estimates: Mapping[UsageKey, Estimate],
    currency: str,
    horizon: Horizon,
) -> list[BillRow]:
    """Return a row for each line item and each use that none is about, in order.

    Days that are given in parts come to the same, as long as those that overlap are in one.
    """
    days_of = compared_days({*(one.days for one in charges), *(key.days for key in estimates)})
    billed = {(days_of[one.days], one.project_id is None) for one in charges}
    used = {(days_of[key.days], key.project_id is None) for key in estimates}
    both = {days for days, is_nobody in billed & used if not is_nobody}
    by_project_of_use = both | {*days_of.values()} - {days for days, _ in billed}
    by_project_of_bill = both | {*days_of.values()} - {days for days, _ in used}
    rows: dict[BillPlace, BillRow] = {}
    subjects: defaultdict[tuple[Window, str | None], set[Subject]] = defaultdict(set)
    for one in charges:
        days = days_of[one.days]
        project = one.project_id if days in by_project_of_bill else None
        place = BillPlace(days, project, subject_of(one.line), one.currency)
        row = rows.get(place) or rows.setdefault(place, BillRow(place))
        row.billed_amount = MONEY.add(row.billed_amount, one.amount)
        if one.line not in row.line_items:
            row.line_items.append(one.line)
        if one.currency == currency:
            subjects[days, project].add(place.subject)
    for key, estimate in estimates.items():
        days = days_of[key.days]
        project = key.project_id if days in by_project_of_use else None
        candidates = subjects_for(key.endpoint, key.model, key.kind, key.tier)
        subject, known = candidates[0], subjects.get((days, project))
        if known and subject not in known:
            subject = next((one for one in candidates if one in known), subject)
        place = BillPlace(days, project, subject, currency)
        row = rows.get(place) or rows.setdefault(place, BillRow(place))
        row.use(key, estimate)
    found = sorted(rows.values(), key=lambda row: order_of_place(row.place))
    for row in found:
        row.line_items.sort(key=lambda text: text or "")
        row.reason = reason_of(row, currency, horizon)
    return found


@lru_cache(1 << 12)
def subjects_for(endpoint: str, model: str | None, kind: str, tier: str) -> tuple[Subject, ...]:
    """Return what a line item about a use may be about, the closest first."""
    kinds = [kind, *filter(None, [WIDER_KINDS.get(kind)])]
    return (
        *(Subject((), model, one, some) for one in kinds for some in (tier, None)),
        Subject((), model, None, tier),
        Subject((), model),
        *wholes_of(endpoint),
        Subject(),
    )


def wholes_of(endpoint: str) -> Iterator[Subject]:
    """Yield the subjects of whole endpoints that an endpoint is among, the narrowest first."""
    yield Subject((endpoint,))
    if endpoint.startswith("usage/audio_"):
        yield Subject(("usage/audio_speeches", "usage/audio_transcriptions"))


def compared_days(found: set[Window]) -> dict[Window, Window]:
    """Return what days are compared as: those that overlap are one."""
    joined = join_days((days, days) for days in found)
    return {days: whole for whole, some in joined for days in some}


def order_of_place(place: BillPlace) -> tuple[object, ...]:
    """Return what orders rows: days, project, subject and currency, absent first."""
    project, currency = place.project_id, place.currency
    of_subject = order_of_subject(place.subject)
    return (
        place.days,
        project is not None,
        project or "",
        of_subject[0],
        currency is not None,
        currency or "",
        of_subject[1],
    )


@lru_cache(1 << 12)
def order_of_subject(subject: Subject) -> tuple[tuple[bool | str, ...], tuple[object, ...]]:
    """Return what orders subjects: model, kind and tier, and what comes behind the currency."""
    texts = (subject.model, subject.kind, subject.tier)
    present = tuple(part for text in texts for part in (text is not None, text or ""))
    return present, (subject.is_known, subject.endpoints)
