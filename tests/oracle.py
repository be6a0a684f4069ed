"""A second, naive implementation of every figure of the report.

Plain dicts and the standard library, nothing from `stream`: slow, short, and meant to
be checked by reading it beside `design.md`. The property tests compare a replay with
`expected`, because "all orders agree" also holds for a constant.

It knows figures only. What makes a page bad input is not its business: it is fed pages
that are good.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Json: TypeAlias = dict[str, Any]
Value: TypeAlias = str | bool | None
Number: TypeAlias = int | Decimal
Counters: TypeAlias = dict[str, Number]  # only those that are present
Identity: TypeAlias = tuple[tuple[str, Value], ...]  # sorted by name, nulls left out
Window: TypeAlias = tuple[int, int]

DAY = 86_400
WIDTHS = {"minute": 60, "hour": 3_600, "day": DAY}
ROUNDING = Decimal("0.0000005")
OUTCOMES = ("absorbed", "excess", "short", "stale", "rounding")

# Fields that only describe a row.
DESCRIBING = {
    "object",
    "operation",
    "project_name",
    "start_time",
    "end_time",
    "start_time_iso",
    "end_time_iso",
    "timestamp",
    "aggregation_timestamp",
    "window",
}


@dataclass(frozen=True)
class Delivery:
    """One page as it arrived: JSON parsed with `parse_float=Decimal`.

    `view` is what it was asked for, where that is known: the groups, and the values of each filter.
    """

    endpoint: str
    label: str
    page: Json
    revision: int = 0
    view: dict[str, list[str]] | None = None


class Endpoint(NamedTuple):
    """What the oracle knows of an endpoint, typed by hand from `endpoints.json`."""

    dimensions: tuple[str, ...]
    counts: tuple[str, ...]
    money: tuple[str, ...] = ()
    main: str = ""
    breakdowns: tuple[tuple[str, str], ...] = ()

    @property
    def counters(self) -> tuple[str, ...]:
        """Every registered counter."""
        return (*self.counts, *self.money)


SHARED = ("project_id", "service_tier", "model", "api_key_id", "user_id", "batch")
BY_MODEL = ("project_id", "model", "api_key_id", "user_id")
COMPLETIONS = Endpoint(
    (*SHARED, "api_source"),
    (
        "input_tokens",
        "num_model_requests",
        "output_tokens",
        "input_audio_tokens",
        "input_cache_write_12h_tokens",
        "input_cache_write_30m_tokens",
        "input_cache_write_tokens",
        "input_cached_audio_tokens",
        "input_cached_image_tokens",
        "input_cached_text_tokens",
        "input_cached_tokens",
        "input_image_tokens",
        "input_text_tokens",
        "input_uncached_tokens",
        "output_audio_tokens",
        "output_image_tokens",
        "output_text_tokens",
    ),
    ("cost",),
)
ENDPOINTS = {
    "costs": Endpoint(
        (
            "project_id",
            "api_key_id",
            "user_id",
            "api_source",
            "line_item",
            "currency",
            "quantity_unit",
        ),
        (),
        ("amount_value", "quantity"),
        "amount_value",
        (("byLineItem", "line_item"), ("byCurrency", "currency")),
    ),
    "usage/audio_speeches": Endpoint(BY_MODEL, ("characters", "num_model_requests")),
    "usage/audio_transcriptions": Endpoint(BY_MODEL, ("num_model_requests", "seconds")),
    "usage/code_interpreter_sessions": Endpoint(("project_id",), ("num_sessions",)),
    "usage/completions": COMPLETIONS,
    "usage/decisions": COMPLETIONS,
    "usage/embeddings": Endpoint(BY_MODEL, ("input_tokens", "num_model_requests")),
    "usage/file_search_calls": Endpoint(
        ("project_id", "api_key_id", "user_id", "vector_store_id"),
        ("num_requests",),
        main="num_requests",
        breakdowns=(("byVectorStore", "vector_store_id"),),
    ),
    "usage/images": Endpoint(
        (*BY_MODEL, "size", "source"),
        ("images", "num_model_requests"),
        main="images",
        breakdowns=(("bySize", "size"), ("bySource", "source")),
    ),
    "usage/moderations": Endpoint(BY_MODEL, ("input_tokens", "num_model_requests")),
    "usage/vector_stores": Endpoint(("project_id",), ("usage_bytes",)),
    "usage/web_search_calls": Endpoint(
        (*BY_MODEL, "api_source", "context_level"),
        ("num_model_requests", "num_requests"),
        main="num_requests",
        breakdowns=(("byContextLevel", "context_level"),),
    ),
}


class Place(NamedTuple):
    """Where a snapshot stands in the state; `kind` is "data" or "rollup"."""

    endpoint: str
    label: str
    window: Window
    kind: str
    view: str


@dataclass
class Snapshot:
    """The rows of one place by identity, and the revision that they belong to."""

    revision: int
    rows: dict[Identity, Counters] = field(default_factory=dict)
    collisions: set[Identity] = field(default_factory=set)


@dataclass
class Record:
    """A row with its labels merged, a rollup, or what remains of one."""

    window: Window
    identity: Identity
    counters: Counters = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    revision: int = 0
    residual: bool = False
    given: Counters = field(default_factory=dict)

    def get(self, dimension: str) -> Value:
        """Give the value of a dimension."""
        return dict(self.identity).get(dimension)


class Resolved(NamedTuple):
    """The records that count, and what was found on the way to them."""

    records: list[Record]
    reconciliation: dict[str, list[Json]]


State: TypeAlias = dict[Place, Snapshot]


# A row --------------------------------------------------------------------------------


def trimmed(value: object) -> Value:
    """Trim a dimension's value: blank is None."""
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, bool) else None


