"""Make the benchmark's pages: hourly buckets of completions, each delivered twice, and grown."""

from __future__ import annotations

import json
import random
from pathlib import Path

from stream.endpoints import ENDPOINTS

ROWS_A_BUCKET = 1_000
BUCKETS_A_PAGE = 5
START = 1_730_419_200  # 2024-11-01T00:00:00Z
COUNTS = ENDPOINTS["usage/completions"].counts
MODELS = ("gpt-4o", "gpt-4o-mini", "o3")
TIERS = ("default", "scale", "flex")


def rows(bucket: int, *, grown: bool) -> list[dict[str, object]]:
    """Make one bucket's rows; grown, each counter is the same or larger."""
    first, growth = random.Random(bucket), random.Random(-bucket - 1)
    made: list[dict[str, object]] = []
    for number in range(ROWS_A_BUCKET):
        counts = {name: first.randrange(1_000_000) for name in COUNTS}
        if grown:
            counts = {name: count + growth.randrange(1_000) for name, count in counts.items()}
        made.append(
            {
                "object": "organization.usage.completions.result",
                **counts,
                "project_id": f"proj_{number % 20}",
                "user_id": f"user_{number % 50}",
                "api_key_id": f"key_{number}",
                "model": MODELS[number % 3],
                "batch": number % 2 == 1,
                "service_tier": TIERS[number % 3],
                "api_source": None,
            },
        )
    return made


def write_pages(directory: Path, total: int) -> None:
    """Write a chain with ``total`` rows: half of them are re-deliveries that grew."""
    buckets = total // 2 // ROWS_A_BUCKET
    order = [(bucket, grown) for grown in (False, True) for bucket in range(buckets)]
    pages = [order[at : at + BUCKETS_A_PAGE] for at in range(0, len(order), BUCKETS_A_PAGE)]
    for number, page in enumerate(pages, 1):
        more = number < len(pages)
        written = {
            "object": "page",
            "data": [
                {
                    "object": "bucket",
                    "start_time": START + bucket * 3600,
                    "end_time": START + (bucket + 1) * 3600,
                    "results": rows(bucket, grown=grown),
                }
                for bucket, grown in page
            ],
            "has_more": more,
            "next_page": f"page_{number}" if more else None,
        }
        suffix = "" if number == 1 else f"_page{number}"
        path = directory / f"usage_completions_fixture{suffix}.json"
        path.write_text(json.dumps(written), encoding="utf-8")
