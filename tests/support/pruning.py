"""Pruned state files, and what of a report must be the same before and after."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Final

from tests.support.comparing import Json, flat, without
from tests.support.running import NOW, run

DAY: Final = 86_400
TOTALS: Final = (
    "metrics",
    "byKey",
    "byProject",
    "byServiceTier",
    "byModel",
    "byDay",
    "breakdowns",
)
LEVELS: Final = "usage/vector_stores"


def prune(state: Path, *flags: str, limit: int = int(NOW) - DAY, code: int = 0) -> Json:
    """Prune a state file so that a day is the first that is kept; return what came of it."""
    now = dt.datetime.fromtimestamp(limit + 30 * DAY, dt.UTC).isoformat()
    found, output, errors = run(
        ["state", "prune", str(state), "--retention", "30d", "--now", now, *flags]
    )
    assert found == code, errors
    shown: Json = json.loads(output) if output else {"errors": errors}
    return shown


def totals_in(report: Json) -> dict[str, Any]:
    """Leave of a report its totals, by whatever they are; of a level the last window's.

    Names are left out: lists have them, which are in no export of a state file.
    """
    endpoints = report["endpoints"]
    counted = {"totalBuckets", "totalRawEvents", "totalDedupedEvents", "cursor"}
    labels = {"primary": report["usageSummary"], **report["usageVariants"]}
    levels = (endpoints.get(LEVELS) or {}).get("levels")
    found = flat(
        {
            "endpoints": {
                key: {name: found[name] for name in TOTALS}
                for key, found in endpoints.items()
                if key != LEVELS
            },
            "levels": levels and levels["usage_bytes"]["latest"],
            "labels": {label: without(one, counted) for label, one in labels.items()},
        }
    )
    return {path: text for path, text in found.items() if not path.endswith(".projectName")}
