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
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Json: TypeAlias = dict[str, Any]
Value: TypeAlias = str | bool | None
Number: TypeAlias = int | Decimal
Counters: TypeAlias = dict[str, Number]  # only those that are present
Identity: TypeAlias = tuple[tuple[str, Value], ...]  # sorted by name, nulls left out
Window: TypeAlias = tuple[int, int]
Grain: TypeAlias = frozenset[str]  # the dimensions that rows can tell apart
Limits: TypeAlias = dict[str, frozenset[Value]]  # what filters let through

DAY = 86_400
WIDTHS = {"minute": 60, "hour": 3_600, "day": DAY}
ROUNDING = Decimal("0.0000005")
OUTCOMES = ("absorbed", "excess", "short", "stale", "rounding")
NAMED = ("widerWindowsCovered", "overlappingWindows", "identityCollisions", "labelsDiffer")
HINT = "record each with its observed_at, or as a capture each, and the later one counts"
LEVELS = {"usage/vector_stores": ("usage_bytes",)}
CODES = {"currency", "quantity_unit"}
FILTERS = {
    "project_ids": "project_id",
    "user_ids": "user_id",
    "api_key_ids": "api_key_id",
    "models": "model",
    "batch": "batch",
    "sizes": "size",
    "sources": "source",
    "context_levels": "context_level",
    "vector_store_ids": "vector_store_id",
    "line_items": "line_item",
}

