"""Which Prometheus series a record counts in: its family, and its labels.

Families and labels are for dashboards, so nothing in them grows with users, keys or time. A
dimension that is null reads ``unspecified``, as in the report's breakdowns: Prometheus takes an
empty label for none at all.
"""

from __future__ import annotations

from decimal import localcontext
from typing import Final, NamedTuple

from stream.figures.totals import Totals
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
]

UNSPECIFIED: Final = "unspecified"
OTHER: Final = "__other__"
RESERVED: Final = frozenset({UNSPECIFIED, OTHER.lstrip("_")})
"""What a value is not called, with whatever underscores before it; it gets one more of them."""
"""What the series beyond a metric's limit are added up under."""
TOKENS: Final = "_tokens"


class Family(NamedTuple):
    """A metric family."""

    name: str
    help: str
    labels: tuple[str, ...]
    gauge: bool = False


class Series(NamedTuple):
    """One series: the family's name, and a value for each of its labels."""

    family: str
    labels: tuple[str, ...]


USUAL: Final = ("endpoint", "project_id", "service_tier", "model")

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


def series_of(endpoint: Endpoint, totals: Totals) -> dict[Series, Number]:
    """Return what some records count in each series, exactly.

    Prometheus keeps floats: of a count above 2⁵³, or of money, it loses what a float cannot hold.
    """
    counted: dict[Series, Number] = {}
    wanted = ("project_id", "service_tier", "model", "line_item", "currency")
    names = tuple(name for name in wanted if name in totals.names)
    for values, counters in totals.sums_by(*names):
        known = dict(zip(names, values, strict=True), endpoint=endpoint.key)
        for counter, value in counters.items():
            token = counter.removesuffix(TOKENS) if counter.endswith(TOKENS) else None
            name = "openai_api_tokens" if token else OF_COUNTER.get(counter)
            if name is not None and counter in endpoint.counters:
                labels = {**known, "token_type": token}
                family = FAMILIES[name]
                series = Series(
                    name, tuple(label_value_of(labels.get(label)) for label in family.labels)
                )
                with localcontext(MONEY):
                    counted[series] = counted.get(series, 0) + value
    return counted


def label_value_of(value: object) -> str:
    """Return a label's value: only what is null, or folded, is called as that is."""
    if value is None:
        return UNSPECIFIED
    text = str(value)
    return f"_{text}" if text.lstrip("_") in RESERVED else text
