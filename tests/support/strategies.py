"""Hypothesis strategies for recorded pages, and a writer for what they make.

The domains are small, so that identities collide, labels overlap, and windows nest.
"""

from __future__ import annotations

import json
from decimal import Context, Decimal, Inexact, localcontext
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from hypothesis import strategies as st

from tests.oracle import DAY, Delivery, expected, iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Json: TypeAlias = dict[str, Any]
Chains: TypeAlias = dict[tuple[str, str], list[Json]]
K = TypeVar("K")

COMPLETIONS = "usage/completions"
FIRST_DAY = 1_727_049_600  # 2024-09-23T00:00:00Z
DAYS = [(FIRST_DAY, FIRST_DAY + DAY), (FIRST_DAY + DAY, FIRST_DAY + 2 * DAY)]
HOUR = 3_600
WINDOWS = [
    *DAYS,
    *((FIRST_DAY + h * HOUR, FIRST_DAY + (h + 1) * HOUR) for h in (0, 1, 23, 24)),
    *((FIRST_DAY + m * 60, FIRST_DAY + (m + 1) * 60) for m in (0, 1, 60, 1_440)),
]
LARGEST_COUNT = 2**63 - 1

# Files ------------------------------------------------------------------------------


def written(value: object) -> str:
    """Write JSON with every Decimal as the number that it is, digit for digit."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        fields = (f"{json.dumps(name)}:{written(v)}" for name, v in value.items())
        return "{" + ",".join(fields) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def read(text: str | bytes) -> Any:
    """Read JSON with every fraction as a Decimal."""
    return json.loads(text, parse_float=Decimal)


def file_name(endpoint: str, label: str, number: int) -> str:
    """Name the fixture of one page."""
    name = f"{endpoint.replace('/', '_')}_fixture"
    name += "" if label == "primary" else f"_{label}"
    name += "" if number == 1 else f"_page{number}"
    return f"{name}.json"


def write_chains(directory: Path, chains: Chains) -> None:
    """Write each page of each chain to its fixture, with cursors filled in."""
    for (endpoint, label), pages in chains.items():
        for number, page in enumerate(pages, start=1):
            more = number < len(pages)
            whole = {
                "object": "page",
                **page,
                "has_more": more,
                "next_page": f"cursor_{number + 1}" if more else None,
            }
            path = directory / file_name(endpoint, label, number)
            path.write_text(written(whole), encoding="utf-8")


def deliveries(chains: Chains) -> list[Delivery]:
    """Hand the pages to the oracle as anyone reads them who reads the files."""
    return [
        Delivery(endpoint, label, read(written(page)))
        for (endpoint, label), pages in chains.items()
        for page in pages
    ]


# Values -----------------------------------------------------------------------------

NOTHING = st.sampled_from([None, "", "  "])
COUNTS = st.sampled_from([None, *range(21), LARGEST_COUNT])
EXACT_MONEY = st.one_of(
    st.integers(0, 9_999).map(lambda n: Decimal(n).scaleb(-3)),
    st.integers(-50, 50).map(lambda n: Decimal(n).scaleb(-1)),
    st.integers(0, 9).map(Decimal),
    st.sampled_from(
        [
            Decimal("0.0000002"),
            Decimal("12.50"),
            Decimal("1E+2"),
            Decimal("3.918E-3"),
            Decimal("-0.0"),
            Decimal("12345678901234567890.000000000000000000000000000001"),
            Decimal("0.0001234567890123456789012345678901234567"),
        ]
    ),
)
MONEY = st.one_of(
    st.none(), EXACT_MONEY, EXACT_MONEY, EXACT_MONEY.map(str), st.sampled_from(["0E-6176", ""])
)


def spelled(*values: str) -> st.SearchStrategy[str | None]:
    """Spell a dimension's value in the ways that mean the same, or leave it out."""
    return st.one_of(st.sampled_from(values), st.sampled_from([f" {v} " for v in values]), NOTHING)