def truth(value: Value) -> Value:
    """Make "true" and "false" bools, whatever their case."""
    return {"true": True, "false": False}.get(str(value).lower(), value)


def exact(value: object) -> Decimal:
    """Read money that arrived as a number or as a string."""
    return Decimal(str(value)) or Decimal(0)


def unknown_number(value: Number) -> Number:
    """Keep a count as an int, and anything else as a Decimal."""
    count = value == int(value) and 0 <= value < 2**63
    return int(value) if count else exact(value)


def merged_row(row: Json) -> Json:
    """Lay a row over its metadata: what the row says wins, unless it says nothing."""
    merged = dict(row.get("metadata") or {})
    for name, value in row.items():
        says_something = trimmed(value) if isinstance(value, str) else value
        if name != "metadata" and (says_something is not None or name not in merged):
            merged[name] = value
    return merged


def with_flat_amount(endpoint: str, row: Json) -> Json:
    """Turn `amount` into the endpoint's own money counter, and its currency."""
    flat = dict(row)
    amount = flat.pop("amount", None)
    if isinstance(amount, dict):
        if endpoint == "costs":
            flat["currency"] = amount.get("currency")
        amount = amount.get("value")
    if amount is not None:
        flat["amount_value" if endpoint == "costs" else "cost"] = amount
    return flat


def normalised(endpoint: str, row: Json, kind: str) -> tuple[Identity, Counters]:
    """Take a row apart into its identity and its counters."""
    known = ENDPOINTS[endpoint]
    dimensions: dict[str, Value] = {}
    counters: Counters = {}
    merged = merged_row(row)
    if endpoint == "costs" or kind == "rollup":
        merged = with_flat_amount(endpoint, merged)
    for name, value in merged.items():
        if name in known.dimensions:
            text = trimmed(value)
            dimensions[name] = truth(text) if name == "batch" else text
        elif value is None or name in DESCRIBING or isinstance(value, dict | list):
            continue
        elif name in known.counts:
            counters[name] = int(value)
        elif name in known.money:
            counters[name] = exact(value)
        elif name.endswith("_at"):
            continue
        elif isinstance(value, str | bool):
            dimensions[name] = truth(trimmed(value))
        else:
            counters[name] = unknown_number(value)
    present = ((n, v) for n, v in dimensions.items() if v is not None)
    return tuple(sorted(present, key=lambda pair: pair[0])), counters


