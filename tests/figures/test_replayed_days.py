"""Days that a replay has kept: what their windows come to, whatever else has happened to state."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.figures.daybook import Daybook, DaysOfWindows, StoredDaybook
from stream.figures.days import DayColumns, DayGroups, groups_of_span, rows_of
from stream.figures.ledger import Ledger
from stream.intake.account import Account
from stream.intake.former import windows_in
from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.errors import Unavailable
from stream.records.tally import Tally
from stream.records.windows import MAX_TIME, Window
from stream.sinks.daybooks import open_daybook
from stream.state.saved_series import Span
from stream.state.sqlite.inspection import Inspection
from stream.state.sqlite.replayed_days import put_replayed
from stream.state.windows import Windows
from tests.support.capture_strategies import Sent, lines_of, put_files, viewed, walks
from tests.support.pages import DAY, bucket, page, put_all, used
from tests.support.pruning import prune
from tests.support.running import Replayed, replay
from tests.support.strategies import FIRST_DAY, Chains, chains, write_chains

FEW: Final = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
STEPS: Final = ("replay", "replay", "broken", "cut", "daemon", "prune")
EVERYTHING: Final = frozenset(
    name for one in ENDPOINTS.values() for name in (*one.dimensions, *one.counters, "has_cost")
)


def read_into(pages: Path, state: Path, **options: object) -> Replayed:
    """Replay into a state file, whatever the walks are like."""
    dead = state.with_name("dead")
    return replay(pages, state=state, on_error="dead-letter", dead_letters=dead, **options)


def read_and_fail(pages: Path, state: Path, *, at_once: bool) -> None:
    """Replay and fail as days are to be kept, or when some of them are: they are not there."""

    def fail(*given: Any) -> None:
        if not at_once:
            database, days = given
            put_replayed(database, [day for day, _ in zip(days, "ab", strict=False)])
        raise Unavailable("killed")

    with pytest.MonkeyPatch.context() as patch:
        if at_once:
            patch.setattr("stream.figures.replayed_days.keep_days", fail)
        else:
            patch.setattr("stream.state.sqlite.day_file.put_replayed", fail)
        read_into(pages, state)


def count_as_daemon(state: Path) -> None:
    """Work out what is stale as a daemon does, a checkpoint at a time."""
    rules = Rules(state=state, unfinished_walks="wait")
    with closing(Intake(rules, Tally(), lambda: 0)) as intake:
        saved = intake.checkpoints
        ledger = Ledger(saved.series, 100, saved.store, saved.former_chains)
        while True:
            draft = ledger.draft(intake.windows(), ())
            intake.store(draft.figures)
            ledger.commit(draft)
            if not ledger.is_behind:
                return


def groups_in(sums: DayColumns) -> dict[Any, Any]:
    """Return the sums of a day by what it tells apart, without what is nothing."""
    groups = zip(*sums.dimensions.values(), strict=True)
    named = tuple(sums.dimensions)
    return {(named, one): counters for one, counters in rows_of(groups, sums.counters) if counters}


def days_in(book: Daybook) -> dict[Any, Any]:
    """Return all that days came to."""
    return {
        (key, day.days): groups
        for key in ENDPOINTS
        for day in book.read(key, Window(0, MAX_TIME), EVERYTHING)
        if (groups := groups_in(day.sums))
    }


def see_days(state: Path) -> dict[Any, Any]:
    """Return what days of a state file came to, which is what its windows come to."""
    with open_daybook(state) as (book, *_):
        found, windows = days_in(book), book.windows
        former = frozenset(windows.former_chains)
        assert found == days_in(StoredDaybook(DaysOfWindows(windows), windows, former, former))
    with closing(Inspection(state)) as store:
        store.check_whole()
    return found


def refuse(*_: object) -> None:
    """Fail where somebody works days out."""
    raise AssertionError


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, list[Sent]]]:
    """Draw what happens to a state file, and the lines that have come by then."""
    lines = draw(st.one_of(walks().map(lines_of), viewed()))
    history = []
    for step in [*draw(st.lists(st.sampled_from(STEPS), max_size=4)), "replay"]:
        some = draw(st.integers(0, len(lines)))
        history.append((step, lines[:some]))
        lines = lines[some:]
    return history


@FEW
@given(histories(), chains(), st.sampled_from([FIRST_DAY + DAY, FIRST_DAY + 30 * DAY]))
def test_they_are_what_windows_come_to(
    history: list[tuple[str, list[Sent]]], made: Chains, limit: int
) -> None:
    """Replays, whole or broken off, a daemon's checkpoints and pruning leave no day that is not."""
    steps = {step for step, _ in history}
    with TemporaryDirectory() as name:
        pages, state = Path(name) / "pages", Path(name) / "state.db"
        pages.mkdir()
        write_chains(pages, made)
        read_into(pages, state)
        for number, (step, lines) in enumerate(history):
            put_files(pages, {f"{number}.ndjson": lines} if lines else {})
            if step == "daemon":
                count_as_daemon(state)
            elif step == "prune":
                prune(state, limit=limit)
            elif step == "replay":
                read_into(pages, state)
            else:
                read_and_fail(pages, state, at_once=step == "broken")
            found = see_days(state)
        if "prune" not in steps:
            read_into(pages, state.with_name("other.db"))
            assert found == see_days(state.with_name("other.db"))
        if not steps & {"daemon", "prune"}:
            with pytest.MonkeyPatch.context() as patch, open_daybook(state) as (book, *_):
                patch.setattr("stream.figures.daybook.groups_of_span", refuse)
                assert days_in(book) == found


@pytest.mark.parametrize("workers", [1, 2])
def test_a_replay_that_finds_nothing_new_keeps_nothing_anew(
    workers: int, pages: Path, state: Path
) -> None:
    """Days stand there after the first; a page more has its own day kept, and no other."""
    kept = []

    def note(database: Any, days: Any) -> None:
        found = list(days)
        kept.append(len(found))
        put_replayed(database, found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stream.state.sqlite.day_file.put_replayed", note)
        for _ in range(2):
            assert read_into(pages, state, workers=workers).report is not None
        put_all(pages, {"usage_moderations.json": page(bucket(used(1)))})
        read_into(pages, state, workers=workers)
    assert kept == [len(see_days(state)) - 1, 1]


def test_what_was_kept_under_other_former_chains_is_worked_out(pages: Path, state: Path) -> None:
    """Of an endpoint whose former chains are others by now, no kept day stands for anything."""
    read_into(pages, state)
    seen = set()

    def note(windows: Windows, span: Span) -> DayGroups:
        seen.add(span.endpoint)
        return groups_of_span(windows, span)

    with closing(Inspection(state)) as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr("stream.figures.daybook.groups_of_span", note)
        saved, account = store.load_but_series(), Account()
        account.restore(saved.parts, counted=True)
        windows = windows_in(store, saved, account)
        for chain, found in ((None, set[str]()), (Chain("costs", "other"), {"costs"})):
            former = frozenset[Chain]() if chain is None else frozenset({chain})
            assert days_in(StoredDaybook(store, windows, frozenset(), former))
            assert seen == found
