"""Which Prometheus series a record counts in: its family, and its labels.

Families and labels are for dashboards, so nothing in them grows with users, keys or time. A
dimension that is null reads ``unspecified``, as in the report's breakdowns: Prometheus takes an
empty label for none at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import localcontext
from typing import Final, NamedTuple

from stream.figures.days import DayGroups
from stream.providers.endpoint import Endpoint
from stream.records.money import MONEY, Number

__all__ = [
    "FAMILIES",
    "OTHER",
    "PROJECT_INFO",
    "UNSPECIFIED",
    "Family",
    "Series",
    "label_value_of",
    "series_of",
    "targets_of",
]

UNSPECIFIED: Final = "unspecified"
OTHER: Final = "__other__"
"""What the series beyond a metric's limit are added up under."""
RESERVED: Final = frozenset({UNSPECIFIED, OTHER.lstrip("_")})
"""What a value is not called, with whatever underscores before it; it gets one more of them."""
TOKENS: Final = "_tokens"
MAIN_KINDS: Final = frozenset({"input", "output"})
"""The kinds of tokens that stay apart when others are added up."""
MOST_PROJECTS: Final = 10_000
"""Projects and tiers that have totals of their own, whatever the limit."""


class Family(NamedTuple):
    """A metric family; ``room`` is how many series it may have at least, whatever the limit."""

    name: str
    help: str
    labels: tuple[str, ...]
    gauge: bool = False
    room: int = 0


class Series(NamedTuple):
    """One series: the family's name, and a value for each of its labels."""

    family: str
    labels: tuple[str, ...]


USUAL: Final = ("endpoint", "project_id", "service_tier", "model")
KEY: Final = ("project_id", "service_tier")

FAMILIES: Final = {
    family.name: family
    for family in (
        Family("openai_api_tokens", "Tokens used.", (*USUAL, "token_type")),
        Family("openai_api_requests", "Requests made to models.", USUAL),
        Family("openai_api_images", "Images made or edited.", USUAL),
        Family("openai_api_characters", "Characters spoken.", USUAL),
        Family("openai_api_audio_seconds", "Seconds of audio transcribed.", USUAL),
        Family("openai_api_sessions", "Code interpreter sessions.", USUAL),
        Family("openai_api_calls", "Calls of search tools.", USUAL),
        Family("openai_api_vector_store_bytes", "Bytes in vector stores.", USUAL, gauge=True),
        Family(
            "openai_api_cost",
            "Cost as billed.",
            ("project_id", "line_item", "currency"),
            gauge=True,
        ),
        Family(
            "openai_project_tokens",
            "Tokens used, input and output, on all endpoints.",
            KEY,
            room=MOST_PROJECTS,
        ),
        Family(
            "openai_project_requests",
            "Requests made to models, on all endpoints.",
            KEY,
            room=MOST_PROJECTS,
        ),
        Family(
            "openai_project_cost",
            "Cost as billed, of all line items.",
            ("project_id", "currency"),
            gauge=True,
            room=MOST_PROJECTS,
        ),
        Family(
            "openai_api_estimated_cost",
            "Cost as estimated, usage times price, which is no bill; only with prices.",
            ("project_id", "service_tier", "model", "currency"),
            gauge=True,
        ),
        Family(
            "openai_project_estimated_cost",
            "Cost as estimated, on all endpoints, which is no bill; only with prices.",
            ("project_id", "currency"),
            gauge=True,
            room=MOST_PROJECTS,
        ),
        Family(
            "openai_api_unpriced_usage",
            "Usage without a price, in the units of its kind; only with prices.",
            ("endpoint", "model", "service_tier", "kind"),
            gauge=True,
        ),
    )
}

PROJECT_INFO: Final = Family(
    "openai_project_info",
    "What projects are called, as the latest walk over their list says; to join on.",
    ("project_id", "name"),
    gauge=True,
)
"""No record counts in it: a series for each project, which is 1."""

OF_COUNTER: Final = {
    "num_model_requests": "openai_api_requests",
    "images": "openai_api_images",
    "characters": "openai_api_characters",
    "seconds": "openai_api_audio_seconds",
    "num_sessions": "openai_api_sessions",
    "num_requests": "openai_api_calls",
    "usage_bytes": "openai_api_vector_store_bytes",
    "amount_value": "openai_api_cost",
}
OF_PROJECT: Final = {
    "input_tokens": "openai_project_tokens",
    "output_tokens": "openai_project_tokens",
    "num_model_requests": "openai_project_requests",
    "amount_value": "openai_project_cost",
}
"""Counter → the family that has its totals by project."""
STEPS: Final = (("model", "line_item"), ("project_id", "service_tier"))
"""Labels that are given up when a metric has too many series, one step after another."""


def series_of(endpoint: Endpoint, found: DayGroups) -> dict[Series, Number]:
    """Return what some records count in each series, exactly; of what is zero there is none.

    Prometheus keeps floats: of a count above 2⁵³, or of money, it loses what a float cannot hold.
    """
    counted: dict[Series, Number] = {}
    with localcontext(MONEY):
        for values, counters in found.groups.items():
            known: dict[str, object] = dict(zip(found.names, values, strict=True))
            known["endpoint"] = endpoint.key
            for counter, value in counters.items():
                for series in series_of_counter(counter, known) if value else ():
                    counted[series] = counted.get(series, 0) + value
    return counted


def series_of_counter(counter: str, known: dict[str, object]) -> Iterator[Series]:
    """Yield the series that a counter of a record counts in; ``known`` are its dimensions."""
    kind = counter.removesuffix(TOKENS) if counter.endswith(TOKENS) else None
    for name in ("openai_api_tokens" if kind else OF_COUNTER.get(counter), OF_PROJECT.get(counter)):
        if name is not None:
            labels = FAMILIES[name].labels
            values = (
                kind if one == "token_type" else label_value_of(known.get(one)) for one in labels
            )
            yield Series(name, tuple(map(str, values)))


def label_value_of(value: object) -> str:
    """Return a label's value: only what is null, or folded, is called as that is."""
    if value is None:
        return UNSPECIFIED
    text = str(value)
    return f"_{text}" if text.lstrip("_") in RESERVED else text


def targets_of(series: Series) -> list[Series]:
    """Return what a series may count in, from itself to what many are added up in.

    Kinds of tokens are given up before models and line items, these before projects and tiers;
    endpoints and currencies never, and neither are input and output.
    """
    labels, found = FAMILIES[series.family].labels, [series]
    if "token_type" in labels and series.labels[-1] not in MAIN_KINDS:
        found.append(Series(series.family, (*series.labels[:-1], OTHER)))
    for step in STEPS:
        values = zip(labels, found[-1].labels, strict=True)
        coarser = tuple(OTHER if name in step else value for name, value in values)
        if coarser != found[-1].labels:
            found.append(Series(series.family, coarser))
    return found
