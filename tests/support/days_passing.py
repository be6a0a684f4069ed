"""Days that pass while a daemon watches: each brings a capture, and old captures go."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stream.providers.openai import ENDPOINTS
from tests.support.daemons import Daemon, daemon
from tests.support.pages import DAY
from tests.support.soaking import SETTLED, Reading, read_process

__all__ = ["pass_days"]

MICRO: Final = 1_000_000
PATHS: Final = ("/metrics", "/", "/readyz")


def pass_days(  # noqa: PLR0913 -- what a soak may want to be different
    place: Path,
    days: int,
    rows: int,
    show: Callable[[str], object] = lambda _: None,
    *,
    retention: str = "400d",
    kept: int = 30,
) -> tuple[list[Reading], int]:
    """Let so many days pass, each with a bucket of so many rows of every endpoint.

    The captures of the last days are kept.

    Returns readings from the time on when the working set is there, and the exit code.
    """
    pages, readings = place / "pages", list[Reading]()
    pages.mkdir()
    first = int(time.time()) // DAY * DAY - days * DAY
    settings = ("--report-seconds", "1h", "--log-level", "error")
    with daemon(place, *settings, more=f'retention = "{retention}"', variables=REAL) as found:
        before = checkpoints_of(found)
        for number in range(days):
            put_day(place, pages, first + number * DAY, rows)
            wait_for(found, first + (number + 1) * DAY)
            (pages / name_of(first + (number - kept) * DAY)).unlink(missing_ok=True)
            if number % 10 == 0:
                for path in PATHS:
                    found.ask(path)
            if number > SETTLED * days:
                readings.append(read_process(found.process.pid))
            if number % max(days // 10, 1) == 0:
                spent, checkpoints = checkpoints_of(found)
                mean = (spent - before[0]) / max(checkpoints - before[1], 1)
                before = spent, checkpoints
                reading = read_process(found.process.pid)
                show(f"day {number}: {reading}, a checkpoint takes {mean:.3f} s\n")
        return readings, found.stop()


REAL: Final = {"SOURCE_DATE_EPOCH": ""}


def checkpoints_of(found: Daemon) -> tuple[float, float]:
    """Return how many seconds checkpoints have taken since the start, and how many there were."""
    name = "usage_stream_checkpoint_duration_seconds"
    return found.value(f"{name}_sum"), found.value(f"{name}_count")


def name_of(start: int) -> str:
    """Return what a day's capture is called."""
    return f"{dt.datetime.fromtimestamp(start, dt.UTC):%Y-%m-%d}.ndjson"


def put_day(place: Path, pages: Path, start: int, rows: int) -> None:
    """Write a day's capture, and move it to where it is watched."""
    lines = [line_of(name, start, rows) for name in sorted(ENDPOINTS)]
    made = place / name_of(start)
    made.write_text("".join(lines), "utf-8")
    made.rename(pages / name_of(start))


def line_of(name: str, start: int, rows: int) -> str:
    """Write the one page that a day has of an endpoint."""
    endpoint = ENDPOINTS[name]
    found = []
    for index in range(rows):
        row: dict[str, object] = {"object": endpoint.result, "project_id": f"proj_{index % 20}"}
        if name == "costs":
            row["line_item"] = f"item {index // 20}"
            row["amount"] = {"value": index + start % 97 + 0.25, "currency": "usd"}
        else:
            row |= {"model": f"model-{index // 20 % 5}", "user_id": f"user-{index}"}
            row |= dict.fromkeys(endpoint.counts, index + start // DAY % 97)
        found.append(row)
    bucket = {"object": "bucket", "start_time": start, "end_time": start + DAY, "results": found}
    page = {"object": "page", "data": [bucket], "has_more": False, "next_page": None}
    seen = dt.datetime.fromtimestamp(start + DAY, dt.UTC).isoformat()
    made = {"endpoint": name, "label": "primary", "observed_at": seen, "page": page}
    return json.dumps(made, separators=(",", ":")) + "\n"


def wait_for(found: Daemon, end: int) -> None:
    """Wait until every endpoint has a window that ends then."""

    def has_come() -> bool:
        watermarks = found.metrics().get("usage_stream_watermark_timestamp_seconds", {})
        return len(watermarks) == len(ENDPOINTS) and min(watermarks.values()) >= end

    found.until(has_come, "a day")
