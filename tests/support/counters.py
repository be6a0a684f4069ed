"""The counters that Prometheus must be shown for the records of the oracle."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TypeAlias

from stream.providers.openai import ENDPOINTS

Sums: TypeAlias = dict[tuple[str, ...], int]
"""Family and label values → what is counted."""
COUNTED = {
    "num_model_requests": "openai_api_requests",
    "images": "openai_api_images",
    "characters": "openai_api_characters",
    "seconds": "openai_api_audio_seconds",
    "num_sessions": "openai_api_sessions",
    "num_requests": "openai_api_calls",
}
OF_PROJECT = {
    "input_tokens": "openai_project_tokens",
    "output_tokens": "openai_project_tokens",
    "num_model_requests": "openai_project_requests",
}


def wanted(records: list[dict[str, Any]]) -> Sums:
    """Add up the oracle's records as the series do."""
    sums: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for record in records:
        labels = [record["endpoint"]]
        labels += [str(record[name] or "unspecified") for name in ("projectId", "serviceTier")]
        labels.append(str(record["model"] or "unspecified"))
        registered = ENDPOINTS[record["endpoint"]].counts
        for name, value in record["metrics"].items():
            if not value or name not in registered:
                continue
            if name.endswith("_tokens"):
                key = "openai_api_tokens", *labels, name.removesuffix("_tokens")
                sums[key] += int(value)
            if name in OF_PROJECT:
                sums[OF_PROJECT[name], *labels[1:3]] += int(value)
            if name in COUNTED:
                sums[COUNTED[name], *labels] += int(value)
    return dict(sums)