# Fields that only describe a row.
DESCRIBING = {
    "object",
    "operation",
    "project_name",
    "api_key_name",
    "organization_id",
    "organization_name",
    "org_id",
    "org_name",
    "organization_title",
    "project_title",
    "workspace_name",
    "vector_store_name",
    "service_account_name",
    "account_name",
    "user_email",
    "user_name",
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
    grain: Grain = frozenset()
    limits: Limits = field(default_factory=dict)

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


def says_nothing(known: Endpoint, name: str, value: object) -> bool:
    """Tell whether a field is neither counter nor dimension; a blank amount is absent."""
    blank = name in known.money and isinstance(value, str) and not value.strip()
    return value is None or name in DESCRIBING or isinstance(value, dict | list) or blank


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
            text = text.lower() if name in CODES and isinstance(text, str) else text
            dimensions[name] = truth(text) if name == "batch" else text
        elif says_nothing(known, name, value):
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


# What a chain was asked for -----------------------------------------------------------


def spelled(view: dict[str, list[str]] | None) -> str:
    """Write a view in one way."""
    return json.dumps(view, sort_keys=True, separators=(",", ":"))


def view_limits(endpoint: str, view: dict[str, list[str]]) -> Limits:
    """Give the values that a view's filters let through, by dimension."""
    return {
        name: frozenset(truth(v) if name == "batch" else trimmed(v) for v in view[filtering])
        for filtering, name in FILTERS.items()
        if view.get(filtering) and name in ENDPOINTS[endpoint].dimensions
    }


def filled(identity: Identity, limits: Limits) -> Identity:
    """Fill the dimensions that a filter has a single value for, where the row has none."""
    single = {name: next(iter(values)) for name, values in limits.items() if len(values) == 1}
    return tuple(sorted((single | dict(identity)).items()))


# Layers: rows of one window that were asked for alike ----------------------------------


@dataclass
class Layer:
    """The rows of one window and kind at one grain; `limits` are what all its chains let through.

    `filtered`: none of its chains shows everything.
    """

    window: Window
    kind: str
    grain: Grain
    limits: Limits
    filtered: bool
    records: list[Record]

    @property
    def rank(self) -> tuple[Any, ...]:
        """Sort by grain, then by width; what is equal still has an order."""
        start, end = self.window
        shown = sorted((name, sorted(map(str, v))) for name, v in self.limits.items())
        return grain_rank(self.grain), end - start, self.kind == "rollup", shown


def grain_rank(grain: Grain) -> tuple[Any, ...]:
    """Sort grains: most dimensions first, then those with a project, then with a tier."""
    return -len(grain), "project_id" not in grain, "service_tier" not in grain, sorted(grain)


class Told(NamedTuple):
    """What one chain says of a window, at one grain."""

    label: str
    revision: int
    limits: Limits
    rows: dict[Identity, Counters]


def told_by(place: Place, snapshot: Snapshot) -> list[tuple[Grain, Told]]:
    """Give what one snapshot says, for each of its grains; each line item has its own."""
    view: dict[str, list[str]] = json.loads(place.view) or {}
    limits = view_limits(place.endpoint, view)
    rows: dict[Identity, Counters] = {}
    for identity, found in snapshot.rows.items():
        raise_to(rows.setdefault(filled(identity, limits), {}), found)
    single = {name for name, values in limits.items() if len(values) == 1}
    asked = single | {*view.get("group_by", [])} & {*ENDPOINTS[place.endpoint].dimensions}
    grains: dict[Grain, dict[Identity, Counters]] = {}
    everywhere = frozenset(asked | {name for identity in rows for name, _ in identity})
    for identity, found in rows.items():
        own = frozenset(name for name, _ in identity)
        grains.setdefault(own if place.kind == "rollup" else everywhere, {})[identity] = found
    return [
        (grain, Told(place.label, snapshot.revision, limits, some))
        for grain, some in grains.items()
    ]


def layers_in(endpoint: str, state: State) -> tuple[list[Layer], list[Json]]:
    """Merge chains that say the same by identity; name the labels that differ."""
    told: dict[Any, list[Told]] = {}
    for place, snapshot in state.items():
        for grain, one in told_by(place, snapshot):
            several = frozenset((n, v) for n, v in one.limits.items() if len(v) > 1)
            told.setdefault((place.window, place.kind, grain, several), []).append(one)
    layers, differing = [], []
    for (window, kind, grain, _), ones in told.items():
        shared = set.intersection(*({*one.limits} for one in ones))
        limits = {name: frozenset().union(*(one.limits[name] for one in ones)) for name in shared}
        source = "daily_costs" if kind == "rollup" else "bucket:data"
        records: dict[Identity, Record] = {}
        for one in ones:
            for identity, counters in one.rows.items():
                record = records.setdefault(identity, Record(window, identity))
                raise_to(record.counters, counters)
                record.sources.add(f"{source}:{one.label}")
                record.revision = max(record.revision, one.revision)
                record.grain, record.limits = grain, limits
        filtered = all(one.limits for one in ones)
        layers.append(Layer(window, kind, grain, limits, filtered, [*records.values()]))
        differing += labels_differing(endpoint, window, ones)
    return layers, differing


def labels_differing(endpoint: str, window: Window, ones: list[Told]) -> list[Json]:
    """Name what labels that nobody can put in order say differently of one identity."""
    figures: dict[tuple[Identity, str], dict[str, Number]] = {}
    for one in ones:
        for identity, counters in one.rows.items() if not one.revision else ():
            for counter, value in counters.items():
                raise_to(figures.setdefault((identity, counter), {}), {one.label: value})
    return [
        {
            **at(endpoint, window),
            "dimensions": dict(identity),
            "counter": counter,
            "figures": values,
            "hint": HINT,
        }
        for (identity, counter), values in figures.items()
        if len(set(values.values())) > 1
    ]


def overlap(one: Window, other: Window) -> bool:
    """Tell whether windows overlap, and neither contains the other."""
    return one[0] < other[0] < one[1] < other[1] or other[0] < one[0] < other[1] < one[1]


def without_overlapping(endpoint: str, layers: list[Layer]) -> tuple[list[Layer], list[Json]]:
    """Leave out windows that overlap where a wider one covers them all; name each pair."""
    windows = sorted({layer.window for layer in layers})
    data = {layer.window for layer in layers if layer.kind == "data"}
    pairs = [(a, b) for a in windows for b in windows if a < b and overlap(a, b)]
    groups = {window: {window} for pair in pairs for window in pair}
    for a, b in pairs:
        whole = groups[a] | groups[b]
        groups |= dict.fromkeys(whole, whole)
    instead: dict[Window, Window | None] = {}
    for window, group in groups.items():
        wider = [w for w in data if all(w != one and within(one, w) for one in group)]
        instead[window] = min(wider, key=lambda w: (w[1] - w[0], w), default=None)
    named = [
        {
            **at(endpoint, a),
            "other": times(b),
            "counted": None if (wide := instead[a]) is None else times(wide),
        }
        for a, b in pairs
    ]
    return [layer for layer in layers if instead.get(layer.window) is None], named


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


def agrees(coarse: Record, record: Record, names: Grain) -> bool:
    """Tell whether two records are alike in some dimensions."""
    return all(record.get(name) == coarse.get(name) for name in names)


def could_cover(coarse: Record, record: Record, names: Grain) -> bool:
    """Tell whether a record would agree, but for dimensions that it does not know."""
    return not agrees(coarse, record, names) and all(
        record.get(name) in (None, coarse.get(name)) for name in names
    )


def take(left: Number, counter: str, givers: list[Record]) -> tuple[Number, list[Record]]:
    """Let records give what they still have, in order; name those that gave."""
    gave = []
    for record in givers:
        given: Number = record.given.get(counter, 0)
        gift: Number = min(left, record.counters.get(counter, 0) - given)
        if gift > 0:
            record.given[counter] = given + gift
            left -= gift
            gave.append(record)
    return left, gave


def outcome_of(left: Number, *, known: bool, stale: bool) -> str:
    """Say what becomes of what is left of one counter; `known`: a finer record has it too."""
    if left == 0:
        return "absorbed" if known else "zero"
    if known and isinstance(left, Decimal) and -ROUNDING < left < ROUNDING:
        return "rounding"
    if known and left < 0:
        return "short"
    return "stale" if stale else "excess"


def compared_dimensions(grain: Grain, finer: list[Record]) -> Grain:
    """Give the dimensions in which a grain is compared: the most that it shares with a record."""
    most: Grain = min((grain & record.grain for record in finer), key=grain_rank)
    return most | (grain & {"currency"})


def lets_through(layer: Layer, record: Record) -> bool:
    """Tell whether a layer's filters let a record through; what is not known passes."""
    for name, values in layer.limits.items():
        value, others = record.get(name), record.limits.get(name, values)
        if value not in values if value is not None else not values & others:
            return False
    return True


def hosted(layers: list[Layer], counted: list[Record]) -> list[tuple[Window, list[Layer]]]:
    """Put together the windows inside a wider one of which finer records are known."""
    groups: dict[Window, list[Layer]] = {}
    for layer in layers:
        around = [r.window for r in counted if layer.window != r.window]
        around = [window for window in around if within(layer.window, window)]
        host = max(around, key=lambda w: (w[1] - w[0], w), default=layer.window)
        groups.setdefault(host, []).append(layer)
    return sorted(groups.items(), key=lambda entry: entry[0])


def seconds_of(windows: set[Window]) -> int:
    """Count the seconds that windows cover together."""
    end, seconds = 0, 0
    for start, last in sorted(windows):
        seconds += max(0, last - max(start, end))
        end = max(end, last)
    return seconds


def summed_rows(
    window: Window, rows: list[Record], names: Grain
) -> list[tuple[Record, list[Record]]]:
    """Sum the rows that are alike in the compared dimensions, each sum with its rows."""
    groups: dict[Identity, list[Record]] = {}
    for row in rows:
        alike = tuple(pair for pair in row.identity if pair[0] in names)
        groups.setdefault(alike, []).append(row)
    sums = []
    for identity, some in groups.items():
        one = Record(window, identity, residual=True, grain=names, limits=some[0].limits)
        for row in some:
            for counter, value in row.counters.items():
                one.counters[counter] = one.counters.get(counter, 0) + value
            one.sources |= row.sources
            one.revision = max(one.revision, row.revision)
        sums.append((one, some))
    return sums


class Compared(NamedTuple):
    """What rows come to together in the compared dimensions, and the finer records that agree."""

    coarse: Record
    rows: list[Record]
    agreeing: list[Record]


class Judged(NamedTuple):
    """What became of one counter: the outcome, what is left of it, and the entry that names it."""

    outcome: str
    left: Number
    entry: Json


def canonical(endpoint: str, record: Record) -> tuple[Any, ...]:
    """Sort records: by window, then by dimensions, residuals last."""
    return record.window, order(endpoint, record.identity), record.residual


def matched(
    endpoint: str, sums: list[tuple[Record, list[Record]]], finer: list[Record], names: Grain
) -> list[Compared]:
    """Match sums with the records that agree, which give them what they have, and only once."""
    found = []
    for coarse, rows in sorted(sums, key=lambda pair: canonical(endpoint, pair[0])):
        agreeing = [r for r in finer if agrees(coarse, r, names)]
        for counter, value in coarse.counters.items():
            if value < (total(agreeing, counter) or 0):
                take(value, counter, agreeing)
            else:
                for record in agreeing:
                    record.given[counter] = record.counters.get(counter, 0)
        found.append(Compared(coarse, rows, agreeing))
    return found


def judged(
    endpoint: str, one: Compared, candidates: list[Record]
) -> tuple[dict[str, Judged], list[Record]]:
    """Judge each counter of a sum; give the records too that say something of it."""
    found = {}
    touched = list(one.agreeing)
    for counter, value in one.coarse.counters.items():
        details = total(one.agreeing, counter)
        difference = value - (details or 0)
        left, givers = take(difference, counter, candidates)
        touched += givers
        stale = any(r.revision > one.coarse.revision for r in one.agreeing + givers)
        known = bool(givers) or details is not None
        entry = {
            **at(endpoint, one.coarse.window),
            "dimensions": dict(one.coarse.identity),
            "counter": counter,
            "rollup": value,
            "details": details,
            "difference": difference,
        }
        found[counter] = Judged(outcome_of(left, known=known, stale=stale), left, entry)
    return found, touched


def reconcile(
    endpoint: str,
    host: Window,
    layers: list[Layer],
    counted: list[Record],
    found: dict[str, list[Json]],
) -> list[Record]:
    """Compare what a layer says (or several, inside one host) with the finer; give what counts."""
    first = layers[0]
    rollup = first.kind == "rollup"
    own = {layer.window for layer in layers}
    rows = [row for layer in layers for row in layer.records]
    finer = [
        record
        for record in counted
        if within(record.window, host)
        and any(within(record.window, w) or within(w, record.window) for w in own)
        and lets_through(first, record)
    ]
    if not finer:
        return counted_whole(endpoint, first.kind, rows, found)
    finer.sort(key=lambda record: canonical(endpoint, record))
    for record in finer:
        record.given = {}
    names = compared_dimensions(first.grain, finer)
    whole = seconds_of(own) == host[1] - host[0] and not any(one.filtered for one in layers)
    counts: list[Record] = []
    for one in matched(endpoint, summed_rows(host, rows, names), finer, names):
        candidates = [r for r in finer if could_cover(one.coarse, r, names)]
        verdicts, touched = judged(endpoint, one, candidates)
        if not touched:
            counts += counted_whole(endpoint, first.kind, one.rows, found)
            continue
        # A record that does not know a compared dimension may be of other rows than this one.
        told = all(names - {"currency"} <= record.grain for record in one.agreeing)
        named = {"absorbed": rollup, "zero": rollup, "short": whole and told}
        for verdict in verdicts.values():
            if named.get(verdict.outcome, True):
                outcome = "absorbed" if verdict.outcome == "zero" else verdict.outcome
                found[outcome].append(verdict.entry)
        if {verdict.outcome for verdict in verdicts.values()} & {"absorbed", "rounding"}:
            for record in touched:
                record.sources |= one.coarse.sources
        kept = {"excess"} if rollup else {"excess", "zero"}
        one.coarse.counters = {n: v.left for n, v in verdicts.items() if v.outcome in kept}
        if one.coarse.counters:
            counts.append(one.coarse)
    return counts


def counted_whole(
    endpoint: str, kind: str, rows: list[Record], found: dict[str, list[Json]]
) -> list[Record]:
    """Let rows count of which nothing finer is known; rollups are residuals, but for zeros."""
    if kind == "data":
        return rows
    kept = []
    for row in rows:
        for counter, value in row.counters.items():
            found["excess" if value else "absorbed"].append(
                {
                    **at(endpoint, row.window),
                    "dimensions": dict(row.identity),
                    "counter": counter,
                    "rollup": value,
                    "details": None,
                    "difference": value,
                }
            )
        row.counters = {counter: value for counter, value in row.counters.items() if value}
        row.residual = True
        if row.counters:
            kept.append(row)
    return kept


def resolved(endpoint: str, state: State) -> Resolved:
    """Resolve the state of one endpoint, whatever chains are in it, into records."""
    layers, differing = layers_in(endpoint, state)
    layers, overlaps = without_overlapping(endpoint, layers)
    found: dict[str, list[Json]] = {outcome: [] for outcome in OUTCOMES}
    records: list[Record] = []
    ranked: dict[str, list[Layer]] = {}
    for layer in sorted(layers, key=lambda one: one.rank):
        ranked.setdefault(repr(layer.rank), []).append(layer)
    for alike in ranked.values():
        groups = hosted(alike, records)
        for host, some in groups:
            records += reconcile(endpoint, host, some, records, found)
    windows = {place.window for place in state if place.kind == "data"}
    found["widerWindowsCovered"] = [
        {**at(endpoint, window), "narrowerWindows": len(narrower)}
        for window in sorted(windows)
        if (narrower := [w for w in windows if w != window and within(w, window)])
    ]
    found["labelsDiffer"], found["overlappingWindows"] = differing, overlaps
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


# The report ---------------------------------------------------------------------------


def times(window: Window) -> Json:
    """Write a window as the report does."""
    start, end = window
    return {"bucketTimestamp": iso(start), "windowEnd": iso(end)}


def iso(seconds: int) -> str:
    """Write a time as the report does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def at(endpoint: str, window: Window) -> Json:
    """Say where something stands."""
    return {"endpoint": endpoint, **times(window)}


def camel(name: str) -> str:
    """Turn `vector_store_id` into `vectorStoreId`."""
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def currencies(records: list[Record]) -> set[Value]:
    """Give the currencies that there is money of."""
    return {r.get("currency") for r in records if "amount_value" in r.counters}


def metrics(endpoint: str, records: list[Record]) -> Json:
    """Sum every registered counter, and the unknown ones that occur.

    Money of several currencies is no number.
    """
    unknown = {name for r in records for name in r.counters}
    names = [*ENDPOINTS[endpoint].counters]
    names += sorted(unknown - set(names))
    apart = {"amount_value"} if len(currencies(records)) > 1 else set()
    return {name: None if name in apart else total(records, name) for name in names}


def grouped(endpoint: str, records: list[Record], *names: str) -> list[Json] | None:
    """Sum by some dimensions; None where the endpoint lacks the only one. Money has a currency."""
    if len(names) == 1 and names[0] not in ENDPOINTS[endpoint].dimensions:
        return None
    names += ("currency",) if "currency" in ENDPOINTS[endpoint].dimensions else ()
    groups: dict[tuple[Value, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(map(record.get, names)), []).append(record)
    return [
        {
            **named_group(names, values),
            "metrics": metrics(endpoint, groups[values]),
        }
        for values in sorted(groups, key=lambda values: [*map(rank, values)])
    ]


def named_group(names: tuple[str, ...], values: tuple[Value, ...]) -> Json:
    """Write a group's values; nobody here knows what a project is called."""
    found: Json = {}
    for name, value in zip(names, values, strict=True):
        found[camel(name)] = value
        if name == "project_id":
            found["projectName"] = None
    return found


def touched_days(windows: set[Window]) -> list[Window]:
    """Give the UTC days that windows touch, joined where windows share one."""
    found: list[Window] = []
    for start, end in sorted(windows):
        first, last = start // DAY * DAY, (max(end - 1, start) // DAY + 1) * DAY
        if found and first < found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def by_day(endpoint: str, records: list[Record], windows: set[Window]) -> list[Json]:
    """Sum each day by project, tier and model, or line item and currency; a level is its last."""
    wanted = ("project_id", "line_item") if endpoint == "costs" else SHARED[:3]
    names = tuple(name for name in wanted if name in ENDPOINTS[endpoint].dimensions)
    found: list[Json] = []
    for days in touched_days(windows):
        some = [r for r in records if days[0] <= r.window[0] < days[1]]
        if endpoint in LEVELS:
            telling = {r.window for r in some if set(LEVELS[endpoint]) & set(r.counters)}
            latest = max(telling, key=by_end, default=None)
            some = [r for r in some if r.window == latest]
        groups: dict[tuple[Value, ...], list[Record]] = {}
        keys = (*names, "currency") if endpoint == "costs" else names
        for record in some:
            groups.setdefault(tuple(map(record.get, keys)), []).append(record)
        for values in sorted(groups, key=lambda values: [*map(rank, values)]):
            group = {**times(days), **named_group(keys, values)}
            found.append({**group, "metrics": metrics(endpoint, groups[values])})
    return found


def breakdowns(endpoint: str, records: list[Record]) -> Json:
    """Sum the endpoint's main counter by the values of some dimensions, and several currencies."""
    known = ENDPOINTS[endpoint]
    several = len(currencies(records)) > 1

    def named(record: Record, name: str) -> str:
        shown = unlike_null(record.get(name))
        money = unlike_null(record.get("currency"))
        return f"{shown} ({money})" if several and name != "currency" else shown

    return {
        title: {
            shown: total([r for r in records if named(r, name) == shown], known.main)
            for shown in {named(r, name) for r in records}
        }
        for title, name in known.breakdowns
    }


def by_end(window: Window) -> Window:
    """Sort windows by their ends."""
    return window[1], window[0]


def level(records: list[Record], name: str, windows: set[Window]) -> Json:
    """Show a level: in the latest window, and on average over all."""
    every, latest = total(records, name), max(windows, key=by_end, default=None)
    return {
        "latest": total([r for r in records if r.window == latest], name),
        "average": None if every is None else round(Fraction(every) / len(windows)),
    }


def levels(endpoint: str, records: list[Record]) -> Json | None:
    """Show what says how much there is: in the latest window, and on average over windows."""
    found: Json = {}
    for name in LEVELS.get(endpoint, ()):
        some = [r for r in records if name in r.counters]
        windows = {r.window for r in some}
        latest = max(windows, key=by_end, default=None)
        projects = sorted({r.get("project_id") for r in some}, key=rank)
        found[name] = {
            "latestWindow": latest and times(latest),
            "windows": len(windows),
            **level(some, name, windows),
            "byProject": [
                {
                    "projectId": p,
                    "projectName": None,
                    **level([r for r in some if r.get("project_id") == p], name, windows),
                }
                for p in projects
            ],
        }
    return found or None


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
        "levels": levels(endpoint, records),
        "unknownFields": sorted(unknown),
        "byDay": by_day(endpoint, records, {place.window for place in state}),
    }


def summary(pages: list[Delivery]) -> Json:
    """Render `usageSummary`, without its cursor, from one label's completions."""
    buckets = [bucket for page in pages for bucket in delivered(page.page)]
    records = resolved("usage/completions", state_after(pages)).records
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
            "reconciliation": {name: [] for name in (*OUTCOMES, *NAMED)},
        }
        for endpoint in sorted({page.endpoint for page in deliveries}):
            pages = [page for page in deliveries if page.endpoint == endpoint]
            state = state_after(pages)
            records, found = resolved(endpoint, state)
            figures = endpoint_figures(endpoint, pages, state, records)
            report["endpoints"][endpoint] = figures
            report["dedupedUsage"] += [shown(endpoint, record) for record in records]
            for name, entries in found.items():
                report["reconciliation"][name] += entries
        return report