def unknown_fields(endpoint: str, row: Json, kind: str) -> set[str]:
    """Name the fields that neither the registry nor the describing list knows."""
    known = {*ENDPOINTS[endpoint].dimensions, *ENDPOINTS[endpoint].counters}
    known |= DESCRIBING | {"metadata"}
    if endpoint == "costs" or kind == "rollup":
        known |= {"amount"}
    own = {name for name in row if name not in known}
    return own | {f"metadata.{name}" for name in row.get("metadata") or {} if name not in known}


# A page -------------------------------------------------------------------------------


def delivered(page: Json) -> list[tuple[str, Window, list[Json]]]:
    """Give each bucket and each day of rollups: its kind, window, and rows."""
    found = []
    for bucket in page.get("data", []):
        start = bucket["start_time"]
        end = bucket.get("end_time")
        window = (start, start + WIDTHS[bucket["window"]] if end is None else end)
        rows = bucket["results"] if "results" in bucket else bucket["result"]
        found.append(("data", window, rows))
    for daily in page.get("daily_costs") or []:
        day = daily["timestamp"] - daily["timestamp"] % DAY
        found.append(("rollup", (day, day + DAY), daily["line_items"]))
    return found


def raise_to(counters: Counters, others: Counters) -> None:
    """Keep each counter's maximum; absent is less than any number."""
    for name, value in others.items():
        counters[name] = max(counters.get(name, value), value)


def deliver(state: State, place: Place, revision: int, rows: list[Json]) -> None:
    """Merge the rows of one bucket as delivered into the snapshot of its place."""
    if place not in state or revision > state[place].revision:
        state[place] = Snapshot(revision)
    snapshot = state[place]
    if revision < snapshot.revision:
        return
    bucket: dict[Identity, Counters] = {}
    for row in rows:
        identity, counters = normalised(place.endpoint, row, place.kind)
        if bucket.setdefault(identity, counters) != counters:
            snapshot.collisions.add(identity)
        raise_to(snapshot.rows.setdefault(identity, {}), counters)


def state_after(deliveries: Iterable[Delivery]) -> State:
    """Merge every delivery into a state."""
    state: State = {}
    for page in deliveries:
        for kind, window, rows in delivered(page.page):
            place = Place(page.endpoint, page.label, window, kind, spelled(page.view))
            deliver(state, place, page.revision, rows)
    return state


# Resolution ---------------------------------------------------------------------------


def rank(value: Value) -> tuple[int, Any]:
    """Sort None first, then bools, then strings."""
    return (0, 0) if value is None else (1 if isinstance(value, bool) else 2, value)


def order(endpoint: str, identity: Identity) -> tuple[Any, ...]:
    """Sort identities by the registry's dimensions, then by the unknown ones."""
    known = ENDPOINTS[endpoint].dimensions
    values = dict(identity)
    unknown = [(name, rank(value)) for name, value in identity if name not in known]
    return [rank(values.get(name)) for name in known], unknown


def within(narrow: Window, wide: Window) -> bool:
    """Tell whether a window lies wholly inside another, or is the same."""
    return wide[0] <= narrow[0] and narrow[1] <= wide[1]


def total(records: Iterable[Record], counter: str) -> Number | None:
    """Sum a counter; a sum over no values is None."""
    present = [r.counters[counter] for r in records if counter in r.counters]
    return sum(present) if present else None


def labels_merged(state: State, kind: str, source: str) -> list[Record]:
    """Merge the labels of one endpoint by window and identity."""
    merged: dict[tuple[Window, Identity], Record] = {}
    for place, snapshot in state.items():
        if place.kind == kind:
            for identity, counters in snapshot.rows.items():
                key = (place.window, identity)
                record = merged.setdefault(key, Record(*key))
                raise_to(record.counters, counters)
                record.sources.add(f"{source}:{place.label}")
                record.revision = max(record.revision, snapshot.revision)
    return list(merged.values())


