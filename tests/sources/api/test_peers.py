"""What goes wrong with others who ask this API, each by its name: here it does not."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from stream.recordings.twin import RequestNote, parse_faults
from stream.sources.api.asking import Asker
from stream.sources.api.budget import Budget
from stream.sources.api.http import HttpTransport
from stream.sources.api.key import AdminKey
from stream.sources.api.query import Query
from stream.sources.api.schedule import PollPlan
from tests.support.api_server import always, serve_api, write_reply
from tests.support.live import LiveAccount, TestClock, check_truth, figures_of, settle

DAY = 86_400
HOUR = 3_600
START = 20_700 * DAY
COMPLETIONS, COSTS = "usage/completions", "costs"
PLAN = PollPlan(
    start=START - 2 * DAY,
    label="acme",
    endpoints=(COMPLETIONS, COSTS),
    interval=3_600.0,
    settle=2 * HOUR,
    costs_interval=21_600.0,
    costs_settle=6 * DAY,
    lists_interval=None,
)
LONG = replace(PLAN, start=START - 100 * DAY, endpoints=(COSTS,))
"""Costs of many pages, of ten buckets each."""


def account(place: Path, plan: PollPlan = PLAN, **more: Any) -> LiveAccount:
    """Make an account that is asked from now on."""
    return LiveAccount(place, 3, plan, float(START), **{"volume": 0.3, **more})


def answered(live: LiveAccount) -> list[RequestNote]:
    """Return the requests that were answered with a page."""
    return [one for one in live.twin.requests if one.status == 200]


def cursor_of(note: RequestNote) -> str | None:
    """Return the cursor that a request was made with."""
    return dict(parse_qsl(note.query)).get("page")


def check_sums(live: LiveAccount, key: str, now: float) -> None:
    """See that an endpoint shows what there was at a moment."""
    truth = live.twin.ledger.totals(key, live.plan.start, int(now) + 1, now=now)
    shown = figures_of(live)["endpoints"][key]["metrics"]
    assert {name: Decimal(shown[name] or 0) for name in truth} == truth


def check_costs(live: LiveAccount) -> None:
    """See that costs, when they are asked for once more, are what there is."""
    live.clock.now += live.plan.costs_interval + 1
    live.look()
    check_sums(live, COSTS, live.clock.now)


def test_window_moved_after_a_failure(tmp_path: Path) -> None:
    """A window that was not answered is asked for again, however long that takes."""
    live = account(tmp_path)
    live.run_until(START + HOUR)
    live.twin.set_faults(parse_faults("500"))
    live.run_until(START + 9 * HOUR)
    assert live.api.parts[COMPLETIONS].settled_ranges[-1][1] < START + HOUR
    settle(live)
    check_truth(live)


@pytest.mark.parametrize("fault", ["error", "html", "type"])
def test_error_as_empty_page(fault: str, tmp_path: Path) -> None:
    """An error's body with 200 is no page: nothing is settled by it, and nothing kept."""
    live = account(tmp_path)
    live.twin.set_faults(parse_faults(fault))
    live.run_until(START + 6 * HOUR)
    assert not list((live.evidence / "acme").iterdir())
    assert {one.refusal for one in live.api.parts.values()} == {"broken"}
    settle(live)
    check_truth(live)


def test_final_at_first_sight(tmp_path: Path) -> None:
    """A bucket that grows after it closed, and one that falls, are shown as they are now."""
    plan = replace(PLAN, interval=900.0, settle=12 * HOUR, endpoints=(COMPLETIONS,))
    live = account(tmp_path, plan=plan, late=2 * float(HOUR), volume=4.0)
    seen: list[Any] = []
    for step in range(14):
        live.clock.now = START + 10 * HOUR + 3_000 * step
        live.look()
        check_sums(live, COMPLETIONS, live.clock.now)
        span = START + 3 * HOUR, START + 10 * HOUR
        first = live.twin.ledger.totals(COMPLETIONS, *span, now=live.clock.now)
        seen.append(first.get("input_tokens", 0))
    steps = [later - sooner for sooner, later in pairwise(seen)]
    assert max(steps) > 0 > min(steps)
    report = figures_of(live)
    assert report["endpoints"][COMPLETIONS]["totalBuckets"] >= 48


