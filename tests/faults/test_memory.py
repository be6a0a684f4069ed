"""Peak memory of real runs: it follows the budget, and not the history."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.providers.openai import ENDPOINTS
from tests.support.generated import summary
from tests.support.pages import FIRST, used
from tests.support.processes import peak_of

# How long programs take, and how much memory, is theirs without a tracer.
pytestmark = pytest.mark.no_cover

MOST = 1.1
"""How much more memory ten times the pages may need."""
BESIDE = 60_000_000
"""Bytes that a replay may take beside what windows may."""
SHAPE = ["--walks", "4", "--overlap", "0.5", "--revised", "0.3"]
PAGES = ["--buckets-per-page", "4", "--rows-per-bucket", "50"]


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Make a capture that fills the channel and the budget, and one with ten times the pages."""
    directory = tmp_path_factory.mktemp("captures")
    made = [directory / "one.ndjson", directory / "ten.ndjson"]
    for capture, rows in zip(made, (20_000, 200_000), strict=True):
        found = summary(capture, "--rows", str(rows), *SHAPE, *PAGES)
        assert found
    return made


def peak(capture: Path, *options: str) -> int:
    """Replay in a process of its own; return the most memory that it had, in KiB."""
    report = str(capture.with_suffix(".json"))
    return peak_of(["replay", str(capture), "--report", report, "--memory", "500kB", *options])


@pytest.mark.parametrize("lasting", [False, True], ids=["totals alone", "state and details"])
def test_ten_times_the_pages_need_no_more_memory(
    captures: list[Path], tmp_path: Path, *, lasting: bool
) -> None:
    """A run with ten times the pages has at most 1.1 times the peak; two reruns are allowed."""

    def peaks(run: int) -> list[int]:
        state = [["--state", str(tmp_path / f"{run}{one.stem}.db")] for one in captures]
        return [
            peak(one, *(kept if lasting else ["--no-details"]))
            for one, kept in zip(captures, state, strict=True)
        ]

    one, ten = peaks(1)
    for rerun in (2, 3):
        if ten > MOST * one:
            again = peaks(rerun)
            one, ten = max(one, again[0]), min(ten, again[1])
    assert ten <= MOST * one


def write_wide_rows(path: Path, windows: int, rows: int) -> None:
    """Write a capture whose rows have every counter: each takes about 780 bytes in memory."""
    counts = dict.fromkeys(ENDPOINTS["usage/completions"].counts, 1_000)
    found = [used(1_000 + number, **{**counts, "user_id": f"u{number}"}) for number in range(rows)]
    rest = json.dumps(found)
    with path.open("w", encoding="ascii") as file:
        for number in range(windows):
            start = FIRST + 60 * number
            times = f'"start_time": {start}, "end_time": {start + 60}'
            file.write(
                f'{{"endpoint": "usage/completions", "observed_at": {start}, "page": {{"object": '
                f'"page", "data": [{{"object": "bucket", {times}, "results": {rest}}}], '
                '"has_more": false, "next_page": null}}\n'
            )


def test_a_replay_takes_its_budget_and_little_more(tmp_path: Path) -> None:
    """Three times as much in windows as the budget has room for takes no more than 60 MB beside."""
    write_wide_rows(tmp_path / "wide.ndjson", windows=1_200, rows=200)
    options = ["--report", str(tmp_path / "report.json"), "--no-details", "--memory", "64MB"]
    found = 1024 * peak_of(["replay", str(tmp_path / "wide.ndjson"), *options])
    assert 64_000_000 < found <= 64_000_000 + BESIDE


def test_a_fixture_needs_a_few_kilobytes(tmp_path: Path) -> None:
    """Of a page in a file of its own, its name, digest and place are held, and not its rows."""
    shape = ["--rows-per-bucket", "2", "--buckets-per-page", "2"]
    sizes = {"few": 300, "many": 3_000}
    for name, pages in sizes.items():
        summary(tmp_path / name, "--rows", str(4 * pages), *shape)
    few, many = (peak(tmp_path / name, "--no-details") for name in sizes)
    assert many - few <= 6 * (sizes["many"] - sizes["few"])