def without_narrower(
    records: list[Record], windows: set[Window]
) -> tuple[list[Record], list[tuple[Window, int]]]:
    """Leave of each wider window only the excess over the narrower ones in it."""
    counted: list[Record] = []
    covered = []
    for wide in sorted(windows, key=lambda window: (window[1] - window[0], window)):
        narrower = {w for w in windows if w != wide and within(w, wide)}
        if narrower:
            covered.append((wide, len(narrower)))
        for record in [r for r in records if r.window == wide]:
            inside = [r for r in counted if r.window in narrower and r.identity == record.identity]
            if inside:
                sums = {name: total(inside, name) for name in record.counters}
                known = {name: value for name, value in sums.items() if value is not None}
                record.counters = {
                    name: value - known.get(name, 0)
                    for name, value in record.counters.items()
                    if name not in known or value > known[name]
                }
            if record.counters or not inside:
                counted.append(record)
    return counted, covered


def agrees(rollup: Record, record: Record) -> bool:
    """Tell whether a record equals a rollup on every dimension that this has."""
    return all(record.get(name) == value for name, value in rollup.identity)


def could_cover(rollup: Record, record: Record) -> bool:
    """Tell whether a record would agree, but for dimensions that it does not know."""
    return not agrees(rollup, record) and all(
        record.get(name) in (None, value) for name, value in rollup.identity
    )


def cover(left: Number, counter: str, candidates: list[Record]) -> tuple[Number, list[Record]]:
    """Let candidates give what they still have, in order; name those that gave."""
    givers = []
    for record in candidates:
        given: Number = record.given.get(counter, 0)
        gift: Number = min(left, record.counters.get(counter, 0) - given)
        if gift > 0:
            record.given[counter] = given + gift
            left -= gift
            givers.append(record)
    return left, givers


def outcome_of(left: Number, *, money: bool, stale: bool) -> str:
    """Say what becomes of what is left of one counter of a rollup."""
    if left == 0:
        return "absorbed"
    if money and -ROUNDING < left < ROUNDING:
        return "rounding"
    if left < 0:
        return "short"
    return "stale" if stale else "excess"


def reconciled(
    endpoint: str, records: list[Record], rollups: list[Record]
) -> dict[str, list[Json]]:
    """Compare rollups with `records`, and add to these what remains of the rollups."""

    def canonical(record: Record) -> tuple[Any, ...]:
        return record.window, order(endpoint, record.identity), record.residual

    found: dict[str, list[Json]] = {outcome: [] for outcome in OUTCOMES}
    for rollup in sorted(rollups, key=lambda r: (-len(r.identity), canonical(r))):
        inside = [r for r in records if within(r.window, rollup.window)]
        agreeing = [r for r in inside if agrees(rollup, r)]
        candidates = [r for r in inside if could_cover(rollup, r)]
        candidates.sort(key=canonical)
        touched = list(agreeing)
        residual: Counters = {}
        outcomes = set()
        for counter, value in rollup.counters.items():
            details = total(agreeing, counter)
            difference = value - (details or 0)
            left, givers = cover(difference, counter, candidates)
            touched += givers
            stale = any(r.revision > rollup.revision for r in agreeing + givers)
            money = counter in ENDPOINTS[endpoint].money
            outcome = outcome_of(left, money=money, stale=stale)
            outcomes.add(outcome)
            if outcome == "excess":
                residual[counter] = left
            found[outcome].append(
                {
                    **at(endpoint, rollup.window),
                    "dimensions": dict(rollup.identity),
                    "counter": counter,
                    "rollup": value,
                    "details": details,
                    "difference": difference,
                }
            )
        if outcomes & {"absorbed", "rounding"}:
            for record in touched:
                record.sources |= rollup.sources
        if residual:
            rest = Record(rollup.window, rollup.identity, residual, residual=True)
            rest.sources, rest.revision = set(rollup.sources), rollup.revision
            records.append(rest)
    return found