def test_text_amounts_are_exact(tmp_path: Path) -> None:
    """Amounts come as numbers and as texts, with many digits and as 0E-6176; none is rounded."""
    live = account(tmp_path, plan=replace(PLAN, start=START - 20 * DAY))
    live.clock.now += 12 * HOUR
    live.look()
    kept = b"".join(path.read_bytes() for path in (live.evidence / "acme").iterdir())
    assert re.search(rb'"value":"[0-9]+\.[0-9]{20,}"', kept)
    assert re.search(rb'"value":[0-9]', kept)
    check_costs(live)


def test_null_cursor(tmp_path: Path) -> None:
    """A page that says that more follows, and not where, ends no walk and counts nothing."""
    live = account(tmp_path, plan=LONG, most_costs=10, cost_late=0.0)
    live.twin.set_faults(parse_faults("no-cursor"))
    live.run_until(START + 2 * HOUR)
    (progress,) = live.api.parts.values()
    assert progress.refusal == "cursor_missing"
    assert {end - start for start, end in progress.settled_ranges} <= {10 * DAY}
    settle(live)
    check_truth(live)


def test_first_page_only(tmp_path: Path) -> None:
    """A range of many pages is read to its end, however few buckets a page has."""
    live = account(tmp_path, plan=LONG, most_costs=10, cost_late=0.0)
    live.run_until(START + 60)
    assert sum(cursor_of(one) is not None for one in answered(live)) >= 8
    check_costs(live)


def test_look_back_compounded(tmp_path: Path) -> None:
    """What is asked for again begins no earlier from one time to the next, and never far back."""
    live = account(tmp_path)
    live.run_until(START + 4 * DAY)
    for key, settle_seconds in ((COMPLETIONS, PLAN.settle), (COSTS, PLAN.costs_settle)):
        starts = [
            (one.time, int(dict(parse_qsl(one.query))["start_time"]))
            for one in answered(live)
            if one.path.endswith(key) and "end_time" not in one.query
        ]
        assert [start for _, start in starts] == sorted(start for _, start in starts)
        assert all(start >= max(at - settle_seconds - 2 * DAY, PLAN.start) for at, start in starts)
        assert len(starts) > 10


def test_cursor_lost_after_an_api_error(tmp_path: Path) -> None:
    """After an error in the middle of a walk its next page is asked for, and none again."""
    live = account(tmp_path, plan=LONG, most_costs=10, cost_late=0.0)
    live.twin.set_faults(parse_faults("500:0.5"))
    live.run_until(START + HOUR)
    targets = [one.query for one in answered(live) if one.time < START + HOUR]
    assert len([one for one in live.twin.requests if one.status == 500]) > 3
    assert len(targets) == len(set(targets))
    live.twin.set_faults(())
    live.clock.now += HOUR  # whatever rests has rested
    check_costs(live)


@pytest.mark.no_cover
@pytest.mark.parametrize("fault", ["overrun", "endless"])
def test_empty_pages_for_ever(fault: str, tmp_path: Path) -> None:
    """Cursors that lead behind the last bucket end a walk, whole; its figures are right."""
    live = account(
        tmp_path, plan=replace(LONG, endpoints=(COMPLETIONS, COSTS)), most_costs=10, cost_late=0.0
    )
    live.twin.set_faults(parse_faults(fault))
    live.run_until(START + HOUR)
    assert all(not one.refusal and one.settled_ranges for one in live.api.parts.values())
    assert len(live.twin.requests) < 80
    check_costs(live)
    settle(live)
    check_truth(live)


async def test_redirect_with_the_key() -> None:
    """A redirect is not followed, to no host and with no key; it is said where it leads."""
    clock = TestClock(0.0)
    with serve_api(always(write_reply(b"{}"))) as other:
        where = other.url.replace("127.0.0.1", "localhost")
        moved = write_reply(b"", "302 Found", [("location", where)])
        with serve_api(always(moved)) as server:
            transport = HttpTransport(
                server.url, AdminKey("sk-admin-canary-1234"), None, max_bytes=1 << 20
            )
            asker = Asker(transport, Budget(50, 10, clock, clock.sleep), clock)
            answer = await asker.ask(Query("costs", "acme", "", START, None, "1d"), None)
            await transport.aclose()
    assert answer.refusal is not None
    assert answer.refusal.kind == "broken"
    assert "localhost" in answer.refusal.message
    assert (len(server.requests), other.requests) == (1, [])