PROJECT = spelled("proj_a", "proj_b")
MODEL = spelled("gpt-4o", "gpt-4o-mini")
TIER = spelled("standard", "scale")
BATCH = st.sampled_from([True, False, "true", "False", " TRUE ", None, ""])
UNKNOWN = {
    "region": spelled("eu", "us"),
    "flex": st.sampled_from([True, False, "true", None]),
    "tiles": st.sampled_from([0, 1, 7, Decimal("2.0"), None]),
    "weight": st.sampled_from([Decimal("0.5"), Decimal("1.25"), -1, 3]),
    "extra": st.sampled_from([{"depth": 1}, [1, 2], []]),
    "closed_at": st.sampled_from([FIRST_DAY, "2024-09-23T00:00:00Z"]),
    "operation": st.just("chat"),
    "project_name": st.just("Anything"),
}
METADATA = {
    "project_id": PROJECT,
    "project_name": st.just("Anything"),
    "region": UNKNOWN["region"],
    "tiles": UNKNOWN["tiles"],
}


def rows(
    result: str,
    dimensions: dict[str, st.SearchStrategy[Any]],
    counters: dict[str, st.SearchStrategy[Any]],
) -> st.SearchStrategy[Json]:
    """Make rows of one endpoint: any field may be absent, and some are unknown."""
    plain = {"object": st.just(result), **dimensions, **counters}
    models = {"model": MODEL} if "model" in dimensions else {}
    metadata = st.fixed_dictionaries({}, optional=METADATA | models)
    known = st.fixed_dictionaries({}, optional=plain)
    older = st.fixed_dictionaries({"metadata": metadata}, optional=plain)
    strange = st.fixed_dictionaries({}, optional=plain | UNKNOWN | {"metadata": metadata})
    return st.one_of(known, known, known, older, strange)


AMOUNT = st.one_of(
    st.none(),
    st.fixed_dictionaries({"value": MONEY}, optional={"currency": spelled("usd", "USD", "eur")}),
)
ROWS: dict[str, st.SearchStrategy[Json]] = {
    COMPLETIONS: rows(
        "organization.usage.completions.result",
        {
            "project_id": PROJECT,
            "model": MODEL,
            "service_tier": TIER,
            "batch": BATCH,
            "user_id": spelled("user_a"),
            "api_source": spelled("responses"),
        },
        {
            "input_tokens": COUNTS,
            "output_tokens": COUNTS,
            "num_model_requests": COUNTS,
            "cost": MONEY,
        },
    ),
    "usage/embeddings": rows(
        "organization.usage.embeddings.result",
        {"project_id": PROJECT, "model": MODEL, "api_key_id": spelled("key_a")},
        {"input_tokens": COUNTS, "num_model_requests": COUNTS},
    ),
    "usage/images": rows(
        "organization.usage.images.result",
        {
            "project_id": PROJECT,
            "size": spelled("512x512", "1024x1024"),
            "source": spelled("image.generation", "image.edit"),
        },
        {"images": COUNTS, "num_model_requests": COUNTS},
    ),
    "usage/file_search_calls": rows(
        "organization.usage.file_searches.result",
        {"project_id": PROJECT, "vector_store_id": spelled("vs_a", "vs_b")},
        {"num_requests": COUNTS},
    ),
    "usage/vector_stores": rows(
        "organization.usage.vector_stores.result",
        {"project_id": PROJECT},
        {"usage_bytes": COUNTS},
    ),
    "costs": rows(
        "organization.costs.result",
        {
            "project_id": PROJECT,
            "line_item": spelled("usage.completions", "usage.images"),
            "quantity_unit": spelled("tokens"),
        },
        {"amount": AMOUNT, "quantity": MONEY},
    ),
}
LINE_ITEMS = rows(
    "organization.usage.completions.result",
    {"project_id": PROJECT, "model": MODEL, "service_tier": TIER},
    {
        "input_tokens": COUNTS,
        "output_tokens": COUNTS,
        "amount": st.one_of(MONEY, MONEY.map(lambda value: {"value": value, "currency": "usd"})),
    },
)

# Pages ------------------------------------------------------------------------------


@st.composite
def any_bucket(draw: st.DrawFn, endpoint: str) -> Json:
    """Make one bucket, of today's shape or the older one."""
    start, end = draw(st.sampled_from(DAYS if endpoint == "costs" else WINDOWS))
    results = draw(st.lists(ROWS[endpoint], max_size=3))
    shape = draw(st.sampled_from(["today", "today", "result", "older"]))
    if shape == "older" and end - start == DAY:
        return {
            "object": "usage_bucket",
            "start_time": start,
            "start_time_iso": iso(start),
            "window": "day",
            draw(st.sampled_from(["results", "result"])): results,
        }
    return {
        "object": "bucket",
        "start_time": start,
        "end_time": end,
        "result" if shape == "result" else "results": results,
    }


