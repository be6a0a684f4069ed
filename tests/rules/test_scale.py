"""What captures promise, held against the oracle: walks, revisions, orders, files and budgets."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from tests.oracle import expected
from tests.support.capture_replays import BUDGETS, FEW, report_of
from tests.support.capture_strategies import Sent, lines_of, placed, put_files, walks
from tests.support.comparing import Json, but_for_deliveries, figures, flat, without
from tests.support.envelopes import SUFFIXES
from tests.support.running import replay, run
from tests.support.strategies import Chains, chains, deliveries, write_chains

# Against the oracle ---------------------------------------------------------------------


@FEW
@given(walks(), BUDGETS)
def test_walks_have_the_figures_of_the_oracle(made: list[list[Sent]], budget: str) -> None:
    """Of each window, the latest walk that delivered it counts: every figure is the oracle's."""
    lines = lines_of(made)
    report = report_of({"a.ndjson": lines}, memory=budget)
    assert flat(figures(report)) == flat(expected([sent.delivery for sent in lines]))


@FEW
@given(walks(), st.data())
def test_any_order_in_any_files_gives_the_same_figures(
    made: list[list[Sent]], data: st.DataObject
) -> None:
    """Lines in any order, in files of any kind, change nothing but the names of the files."""
    lines = lines_of(made)
    once = report_of({"a.ndjson": lines})
    apart = report_of(data.draw(placed(lines)), memory=data.draw(BUDGETS))
    assert flat(but_for_deliveries(apart)) == flat(but_for_deliveries(once))


@FEW
@given(walks(), st.data())
def test_repeated_lines_change_only_what_counts_deliveries(
    made: list[list[Sent]], data: st.DataObject
) -> None:
    """Lines that come again, anywhere, change the fields that count deliveries alone."""
    lines = lines_of(made)
    more = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=4))
    once = report_of({"a.ndjson": lines})
    again = report_of(data.draw(placed([*lines, *more])))
    assert flat(but_for_deliveries(again)) == flat(but_for_deliveries(once))


@FEW
@given(walks(), st.data())
def test_any_budget_gives_the_same_bytes(made: list[list[Sent]], data: st.DataObject) -> None:
    """However few rows may be in memory, with and without a state file, each byte is the same."""
    files = data.draw(placed(lines_of(made)))
    details = data.draw(st.sampled_from(["--details", "--no-details"]))
    with TemporaryDirectory() as name:
        directory = put_files(Path(name) / "in", files)
        whole = replay(directory, details)
        held = ["--state", str(Path(name) / "state.db")] if data.draw(st.booleans()) else []
        tight = replay(directory, details, *held, memory=data.draw(BUDGETS))
        assert (tight.raw, tight.code, tight.errors) == (whole.raw, whole.code, whole.errors)
        assert whole.report is not None
        if held:
            again = replay(directory, details, *held, memory=data.draw(BUDGETS))
            assert (again.raw, again.code) == (whole.raw, whole.code)


# Captures and fixtures ------------------------------------------------------------------


@FEW
@given(chains(), st.sampled_from(SUFFIXES))
def test_fixtures_and_their_capture_have_the_same_figures(made: Chains, suffix: str) -> None:
    """A capture of fixtures says what they say, and so do the fixtures made of it."""
    with TemporaryDirectory() as name:
        fixtures, back = Path(name) / "fixtures", Path(name) / "back"
        capture = Path(name) / f"c.ndjson{suffix}"
        fixtures.mkdir()
        write_chains(fixtures, made)
        assert run(["capture", str(fixtures), str(capture)])[0] == 0
        assert run(["capture", str(capture), str(back)])[0] == 0
        first, packed, last = (replay(place).report for place in (fixtures, capture, back))
    assert first is not None
    assert packed is not None
    assert last is not None
    assert flat(but_for_files(packed)) == flat(but_for_files(first))
    assert flat(without(last, {"run"})) == flat(without(first, {"run"}))


def but_for_files(report: Json) -> Json:
    """Leave out where pages stood."""
    entries = {name: without(entry, {"fixtures"}) for name, entry in report["endpoints"].items()}
    return {**report, "run": report["run"]["pages"], "endpoints": entries}


@FEW
@given(chains(), walks(most=2), st.data())
def test_captures_beside_fixtures_have_the_figures_of_the_oracle(
    plain: Chains, made: list[list[Sent]], data: st.DataObject
) -> None:
    """Fixtures are of revision 0, whatever is beside them."""
    lines = lines_of(made)
    with TemporaryDirectory() as name:
        directory = put_files(Path(name), data.draw(placed(lines)))
        write_chains(directory, plain)
        found = replay(directory, memory=data.draw(BUDGETS))
    assert found.report is not None, found.errors
    sent = [*deliveries(plain), *(one.delivery for one in lines)]
    assert flat(figures(found.report)) == flat(expected(sent))
