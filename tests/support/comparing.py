"""Reports as properties compare them: laid out flat, and without what may differ."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

Json = dict[str, Any]

COUNTING_DELIVERIES = {"fixtures", "totalResults", "pagesProcessed"}
ONLY_THE_REPLAY_KNOWS = {"fixtures", "pagesProcessed", "hasMore", "nextPage"}


def without_digests(report: bytes) -> bytes:
    """Return a report without the digests of what was read."""
    return re.sub(rb'"(?:xxh3-128:[0-9a-f]{32}|sha256:[0-9a-f]{64})"', b"null", report)


def without(entry: Json | None, names: set[str]) -> Json | None:
    """Copy an object without some of its fields; null stays null."""
    return entry and {name: value for name, value in entry.items() if name not in names}


def figures(report: Json) -> Json:
    """Leave of a report what the oracle works out."""
    return {
        "usageSummary": without(report["usageSummary"], {"cursor"}),
        "usageVariants": {
            label: without(entry, {"cursor"}) for label, entry in report["usageVariants"].items()
        },
        "dedupedUsage": report["dedupedUsage"],
        "endpoints": {
            name: without(entry, ONLY_THE_REPLAY_KNOWS)
            for name, entry in report["endpoints"].items()
        },
        "reconciliation": report["reconciliation"],
    }


def but_for_deliveries(report: Json) -> Json:
    """Leave of a report what must not change when pages are delivered differently."""
    counted = {"totalBuckets", "totalRawEvents"}
    return {
        **report,
        "run": None,
        "usageSummary": without(report["usageSummary"], counted),
        "usageVariants": {
            label: without(entry, counted) for label, entry in report["usageVariants"].items()
        },
        "endpoints": {
            name: without(entry, COUNTING_DELIVERIES) for name, entry in report["endpoints"].items()
        },
    }


def plain(value: object) -> str:
    """Spell a value so that numbers are equal by size, and True is not 1."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return json.dumps(value)
    return str(Fraction(value)) if value != int(value) else str(int(value))


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Lay JSON out as one line for each leaf, so that a difference is seen by its path.

    The lists of `reconciliation` have no order of their own, and are put into one.
    """
    if isinstance(value, list) and path.startswith(".reconciliation."):
        value = sorted(value, key=lambda entry: sorted(flat(entry).items()))
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict) or not value:
        return {path: plain(value)}
    return {
        name: text
        for key, inner in value.items()
        for name, text in flat(inner, f"{path}.{key}").items()
    }
