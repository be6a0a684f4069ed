"""Peak memory of real runs: it follows the budget of rows, and not the history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.generated import summary
from tests.support.processes import peak_of

MOST = 1.1
"""How much more memory ten times the pages may need."""
SHAPE = ["--walks", "4", "--overlap", "0.5", "--revised", "0.3"]
PAGES = ["--buckets-per-page", "4", "--rows-per-bucket", "50"]


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Make a capture, and one with ten times the pages."""
    directory = tmp_path_factory.mktemp("captures")
    made = [directory / "one.ndjson", directory / "ten.ndjson"]
    for capture, rows in zip(made, (10_000, 100_000), strict=True):
        found = summary(capture, "--rows", str(rows), *SHAPE, *PAGES)
        assert found
    return made


def peak(capture: Path, *options: str) -> int:
    """Replay in a process of its own; return the most memory that it had, in KiB."""
    report = str(capture.with_suffix(".json"))
    return peak_of(["replay", str(capture), "--report", report, "--row-budget", "1000", *options])


@pytest.mark.parametrize("lasting", [False, True], ids=["totals alone", "state and details"])
def test_ten_times_the_pages_need_no_more_memory(
    captures: list[Path], tmp_path: Path, *, lasting: bool
) -> None:
    """A run with ten times the pages has at most 1.1 times the peak; one rerun is allowed."""

    def peaks(run: int) -> list[int]:
        state = [["--state", str(tmp_path / f"{run}{one.stem}.db")] for one in captures]
        return [
            peak(one, *(kept if lasting else ["--no-details"]))
            for one, kept in zip(captures, state, strict=True)
        ]

    one, ten = peaks(1)
    if ten > MOST * one:
        one, ten = map(min, (one, ten), peaks(2))
    assert ten <= MOST * one


def test_a_fixture_needs_a_few_kilobytes(tmp_path: Path) -> None:
    """Of a page in a file of its own, its name, digest and place are held, and not its rows."""
    shape = ["--rows-per-bucket", "2", "--buckets-per-page", "2"]
    sizes = {"few": 300, "many": 3_000}
    for name, pages in sizes.items():
        summary(tmp_path / name, "--rows", str(4 * pages), *shape)
    few, many = (peak(tmp_path / name, "--no-details") for name in sizes)
    assert many - few <= 6 * (sizes["many"] - sizes["few"])
