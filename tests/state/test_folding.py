"""Old windows fold into sums of their days, and no total changes, whatever comes again."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import DAY
from tests.support.capture_strategies import Sent, lines_of, put_files, viewed, walks
from tests.support.comparing import Json, flat
from tests.support.pruning import prune, totals_in
from tests.support.running import replay, run
from tests.support.strategies import FIRST_DAY, Chains, chains, write_chains

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
LIMITS = st.sampled_from([FIRST_DAY, FIRST_DAY + DAY, FIRST_DAY + 2 * DAY, FIRST_DAY + 30 * DAY])
"""The first day that is kept: pages are of the two days from the first on, or near them."""


def report_of(pages: Path, state: Path) -> Json:
    """Replay into a state file; return the report."""
    replayed = replay(
        pages, state=state, on_error="dead-letter", dead_letters=state.parent / "dead"
    )
    assert replayed.report is not None, replayed.errors
    return replayed.report


@FEW
@given(chains(), LIMITS)
def test_totals_of_fixtures_stay_what_they_are(made: Chains, limit: int) -> None:
    """Folded, folded again, and all pages read anew in between: each total is the same."""
    with TemporaryDirectory() as name:
        pages, state = Path(name) / "pages", Path(name) / "state.db"
        pages.mkdir()
        write_chains(pages, made)
        whole = totals_in(report_of(pages, state))
        prune(state, limit=limit)
        assert totals_in(report_of(pages, state)) == whole
        for path in pages.iterdir():
            path.write_bytes(path.read_bytes() + b" ")
        again = report_of(pages, state)
        assert totals_in(again) == whole
        prune(state, limit=limit + DAY)
        assert totals_in(report_of(pages, state)) == whole
        assert ("folded" in again["run"]) == (limit > FIRST_DAY and has_folded(state))


def has_folded(state: Path) -> bool:
    """Tell whether a state file has windows that were folded."""
    report = report_of(state.parent / "pages", state)
    return "folded" in report["run"]


@FEW
@given(st.one_of(walks().map(lines_of), viewed()), LIMITS, st.data())
def test_totals_of_captures_stay_what_they_are(
    lines: list[Sent], limit: int, data: st.DataObject
) -> None:
    """Walks with revisions and views: folded, and some or all lines delivered again behind that."""
    some = [line for line in lines if data.draw(st.booleans())]
    with TemporaryDirectory() as name:
        pages, state = Path(name) / "pages", Path(name) / "state.db"
        put_files(pages, {"a.ndjson": lines})
        whole = totals_in(report_of(pages, state))
        prune(state, limit=limit)
        assert totals_in(report_of(pages, state)) == whole
        for file, again in (("b.ndjson", some), ("c.ndjson", lines)):
            put_files(pages, {file: again} if again else {})
            assert totals_in(report_of(pages, state)) == whole
            prune(state, limit=limit + DAY)
            assert totals_in(report_of(pages, state)) == whole


@FEW
@given(st.one_of(walks().map(lines_of), viewed()))
def test_an_export_comes_to_the_same_figures(lines: list[Sent]) -> None:
    """Walks, rollups and views, written as a capture again: each total and record is the same."""
    with TemporaryDirectory() as name:
        pages, state, out = Path(name) / "pages", Path(name) / "state.db", Path(name) / "out"
        put_files(pages, {"a.ndjson": lines})
        whole = report_of(pages, state)
        out.mkdir()
        code, _, errors = run(["state", "export", str(state), str(out / "all.ndjson")])
        assert code == 0, errors
        again = report_of(out, Path(name) / "again.db")
        assert totals_in(again) == totals_in(whole)
        assert flat(again["dedupedUsage"]) == flat(whole["dedupedUsage"])