DAILY_COSTS = st.fixed_dictionaries(
    {
        "timestamp": st.sampled_from([FIRST_DAY, FIRST_DAY + 5, FIRST_DAY + DAY]),
        "line_items": st.lists(LINE_ITEMS, max_size=2),
    }
)


@st.composite
def any_page(draw: st.DrawFn, endpoint: str) -> Json:
    """Make one page; a page of completions may carry rollups that are anything."""
    page: Json = {"data": draw(st.lists(any_bucket(endpoint), max_size=3))}
    if endpoint == COMPLETIONS:
        page["object"] = draw(st.sampled_from(["page", "list"]))
        if draw(st.booleans()):
            page["daily_costs"] = draw(st.lists(DAILY_COSTS, max_size=1))
    return page


def some_again(pages: list[Json]) -> st.SearchStrategy[list[Json]]:
    """Deliver some pages of a chain again, anywhere in it."""
    more = st.lists(st.sampled_from(pages), max_size=3)
    return more.flatmap(lambda again: st.permutations(pages + again))


def page_lists(endpoint: str) -> st.SearchStrategy[list[Json]]:
    """Make the pages of one chain, some of them more than once."""
    once = st.lists(any_page(endpoint), min_size=1, max_size=3)
    return st.one_of(once, once, once.flatmap(some_again))


CHAIN_NAMES = st.one_of(
    st.just([(COMPLETIONS, "primary")]),
    st.lists(
        st.sampled_from(
            [
                (COMPLETIONS, "primary"),
                (COMPLETIONS, "dual"),
                (COMPLETIONS, "shadow"),
                ("costs", "primary"),
                ("costs", "dual"),
                ("usage/embeddings", "primary"),
                ("usage/images", "primary"),
                ("usage/images", "dual"),
                ("usage/file_search_calls", "primary"),
                ("usage/vector_stores", "primary"),
                ("usage/vector_stores", "dual"),
            ]
        ),
        min_size=1,
        max_size=4,
        unique=True,
    ),
)


@st.composite
def chains(draw: st.DrawFn) -> Chains:
    """Make chains of several endpoints and labels, with rollups drawn near them."""
    made = {name: draw(page_lists(name[0])) for name in draw(CHAIN_NAMES)}
    add_rollups(draw, made, DIFFERENCES, exact=False)
    return made


# Rollups that have something to do with the details ----------------------------------

NAMES = {
    "projectId": "project_id",
    "serviceTier": "service_tier",
    "model": "model",
    "batch": "batch",
}
COUNTERS = ("input_tokens", "output_tokens", "cost")
DIFFERENCES = st.sampled_from(
    [
        *[Decimal(0)] * 4,
        Decimal("0.0000004"),
        Decimal("-0.0000004"),
        Decimal("0.0000005"),
        Decimal("0.25"),
        Decimal(3),
        Decimal(-2),
    ]
)


def details_of(made: Chains, day: int) -> list[Json]:
    """Give the completions of a day as they count with no rollup beside them."""
    plain = without_rollups({name: pages for name, pages in made.items() if name[0] == COMPLETIONS})
    first, last = iso(day), iso(day + DAY)
    return [
        record
        for record in expected(deliveries(plain))["dedupedUsage"]
        if record["bucketTimestamp"] >= first and record["windowEnd"] <= last
    ]


def agreeing(row: Json, *, nulls: bool) -> Callable[[Json], bool]:
    """Tell which details agree with a rollup; with `nulls`, those that might."""
    return lambda record: all(
        record[name] in ((None, row[field]) if nulls else (row[field],))
        for name, field in NAMES.items()
        if field in row
    )


def line_item(row: Json, details: list[Json], difference: Decimal) -> Json:
    """Sum details into a line item that is off by a difference."""
    row = dict(row)
    for name in COUNTERS:
        present = [r["metrics"][name] for r in details]
        present = [value for value in present if value is not None]
        if present and name == "cost":
            with localcontext(Context(prec=100, traps=[Inexact])):
                row["amount"] = sum(present) + difference
        elif present and 0 <= sum(present) + int(difference) <= LARGEST_COUNT:
            row[name] = sum(present) + int(difference)
    return row


