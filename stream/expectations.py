"""Expectations beside the fixtures: figures that were typed by hand, and must come out.

``expectations.json`` names each chain's counters, and buckets that must survive the dedupe. They
are checked on every replay; what does not hold is named, one sentence each.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stream.endpoints import ENDPOINTS
from stream.errors import BadInput
from stream.figures import EndpointFigures
from stream.records import Counters, Number, Window, money, plain, timestamp
from stream.rollup import resolve

__all__ = ["Expectations", "check", "decode_expectations"]

FILE = "expectations.json"


Time = Annotated[dt.datetime, Meta(tz=True)]


class ExpectedChain(Struct, rename="camel", forbid_unknown_fields=True):
    """The counters of one chain alone; a counter that is not named is not checked."""

    endpoint: str
    label: str
    metrics: dict[str, int | Decimal]


class Survivor(Struct, rename="camel", forbid_unknown_fields=True):
    """A record that the dedupe must keep apart; dimensions by the API's names."""

    endpoint: str
    label: str
    bucket_timestamp: Time
    window_end: Time
    dimensions: dict[str, str | bool | None]
    metrics: dict[str, int | Decimal] = {}


class Expectations(Struct, forbid_unknown_fields=True):
    """The whole file."""

    chains: list[ExpectedChain] = []
    survivors: list[Survivor] = []


def decode_expectations(payload: bytes) -> Expectations:
    """Read the file.

    Raises:
        BadInput: it is not of the documented shape, or names an endpoint that is not registered.
    """
    try:
        expectations = msgspec.json.decode(payload, type=Expectations)
        figures = [one.metrics for one in expectations.chains]
        for metrics in figures + [one.metrics for one in expectations.survivors]:
            metrics.update({name: canonical(value) for name, value in metrics.items()})
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadInput("expectations", f"found broken expectations ({error})").at(FILE) from None
    named = [one.endpoint for one in expectations.chains]
    for endpoint in named + [one.endpoint for one in expectations.survivors]:
        if endpoint not in ENDPOINTS:
            message = f'found the endpoint "{endpoint}", expected one of {", ".join(ENDPOINTS)}'
            raise BadInput("expectations", message).at(FILE)
    return expectations


def canonical(value: Number) -> Number:
    """Return an expected figure as the figures are: counts whole, money without an exponent.

    Raises:
        ValueError: it is no finite number, or has too many digits.
    """
    return money(value) if isinstance(value, Decimal) else value


def check(expectations: Expectations, figures: Mapping[str, EndpointFigures]) -> list[str]:
    """Compare what came out with what was expected; one sentence for each difference."""
    said: list[str] = []
    for one in expectations.chains:
        name = f"{one.endpoint} (label {one.label})"
        if one.endpoint not in figures or one.label not in figures[one.endpoint].labels:
            said.append(f"Expected the chain {name}, which is not in the set.")
            continue
        found = figures[one.endpoint].of_label(one.label).metrics()
        said += differences(f"of {name}", one.metrics, found)
    for survivor in expectations.survivors:
        said += missing_survivor(survivor, figures)
    return said


def differences(where: str, expected: Mapping[str, Number], found: Counters) -> Iterator[str]:
    """Name each counter that is not what was expected."""
    for name, value in sorted(expected.items()):
        got = found.get(name)
        if got is None or got != value:
            shown = "nothing" if got is None else plain(got)
            yield f"Expected {name} {where} to be {plain(value)}, found {shown}."


def missing_survivor(survivor: Survivor, figures: Mapping[str, EndpointFigures]) -> Iterator[str]:
    """Look for a bucket that must survive the dedupe; name it when it is gone or differs."""
    endpoint = ENDPOINTS[survivor.endpoint]
    window = Window(
        int(survivor.bucket_timestamp.timestamp()), int(survivor.window_end.timestamp())
    )
    wanted = ", ".join(f"{name}={value}" for name, value in sorted(survivor.dimensions.items()))
    bucket = f"{survivor.endpoint} bucket {timestamp(window.start)}"
    where = f"of the {bucket} (label {survivor.label}; {wanted})"
    windows = figures[endpoint.key].of(survivor.label) if endpoint.key in figures else ()
    for found in resolve(endpoint, windows, ordered=False):
        for row in found.table.rows(endpoint):
            if row.window == window and all(
                row.dimensions.get(name) == value for name, value in survivor.dimensions.items()
            ):
                yield from differences(where, survivor.metrics, row.counters)
                return
    yield f"Expected a record {where} to survive the dedupe, found none."
