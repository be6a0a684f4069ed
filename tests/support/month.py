"""A simulated month: what a daemon shows from November 2024 on, and Prometheus' blocks of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import yaml

from tests.support.metric_labels import GAUGES, HISTORY, RECORDED, samples
from tests.support.pages import DAY
from tests.support.places import DEPLOY
from tests.support.prometheus import prometheus

__all__ = ["DECEMBER", "NOW", "ROWS", "SINCE", "blocks_of", "put_blocks"]

HOUR: Final = 3_600
STEP: Final = 300
SINCE: Final = 1_732_492_800  # 2024-11-25T00:00:00Z
DECEMBER: Final = 1_733_011_200  # 2024-12-01T00:00:00Z
NOW: Final = 1_735_646_400  # 2024-12-31T12:00:00Z
NEW: Final = DECEMBER + 9 * DAY + 9 * HOUR
"""When a project is seen for the first time, with all that it has cost."""
RESTATED: Final = DECEMBER + 19 * DAY
RENAMED: Final = DECEMBER + 14 * DAY
TARGET: Final = 'job="usage-stream",instance="a:9464"'
Value = Callable[[int], float | None]
"""A figure at a moment; ``None``: there is no series yet."""


def grown(an_hour: float) -> Value:
    """Grow evenly."""
    return lambda moment: (moment - SINCE) / HOUR * an_hour


def constant(value: float, since: int = SINCE, until: int = NOW + STEP) -> Value:
    """Stay as it is, between two moments."""
    return lambda moment: value if since <= moment < until else None


COST: Final = 'openai_project_cost{project_id="%s",currency="%s"}'
INFO: Final = 'openai_project_info{project_id="%s",name="%s"}'
USED: Final = 'project_id="%s",service_tier="default"'
ROWS: Final[dict[str, Value]] = {
    "usage_stream_state_records{": constant(1),
    COST % ("proj_a", "usd"): grown(1),
    COST % ("proj_a", "eur"): grown(0.5),
    COST % ("proj_new", "usd"): constant(500, NEW),
    COST % ("proj_less", "usd"): lambda moment: 50 if moment < RESTATED else 40,
    INFO % ("proj_a", "Research"): constant(1, until=RENAMED),
    INFO % ("proj_a", "Research (new)"): constant(1, RENAMED),
    INFO % ("proj_new", "Lab"): constant(1, NEW),
    f"openai_project_tokens_total{{{USED % 'proj_a'}}}": grown(105),
    f"openai_project_tokens_corrected_total{{{USED % 'proj_a'}}}": grown(10),
    f"openai_project_requests_total{{{USED % 'proj_a'}}}": grown(2),
    f"openai_project_requests_corrected_total{{{USED % 'proj_a'}}}": constant(0),
}
"""What changes over the month. ``proj_less`` has no name."""


def lines_of_month() -> Iterator[str]:
    """Yield OpenMetrics: what changes over all of the time, and the rest over the last minutes."""
    for series, value in ROWS.items():
        name, _, labels = series.removesuffix("}").partition("{")
        pairs = ",".join(part for part in (labels, TARGET) if part)
        for moment in range(SINCE, NOW + 1, STEP):
            if (found := value(moment)) is not None:
                yield f"{name}{{{pairs}}} {found} {moment}"
    left_out = {series.partition("{")[0] for series in ROWS} | RECORDED.keys() | HISTORY.keys()
    assert left_out & GAUGES.keys()
    for line in samples(NOW):
        if line.partition("{")[0] not in left_out:
            yield line


def blocks_of(place: Path) -> Path:
    """Write the month and its recorded rules as blocks into ``place/data``; return ``place``."""
    put_lines(place, lines_of_month())
    put_lines(place, list(recorded_lines(place)))
    return place


def put_lines(place: Path, lines: Iterable[str]) -> None:
    """Backfill lines of samples, of which the last one may end the file."""
    text = "".join(f"{line}\n" for line in lines).removesuffix("# EOF\n")
    (place / "lines.om").write_text(f"{text}# EOF\n", "utf-8")
    put_blocks(place / "lines.om", place / "data")


def put_blocks(openmetrics: Path, data: Path) -> None:
    """Backfill a file, as an operator does."""
    command = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=744h"]
    subprocess.run([*command, "openmetrics", openmetrics, data], check=True, capture_output=True)


def recorded_lines(place: Path) -> Iterator[str]:
    """Yield what the rules that dashboards ask for record over the month, each hour."""
    path = DEPLOY / "prometheus" / "rules" / "recording.yml"
    groups = yaml.safe_load(path.read_text("utf-8"))["groups"]
    rules = {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}
    span = {"start": SINCE, "end": NOW, "step": HOUR}
    with prometheus(place) as server:
        for name in RECORDED:
            for one in server.ask("query_range", query=rules[name], **span)["result"]:
                pairs = ",".join(f'{label}="{value}"' for label, value in one["metric"].items())
                for moment, value in one["values"]:
                    yield f"{name}{{{pairs}}} {value} {moment}"