def add_rollups(
    draw: st.DrawFn,
    made: Chains,
    differences: st.SearchStrategy[Decimal],
    *,
    exact: bool,
) -> None:
    """Add rollups to drawn chains: sums of their details, at grains that are drawn.

    With `exact` each is what its details add up to. Without, the grain may be one that
    the details do not know, and the sum may take in details that are null there.
    """
    homes = [made[name] for name in made if name[0] == COMPLETIONS]
    if not homes:
        return
    for day, _ in DAYS:
        details = details_of(made, day)
        for record in draw(
            st.lists(st.sampled_from(details), max_size=3) if details else st.just([])
        ):
            row = {
                field: record[name]
                for name, field in NAMES.items()
                if record[name] is not None and draw(st.booleans())
            }
            if not exact and draw(st.booleans()):
                row["project_id"] = draw(st.sampled_from(["proj_a", "proj_b"]))
            known = agreeing(row, nulls=not exact and draw(st.booleans()))
            near = [detail for detail in details if known(detail)]
            daily = {
                "timestamp": day + draw(st.sampled_from([0, 1, DAY - 1])),
                "line_items": [line_item(row, near, draw(differences))],
            }
            page = draw(st.sampled_from(draw(st.sampled_from(homes))))
            page["daily_costs"] = [*page.get("daily_costs", []), daily]


def without_rollups(made: Chains) -> Chains:
    """Copy chains without their rollups."""
    return {
        name: [{k: v for k, v in page.items() if k != "daily_costs"} for page in pages]
        for name, pages in made.items()
    }


@st.composite
def covered_chains(draw: st.DrawFn) -> tuple[Chains, Chains]:
    """Make chains of completions without rollups, and with some they cover exactly."""
    labels = draw(st.sampled_from([["primary"], ["primary", "dual"]]))
    made = {(COMPLETIONS, label): draw(page_lists(COMPLETIONS)) for label in labels}
    made = without_rollups(made)
    with_rollups = {name: [dict(p) for p in pages] for name, pages in made.items()}
    add_rollups(draw, with_rollups, st.just(Decimal(0)), exact=True)
    return made, with_rollups


# Single rules -----------------------------------------------------------------------

PROJECTS = st.sampled_from(["proj_a", "proj_b"])
MODELS = st.sampled_from(["gpt-4o", "gpt-4o-mini"])


def bucket(window: tuple[int, int], results: list[Json]) -> Json:
    """Write a bucket of today's shape."""
    start, end = window
    return {
        "object": "bucket",
        "start_time": start,
        "end_time": end,
        "results": results,
    }


def counts_by(keys: st.SearchStrategy[K]) -> st.SearchStrategy[dict[K, int]]:
    """Draw a count for each of some keys."""
    return st.dictionaries(keys, st.integers(1, 1_000), min_size=1, max_size=6)


def shuffled(made: Chains) -> st.SearchStrategy[Chains]:
    """Put the pages of each chain into any order."""
    return st.fixed_dictionaries({name: st.permutations(pages) for name, pages in made.items()})


def repeated(made: Chains) -> st.SearchStrategy[Chains]:
    """Deliver some pages of each chain again, anywhere in it."""
    return st.fixed_dictionaries({name: some_again(pages) for name, pages in made.items()})


def pieces(page: Json) -> list[Json]:
    """Split a page: a page for each of its buckets, and for each day of rollups."""
    data = [{"data": [one]} for one in page["data"]]
    daily = [{"data": [], "daily_costs": [one]} for one in page.get("daily_costs", [])]
    return data + daily


def joined(pages: list[Json]) -> Json:
    """Join pages into one."""
    data = [one for page in pages for one in page["data"]]
    daily = [one for page in pages for one in page.get("daily_costs", [])]
    return {"data": data, "daily_costs": daily} if daily else {"data": data}


def split(made: Chains) -> Chains:
    """Split every page of every chain; a chain keeps at least one, if empty."""
    return {
        name: [piece for page in pages for piece in pieces(page)] or [{"data": []}]
        for name, pages in made.items()
    }


def joined_chains(made: Chains) -> Chains:
    """Join the pages of every chain into one."""
    return {name: [joined(pages)] for name, pages in made.items()}