def resolved(endpoint: str, state: State) -> Resolved:
    """Resolve the state of one endpoint, whatever labels are in it, into records."""
    windows = {place.window for place in state if place.kind == "data"}
    data = labels_merged(state, "data", "bucket:data")
    records, covered = without_narrower(data, windows)
    rollups = labels_merged(state, "rollup", "daily_costs")
    found = reconciled(endpoint, records, rollups)
    found["widerWindowsCovered"] = [
        {**at(endpoint, window), "narrowerWindows": narrower}
        for window, narrower in sorted(covered)
    ]
    collisions = {
        (place.label, place.window, identity)
        for place, snapshot in state.items()
        for identity in snapshot.collisions
    }
    found["identityCollisions"] = [
        {"endpoint": endpoint, "label": label, **at(endpoint, window), "dimensions": dict(identity)}
        for label, window, identity in sorted(
            collisions, key=lambda one: (*one[:2], order(endpoint, one[2]))
        )
    ]
    records.sort(key=lambda r: (r.window, order(endpoint, r.identity), r.residual))
    return Resolved(records, found)


# Views --------------------------------------------------------------------------------


def spelled(view: dict[str, list[str]] | None) -> str:
    """Write a view in one way."""
    return json.dumps(view, sort_keys=True, separators=(",", ":"))


def finest_first(view: dict[str, list[str]]) -> tuple[int, int, str]:
    """Sort views: most groups first, then fewest filters."""
    return -len(view.get("group_by", [])), len(view.keys() - {"group_by"}), spelled(view)


def that_count(pages: list[Delivery]) -> list[Delivery]:
    """Leave the pages of the finest view, and those of which no view is known."""
    views = [page.view for page in pages if page.view is not None]
    finest = min(views, key=finest_first) if views else None
    return [page for page in pages if page.view is None or page.view == finest]


def other_views(endpoint: str, pages: list[Delivery]) -> list[Json]:
    """Name each label's views that do not count, beside the one that does."""
    counted = [page.view for page in that_count(pages) if page.view is not None]
    others = {
        (page.label, spelled(page.view)): page.view
        for page in pages
        if page.view is not None and page.view not in counted
    }
    return [
        {"endpoint": endpoint, "label": label, "view": view, "counted": counted[:1]}
        for (label, _), view in sorted(others.items(), key=lambda entry: entry[0])
    ]


# The report ---------------------------------------------------------------------------


def iso(seconds: int) -> str:
    """Write a time as the report does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def at(endpoint: str, window: Window) -> Json:
    """Say where something stands."""
    start, end = window
    return {
        "endpoint": endpoint,
        "bucketTimestamp": iso(start),
        "windowEnd": iso(end),
    }


def camel(name: str) -> str:
    """Turn `vector_store_id` into `vectorStoreId`."""
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def metrics(endpoint: str, records: list[Record]) -> Json:
    """Sum every registered counter, and the unknown ones that occur."""
    unknown = {name for r in records for name in r.counters}
    names = [*ENDPOINTS[endpoint].counters]
    names += sorted(unknown - set(names))
    return {name: total(records, name) for name in names}


def grouped(endpoint: str, records: list[Record], *names: str) -> list[Json] | None:
    """Sum by some dimensions; None where the endpoint lacks the only one."""
    if len(names) == 1 and names[0] not in ENDPOINTS[endpoint].dimensions:
        return None
    groups: dict[tuple[Value, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(map(record.get, names)), []).append(record)
    return [
        {
            **dict(zip(map(camel, names), values, strict=True)),
            "metrics": metrics(endpoint, groups[values]),
        }
        for values in sorted(groups, key=lambda values: [*map(rank, values)])
    ]


def breakdowns(endpoint: str, records: list[Record]) -> Json:
    """Sum the endpoint's main counter by the values of some dimensions."""
    known = ENDPOINTS[endpoint]
    return {
        title: {
            unlike_null(value): total([r for r in records if r.get(name) == value], known.main)
            for value in {r.get(name) for r in records}
        }
        for title, name in known.breakdowns
    }


def apart(name: str, taken: Json) -> str:
    """Write the name of an unknown dimension otherwise than a known one is written."""
    return apart(f"_{name}", taken) if name in taken else name


