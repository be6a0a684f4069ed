"""Buckets that come again unchanged: not read again, and still everything is as if they were."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.decode import pages
from stream.decode.pieces import CutPage, cut_page
from tests.support.capture_replays import BUDGETS, FEW
from tests.support.capture_strategies import Sent, lines_of, walks
from tests.support.envelopes import envelope, put_capture
from tests.support.pages import Json, bucket, page, used
from tests.support.running import Replayed, replay
from tests.support.strategies import written

TIMES = [f"2024-12-01T06:00:0{second}Z" for second in range(6)]
SAMPLE = re.compile(r'usage_stream_records_total\{endpoint="(.+?)",outcome="(.+?)"\} (.+)')


def outcomes_in(metrics: Path) -> Counter[tuple[str, str]]:
    """Read what became of records, by endpoint and outcome."""
    found = SAMPLE.findall(metrics.read_text("utf-8"))
    return Counter({(key, outcome): int(float(value)) for key, outcome, value in found})


def counted(
    directory: Path, lines: list[bytes], budget: str
) -> tuple[Replayed, Counter[tuple[str, str]]]:
    """Replay a capture of these lines; return what became of each record, too."""
    metrics = directory / "metrics"
    put_capture(directory / "a.ndjson", lines)
    found = replay(directory, metrics=metrics, memory=budget)
    assert found.report is not None, found.errors
    return found, outcomes_in(metrics)


@FEW
@given(walks(most=4), BUDGETS)
def test_what_is_not_read_again_is_counted_as_if_it_were(
    made: list[list[Sent]], budget: str
) -> None:
    """Each row has its outcome, and the report each byte, as when every bucket is decoded."""
    lines = [sent.line for sent in lines_of(made)]
    with TemporaryDirectory() as name:
        found, outcomes = counted(Path(name), lines, budget)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pages, "cut_page", lambda _: None)
            plain, plainly = counted(Path(name), lines, "10MB")
    assert found.raw == plain.raw
    assert outcomes == plainly
    assert found.report is not None
    for endpoint, entry in found.report["endpoints"].items():
        rows = sum(n for (key, _), n in outcomes.items() if key == endpoint)
        assert rows == entry["totalResults"]


# One window -----------------------------------------------------------------------------


def line(second: int, *rows: Json, times: int = 1, **fields: object) -> bytes:
    """Write a page with one bucket, the walk being made at a second."""
    content = page(*[bucket(*rows)] * times, **fields)
    return written(envelope(content, observed_at=TIMES[second])).encode()


HIGH, LOW = used(9, model="m"), used(4, model="m")
STORIES: dict[str, tuple[list[bytes], int, dict[str, int]]] = {
    "lower and later than what came again": (
        [line(1, HIGH), line(3, HIGH), line(4, LOW)],
        4,
        {"new": 1, "duplicate": 1, "revised": 1},
    ),
    "lower, and between what came again": (
        [line(1, HIGH), line(3, HIGH), line(2, LOW)],
        9,
        {"new": 1, "duplicate": 1, "superseded": 1},
    ),
    "again, and earlier": (
        [line(3, HIGH), line(1, HIGH), line(2, LOW)],
        9,
        {"new": 1, "superseded": 2},
    ),
    "again, of the same time, and lower": (
        [line(3, HIGH), line(3, HIGH), line(3, LOW)],
        9,
        {"new": 1, "duplicate": 2},
    ),
    "changed, and changed back": (
        [line(1, HIGH), line(2, LOW), line(3, HIGH), line(4, HIGH)],
        9,
        {"new": 1, "revised": 2, "duplicate": 1},
    ),
    "twice in a page": (
        [line(1, HIGH, times=2), line(2, HIGH, times=2), line(3, LOW, times=2)],
        4,
        {"new": 1, "duplicate": 4, "revised": 1},
    ),
    "empty, then filled, then empty": (
        [line(1), line(2), line(3, HIGH), line(4)],
        0,
        {"new": 1},
    ),
    "row that came and went": (
        [line(1, HIGH), line(2, HIGH, used(1)), line(3, HIGH), line(4, HIGH)],
        9,
        {"new": 2, "duplicate": 3},
    ),
}


@pytest.mark.parametrize("budget", ["1B", "10MB"])
@pytest.mark.parametrize(("lines", "tokens", "outcomes"), STORIES.values(), ids=STORIES.keys())
def test_a_window_goes_by_its_latest_walk(
    lines: list[bytes], tokens: int, outcomes: dict[str, int], budget: str, tmp_path: Path
) -> None:
    """An unchanged bucket raises the revision of its window, in memory and in the store."""
    found, seen = counted(tmp_path, lines, budget)
    assert found.report is not None
    assert (found.report["usageSummary"]["tokensIn"] or 0) == tokens
    assert {outcome: count for (_, outcome), count in seen.items()} == outcomes


@pytest.mark.parametrize("budget", ["1B", "10MB"])
def test_a_rollup_is_stale_beside_what_came_again_later(budget: str, tmp_path: Path) -> None:
    """Details that a later walk confirmed are newer than a rollup that it did not repeat."""
    daily = [{"timestamp": page(bucket())["data"][0]["start_time"], "line_items": [used(20)]}]
    first = line(1, HIGH, daily_costs=daily)
    before, _ = counted(tmp_path, [line(1, HIGH), first], budget)
    after, _ = counted(tmp_path, [line(1, HIGH), first, line(2, HIGH)], budget)
    assert before.report is not None
    assert after.report is not None
    assert [len(before.report["reconciliation"][one]) for one in ("excess", "stale")] == [1, 0]
    assert [len(after.report["reconciliation"][one]) for one in ("excess", "stale")] == [0, 1]
    assert after.report["usageSummary"]["tokensIn"] == 9


@FEW
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([LOW, HIGH])), max_size=8), BUDGETS)
def test_the_latest_time_that_a_window_came_decides(
    story: list[tuple[int, Json]], budget: str
) -> None:
    """Whatever came before and after, the greatest figure of the latest walk is what counts."""
    with TemporaryDirectory() as name:
        lines = [line(0, used(2, model="m")), *(line(second, row) for second, row in story)]
        found, _ = counted(Path(name), lines, budget)
    latest = max((second for second, _ in story), default=0)
    figures = [row["input_tokens"] for second, row in story if second == latest]
    assert found.report is not None
    assert found.report["usageSummary"]["tokensIn"] == max([*figures, 2 * (latest == 0)])


def cut_places(directory: Path, lines: list[bytes], **options: object) -> list[int]:
    """Replay a capture; return which of its lines were cut into buckets."""
    seen: list[bytes] = []

    def look(payload: bytes) -> CutPage | None:
        seen.append(payload)
        return cut_page(payload)

    put_capture(directory / "a.ndjson", lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "cut_page", look)
        assert replay(directory, **options).code == 0
    return [place for place, one in enumerate(lines, 1) if any(page in one for page in seen)]


def told(second: int, tokens: int, label: str = "") -> bytes:
    """Write a page that no other line is like."""
    return line(second, used(tokens, model=f"m-{second}-{label}"))


@pytest.mark.parametrize(
    ("lines", "places"),
    [
        pytest.param([told(1, 4), told(2, 5), told(3, 6)], [], id="it changed each time"),
        pytest.param(
            [line(1, LOW), line(2, LOW), told(3, 6), told(4, 7)], [3, 4], id="once as it was"
        ),
        pytest.param([line(2, LOW), line(1, LOW), told(3, 6)], [3], id="once, and earlier"),
        pytest.param([line(1), line(2), told(3, 6), told(4, 7)], [], id="with nothing in it"),
    ],
)
def test_buckets_are_told_apart_once_one_has_come_again(
    lines: list[bytes], places: list[int], tmp_path: Path
) -> None:
    """A chain is cut from where a window came again as it was; all are where state lasts."""
    assert cut_places(tmp_path, lines) == places
    state = tmp_path / "a.state"
    assert cut_places(tmp_path, lines, state=state) == [*range(1, len(lines) + 1)]
