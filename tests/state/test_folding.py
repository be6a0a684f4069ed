"""Old windows fold into sums of their days, and no total changes, whatever comes again."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.figures.folds import find_folds
from stream.state.sqlite.store import Store
from stream.state.windows import Fold
from tests.oracle import DAY
from tests.support.bad_pages import ONE
from tests.support.capture_strategies import Sent, lines_of, put_files, viewed, walks
from tests.support.comparing import Json, flat
from tests.support.daemons import daemon
from tests.support.envelopes import put_capture
from tests.support.pages import FIRST, bucket, page, put, put_all, put_recorded, used
from tests.support.pruning import prune, totals_in
from tests.support.running import replay, run
from tests.support.strategies import FIRST_DAY, Chains, chains, write_chains

PAGE = 4096  # bytes: of the database, as SQLite makes it
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
        pruned = report_of(pages, state)
        assert totals_in(pruned) == whole
        for path in pages.iterdir():
            path.write_bytes(path.read_bytes() + b" ")
        again = report_of(pages, state)
        assert totals_in(again) == whole
        prune(state, limit=limit + DAY)
        assert totals_in(report_of(pages, state)) == whole
        assert again["run"].get("folded") == pruned["run"].get("folded")
        assert limit > FIRST_DAY or "folded" not in pruned["run"]


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


def walked(day: int) -> bytes:
    """Write the walk that brings a day, an hour after its end."""
    moment = dt.datetime.fromtimestamp(FIRST_DAY + (day + 1) * DAY + 3_600, dt.UTC)
    start = FIRST_DAY + day * DAY
    row = {"project_id": "p", "input_tokens": day + 1}
    buckets = [{"start_time": start, "end_time": start + DAY, "results": [row]}]
    head = {"endpoint": "usage/completions", "observed_at": moment.isoformat(), "request": {}}
    return json.dumps({**head, "page": {"data": buckets, "has_more": False}}).encode()


def test_walks_that_are_folded_are_forgotten_and_not_missed(tmp_path: Path, state: Path) -> None:
    """What pages said of old walks goes, and no walk is broken when some of them come again."""
    pages, lines = tmp_path / "pages", [walked(day) for day in range(10)]
    pages.mkdir()
    put_capture(pages / "a.ndjson", lines)
    whole = totals_in(report_of(pages, state))
    made = prune(state, limit=FIRST_DAY + 5 * DAY)
    assert (made["days"], made["windows"], made["links"]) == (5, 5, 4)
    for name, again in (("b.ndjson", lines[:3]), ("c.ndjson", lines), ("a.ndjson", lines[:9])):
        put_capture(pages / name, again)
        report = report_of(pages, state)
        assert totals_in(report) == whole
        assert not any("incomplete" in one for one in report["relationshipIssues"])
    assert prune(state, limit=FIRST_DAY + 20 * DAY)["windows"] == 5
    assert totals_in(report_of(pages, state)) == whole


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_know_what_is_folded(workers: int, tmp_path: Path, state: Path) -> None:
    """Pages of folded days that several processes read count nothing either."""
    pages = put_recorded(tmp_path / "pages")
    (pages / "expectations.json").unlink()
    whole = totals_in(report_of(pages, state))
    prune(state)
    for path in pages.iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    replayed = replay(pages, state=state, workers=workers)
    assert replayed.report is not None, replayed.errors
    assert totals_in(replayed.report) == whole
    assert replayed.report["run"]["folded"]["windows"] == 23


def test_another_label_of_folded_days_still_counts(tmp_path: Path, state: Path) -> None:
    """What a label says that had nothing there is compared with the sums; what is new counts."""
    pages = put_all(tmp_path / "pages", {ONE: page(bucket(used(7, project_id="p", user_id="u")))})
    report_of(pages, state)
    prune(state)
    both = bucket(used(7, project_id="p", user_id="u"), used(5, project_id="q", user_id="v"))
    put(pages, "usage_completions_dual.json", page(both))
    for _ in range(2):
        found = report_of(pages, state)["endpoints"]["usage/completions"]
        assert found["metrics"]["input_tokens"] == 12
        prune(state)
    put(pages, ONE, page(bucket(used(9, project_id="p", user_id="u"))))
    found = report_of(pages, state)["endpoints"]["usage/completions"]
    assert found["metrics"]["input_tokens"] == 12


def test_a_sum_that_is_too_large_to_keep_stays_in_its_windows(tmp_path: Path, state: Path) -> None:
    """Counts whose sum has more than 63 bits are not folded; the days beside them are."""
    large = 2**63 - 1
    days = [bucket(used(large, user_id="a"), used(large, user_id="b")), bucket(used(1), day=1)]
    pages = put_all(tmp_path / "pages", {ONE: page(*days)})
    whole = totals_in(report_of(pages, state))
    assert prune(state)["days"] == 1
    report = report_of(pages, state)
    assert totals_in(report) == whole
    assert report["run"]["folded"] == {"until": "2024-11-03T00:00:00Z", "windows": 1}


def test_what_rows_say_that_they_cost_stays_with_their_rows(tmp_path: Path, state: Path) -> None:
    """A day in which only some rows of a sum have a cost is not folded."""
    priced = {**used(1, user_id="a"), "cost": 0.5}
    days = [bucket(priced, used(1, user_id="b")), bucket(priced, day=1), bucket(used(1), day=2)]
    pages = put_all(tmp_path / "pages", {ONE: page(*days)})
    whole = totals_in(report_of(pages, state))
    assert prune(state)["days"] == 2
    report = report_of(pages, state)
    assert totals_in(report) == whole
    assert report["run"]["folded"]["windows"] == 2


def test_as_many_pages_are_given_back_as_a_step_may(tmp_path: Path, state: Path) -> None:
    """One step gives back all the pages that it may, and the next one the rest."""
    rows = [used(row, user_id=f"user-{row * 7919}") for row in range(200)]
    days = [bucket(*rows, day=day) for day in range(9)]
    report_of(put_all(tmp_path / "pages", {ONE: page(*days)}), state)
    with closing(Store(state)) as store:
        slots = [(chain, slot) for chain in store.load().chains for slot in store.slots(chain)]
        store.fold([Fold([], slots, 0)])
        before = store.free_bytes // PAGE
        store.give_back(5)
        assert store.free_bytes // PAGE == before - 5 > 0
        store.give_back(before)
        assert store.free_bytes == 0


def test_days_that_cannot_fold_are_looked_at_once(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many steps pruning takes, and however many such days there are, it goes on behind."""
    looks: list[int] = []

    def look(*arguments: Any, **options: Any) -> Iterator[tuple[int, Fold | None]]:
        for end, fold in find_folds(*arguments, **options):
            looks.append(end)
            yield end, fold

    priced = {**used(1, user_id="a"), "cost": 0.5}
    mixed = [bucket(priced, used(1, user_id="b"), day=day) for day in range(80)]
    days = [*mixed, *(bucket(used(1), day=day) for day in range(80, 120))]
    pages = put_all(tmp_path / "pages", {ONE: page(*days)})
    whole = totals_in(report_of(pages, state))
    monkeypatch.setattr("stream.figures.folds.find_folds", look)
    assert prune(state, limit=FIRST_DAY + 200 * DAY)["days"] == 40
    assert looks == sorted(set(looks))
    assert len(looks) == 120
    assert totals_in(report_of(pages, state)) == whole


def test_a_level_is_of_the_last_window_that_says_one(tmp_path: Path, state: Path) -> None:
    """Rows without a level do not end the one before them: not when it is folded, nor shown."""
    hour = {"start_time": FIRST, "end_time": FIRST + 3_600}
    silent = {"start_time": FIRST + 3_600, "end_time": FIRST + 7_200}
    stores = page(bucket({"usage_bytes": 5, "project_id": "p"}, **hour), bucket({}, **silent))
    pages = put_all(tmp_path / "pages", {"usage_vector_stores.json": stores})
    whole = totals_in(report_of(pages, state))
    assert prune(state)["days"] == 1
    assert totals_in(report_of(pages, state)) == whole
    put_all(tmp_path / "shown", {"usage_vector_stores.json": stores})
    with daemon(tmp_path, sources='[[watch]]\npath = "shown"') as found:
        assert found.value("openai_api_vector_store_bytes", project_id="p") == 5
