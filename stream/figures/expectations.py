"""Expectations beside the pages: figures from elsewhere than the code, that must come out.

``expectations.json`` names each chain's counters, an endpoint's counters and records, its counters
by project and tier, and buckets that must survive the dedupe. They are checked on every replay;
what does not hold is named, one sentence each.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from stream.decode.values import BYTE_ORDER_MARK
from stream.figures.endpoint import EndpointFigures
from stream.figures.rollup import resolve_windows
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput
from stream.records.money import Number, canonical_money, plain_text_of
from stream.records.privacy import mask_json
from stream.records.windows import Counters, Window, timestamp

__all__ = ["NOTHING", "Expectations", "check_figures", "decode_expectations"]

FILE = "expectations.json"


ZonedTime = Annotated[dt.datetime, Meta(tz=True)]


class ExpectedChain(Struct, rename="camel", forbid_unknown_fields=True):
    """The counters of one chain alone; a counter that is not named is not checked."""

    endpoint: str
    label: str
    metrics: dict[str, int | Decimal]


class ExpectedEndpoint(Struct, rename="camel", forbid_unknown_fields=True):
    """The counters of an endpoint, its labels merged, and how many records they are."""

    endpoint: str
    metrics: dict[str, int | Decimal]
    records: int | None = None


class ExpectedKey(Struct, rename="camel", forbid_unknown_fields=True):
    """The counters of one project and tier; an endpoint with such entries has no other keys."""

    endpoint: str
    project_id: str | None
    service_tier: str | None
    metrics: dict[str, int | Decimal]


class Survivor(Struct, rename="camel", forbid_unknown_fields=True):
    """A record that the dedupe must keep apart; dimensions by the API's names."""

    endpoint: str
    label: str
    bucket_timestamp: ZonedTime
    window_end: ZonedTime
    dimensions: dict[str, str | bool | None]
    metrics: dict[str, int | Decimal] = {}


class Expectations(Struct, forbid_unknown_fields=True):
    """The whole file."""

    chains: list[ExpectedChain] = []
    endpoints: list[ExpectedEndpoint] = []
    keys: list[ExpectedKey] = []
    survivors: list[Survivor] = []

    def entries(self) -> list[ExpectedChain | ExpectedEndpoint | ExpectedKey | Survivor]:
        """Return all entries; each has an endpoint and metrics."""
        return [*self.chains, *self.endpoints, *self.keys, *self.survivors]


NOTHING: Final = Expectations()
"""What is expected where nobody says."""


def decode_expectations(payload: bytes) -> Expectations:
    """Read what a file says.

    Raises:
        BadInput: it is not of the documented shape, or names an endpoint that is not registered.
    """
    try:
        written = payload.removeprefix(BYTE_ORDER_MARK)
        expectations = msgspec.json.decode(written, type=Expectations)
        for one in expectations.entries():
            one.metrics.update(
                {name: canonical_figure(value) for name, value in one.metrics.items()}
            )
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadInput("expectations", f"found broken expectations ({error})") from None
    for one in expectations.entries():
        if one.endpoint not in ENDPOINTS:
            message = f'found the endpoint "{one.endpoint}", expected one of {", ".join(ENDPOINTS)}'
            raise BadInput("expectations", message)
    return expectations


def canonical_figure(value: Number) -> Number:
    """Return an expected figure as the figures are: counts whole, money without an exponent.

    Raises:
        ValueError: it is no finite number, or has too many digits.
    """
    return canonical_money(value) if isinstance(value, Decimal) else value


def check_figures(expectations: Expectations, figures: Mapping[str, EndpointFigures]) -> list[str]:
    """Compare what came out with what was expected; one sentence for each difference."""
    said: list[str] = []
    for one in expectations.chains:
        name = f"{one.endpoint} (label {one.label})"
        if one.endpoint not in figures or one.label not in figures[one.endpoint].labels:
            said.append(f"Expected the chain {name}, which is not in the set.")
            continue
        found = figures[one.endpoint].totals_of_label(one.label).metrics()
        said += name_differences(f"of {name}", one.metrics, found)
    for endpoint in expectations.endpoints:
        said += name_endpoint_differences(endpoint, figures.get(endpoint.endpoint))
    said += name_key_differences(expectations.keys, figures)
    for survivor in expectations.survivors:
        said += name_missing_survivor(survivor, figures)
    return said


def name_endpoint_differences(
    expected: ExpectedEndpoint, figures: EndpointFigures | None
) -> Iterator[str]:
    """Name what differs in an endpoint's totals."""
    if figures is None:
        yield f"Expected the endpoint {expected.endpoint}, which is not in the set."
        return
    found = figures.totals.records
    if expected.records is not None and found != expected.records:
        yield f"Expected {expected.records} records of {expected.endpoint}, found {found}."
    yield from name_differences(
        f"of {expected.endpoint}", expected.metrics, figures.totals.metrics()
    )


def name_key_differences(
    expected: Iterable[ExpectedKey], figures: Mapping[str, EndpointFigures]
) -> Iterator[str]:
    """Name what differs by project and tier, and the keys that nobody expected."""
    by_endpoint: dict[str, list[ExpectedKey]] = {}
    for one in expected:
        by_endpoint.setdefault(one.endpoint, []).append(one)
    for endpoint, keys in by_endpoint.items():
        known = figures.get(endpoint)
        found = dict(known.totals.sums_by("project_id", "service_tier")) if known else {}
        for one in keys:
            key = one.project_id, one.service_tier
            where = f"of {endpoint} ({write_key(key)})"
            if key in found:
                yield from name_differences(where, one.metrics, found[key])
            else:
                yield f"Expected figures {where}, found none."
        wanted = {(one.project_id, one.service_tier) for one in keys}
        for key in found:
            if key not in wanted:
                yield f"Expected no figures of {endpoint} ({write_key(key)}), found some."


def write_key(key: tuple[Any, ...]) -> str:
    """Write a project and a tier in a sentence."""
    return ", ".join(
        f"{what} {'null' if value is None else value}"
        for what, value in zip(("project", "tier"), key, strict=True)
    )


def name_differences(where: str, expected: Mapping[str, Number], found: Counters) -> Iterator[str]:
    """Name each counter that is not what was expected."""
    for name, value in sorted(expected.items()):
        got = found.get(name)
        if got is None or got != value:
            shown = "nothing" if got is None else plain_text_of(got)
            yield f"Expected {name} {where} to be {plain_text_of(value)}, found {shown}."


def name_missing_survivor(
    survivor: Survivor, figures: Mapping[str, EndpointFigures]
) -> Iterator[str]:
    """Look for a bucket that must survive the dedupe; name it when it is gone or differs."""
    endpoint = ENDPOINTS[survivor.endpoint]
    window = Window(
        int(survivor.bucket_timestamp.timestamp()), int(survivor.window_end.timestamp())
    )
    known = mask_json(survivor.dimensions)
    wanted = ", ".join(f"{name}={value}" for name, value in sorted(known.items()))
    bucket = f"{survivor.endpoint} bucket {timestamp(window.start)}"
    where = f"of the {bucket} (label {survivor.label}; {wanted})"
    windows = figures[endpoint.key].windows_of(survivor.label) if endpoint.key in figures else ()
    for found in resolve_windows(endpoint, windows, ordered=False):
        for place, dimensions, counters in found.table.rows(endpoint):
            if place == window and all(
                dimensions.get(name) == value for name, value in survivor.dimensions.items()
            ):
                yield from name_differences(where, survivor.metrics, counters)
                return
    yield f"Expected a record {where} to survive the dedupe, found none."