def unlike_null(value: Value) -> str:
    """Name a value in a breakdown; one that is called as what is null is gets an underscore."""
    if value is None:
        return "unspecified"
    reserved = str(value).lstrip("_") in {"unspecified", "other__"}
    return f"_{value}" if reserved else str(value)


def shown(endpoint: str, record: Record) -> Json:
    """Render one record of `dedupedUsage`."""
    known = {name: record.get(name) for name in ENDPOINTS[endpoint].dimensions}
    unknown = {name: value for name, value in record.identity if name not in known}
    added = {camel(name): known[name] for name in known if name not in SHARED}
    return {
        **at(endpoint, record.window),
        "model": known.get("model"),
        "projectId": known.get("project_id"),
        "openaiApiKeyId": known.get("api_key_id"),
        "openaiUserId": known.get("user_id"),
        "serviceTier": known.get("service_tier"),
        "batch": known.get("batch"),
        "tokensIn": record.counters.get("input_tokens"),
        "tokensOut": record.counters.get("output_tokens"),
        "costEstimate": record.counters.get("cost"),
        "metrics": metrics(endpoint, [record]),
        "dimensions": added | {apart(name, added): value for name, value in unknown.items()},
        "sources": sorted(record.sources),
    }


def endpoint_figures(
    endpoint: str, pages: list[Delivery], state: State, records: list[Record]
) -> Json:
    """Render one endpoint's object."""
    rows = [(kind, row) for page in pages for kind, _, rows in delivered(page.page) for row in rows]
    windows = {place.window for place in state if place.kind == "data"}
    unknown = {name for kind, row in rows for name in unknown_fields(endpoint, row, kind)}
    return {
        "totalBuckets": len(windows),
        "totalResults": len(rows),
        "totalDedupedResults": len(records),
        "metrics": metrics(endpoint, records),
        "byKey": grouped(endpoint, records, "project_id", "service_tier"),
        "byProject": grouped(endpoint, records, "project_id"),
        "byServiceTier": grouped(endpoint, records, "service_tier"),
        "byModel": grouped(endpoint, records, "model"),
        "breakdowns": breakdowns(endpoint, records),
        "unknownFields": sorted(unknown),
    }


def summary(pages: list[Delivery]) -> Json:
    """Render `usageSummary`, without its cursor, from one label's completions."""
    buckets = [bucket for page in pages for bucket in delivered(page.page)]
    records = resolved("usage/completions", state_after(that_count(pages))).records
    return {
        "totalBuckets": sum(kind == "data" for kind, _, _ in buckets),
        "totalRawEvents": sum(len(rows) for _, _, rows in buckets),
        "totalDedupedEvents": len(records),
        "tokensIn": total(records, "input_tokens"),
        "tokensOut": total(records, "output_tokens"),
        "costEstimate": total(records, "cost"),
    }


def expected(deliveries: list[Delivery]) -> Json:
    """Work out every figure of the report from the pages that were delivered."""
    with localcontext(Context(prec=1_000, traps=[Inexact, InvalidOperation])):
        labels: dict[str, list[Delivery]] = {}
        for page in deliveries:
            if page.endpoint == "usage/completions":
                labels.setdefault(page.label, []).append(page)
        report: Json = {
            "usageSummary": summary(labels["primary"]) if "primary" in labels else None,
            "usageVariants": {
                label: summary(labels[label]) for label in sorted(labels) if label != "primary"
            },
            "dedupedUsage": [],
            "endpoints": {},
            "reconciliation": {
                name: []
                for name in (*OUTCOMES, "widerWindowsCovered", "identityCollisions", "otherViews")
            },
        }
        for endpoint in sorted({page.endpoint for page in deliveries}):
            pages = [page for page in deliveries if page.endpoint == endpoint]
            state = state_after(that_count(pages))
            records, found = resolved(endpoint, state)
            figures = endpoint_figures(endpoint, pages, state, records)
            report["endpoints"][endpoint] = figures
            report["dedupedUsage"] += [shown(endpoint, record) for record in records]
            found["otherViews"] = other_views(endpoint, pages)
            for name, entries in found.items():
                report["reconciliation"][name] += entries
        return report
