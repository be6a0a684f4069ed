"""An account asked for weeks, in a time of its own: what comes out is what is true at the end."""

from __future__ import annotations

import os
import random
import re
from bisect import bisect_left
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from stream.recordings.twin import parse_faults
from stream.sinks.report import pieces_of
from stream.sources.api.schedule import PollPlan
from tests.support.comparing import without_digests
from tests.support.live import LiveAccount, check_truth, figures_of, settle
from tests.support.running import replay
from tests.support.watching import NONE, Watching

DAY = 86_400
START = 20_700 * DAY
SEEDS = int(os.environ.get("USAGE_STREAM_LIVE_SEEDS", "2"))
"""How many accounts are asked for weeks; CONTRIBUTING.md says how to ask more."""
FAULTS = (
    "429:0.04,500:0.03,503:0.02,hang:0.01,cut:0.02,html:0.02,error:0.02,type:0.01,redirect:0.01,"
    "expired:0.02,repeat:0.02,no-cursor:0.02,overrun:0.05,gzip:0.05,408:0.01,409:0.01,project:0.3"
)
PLAN = PollPlan(
    start=START - 10 * DAY,
    label="acme",
    interval=21_600.0,
    settle=30 * 3_600,
    costs_interval=43_200.0,
    costs_settle=6 * DAY,
    lists_interval=float(DAY),
)


SHORT = replace(PLAN, start=START - 2 * DAY)


def account(place: Path, seed: int = 1, plan: PollPlan = PLAN, **more: Any) -> LiveAccount:
    """Make an account whose usage begins ten days before it is asked."""
    return LiveAccount(place, seed, plan, float(START), volume=0.3, **more)


def check_requests(live: LiveAccount) -> None:
    """See that no minute had more requests than the budget, and no walk another query."""
    times = [note.time for note in live.twin.requests]
    for place, first in enumerate(times):
        minute = bisect_left(times, first + 59.9, place) - place
        deaths = sum(first <= death < first + 59.9 for death in live.death_times)
        assert minute <= 60 + deaths  # 50, a burst of ten, and one at once in a new process
    walks: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for note in live.twin.requests:
        asked = parse_qsl(note.query)
        cursor = dict(asked).get("page") or dict(asked).get("after")
        rest = [one for one in asked if one[0] not in {"page", "after"}]
        if cursor is not None and note.path in walks:
            assert walks[note.path][1] == rest
        walks[note.path] = note.path, rest


@pytest.mark.no_cover  # a long run of what the other tests do
@pytest.mark.parametrize("seed", range(SEEDS))
def test_weeks_with_faults_and_kills_end_with_the_truth(seed: int, tmp_path: Path) -> None:
    """Whatever the API does, and whenever the process ends, each figure is right in the end."""
    live = account(tmp_path, seed, faults=parse_faults(FAULTS), kill=0.004)
    deaths = live.run_until(START + 8 * DAY)
    assert deaths > 5
    check_requests(live)
    settle(live)
    check_truth(live)


FEW = replace(SHORT, endpoints=("usage/completions", "usage/images", "costs"))
PLANS = (
    FEW,
    replace(FEW, interval=14_400.0, width="1m"),
    replace(FEW, endpoints=("usage/completions", "costs"), width="1d"),
    FEW,
)
"""What is loaded one after the other: another interval, another width, fewer endpoints, and all."""


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(SEEDS))
def test_who_watches_the_evidence_shows_what_it_replays_to(seed: int, tmp_path: Path) -> None:
    """Looked at, killed and packed at any moment, through reloads and full disks: the same."""
    live = account(tmp_path, seed, FEW, faults=parse_faults(FAULTS), kill=0.004)
    (tmp_path / "pages").symlink_to(live.evidence)
    watching = Watching(tmp_path)
    rules = random.Random(seed)
    try:
        for number in range(12):
            live.plan = PLANS[number // 3]
            live.open()
            live.full = 0.02 if number % 3 == 1 else 0.0
            live.run_until(live.clock.now + rules.uniform(600, 8 * 3_600))
            if rules.random() < 0.5:
                live.files.tidy(None)
            watching.now = int(live.clock.now)
            watching.look(NONE)
            if rules.random() < 0.5:
                watching.store()
            if rules.random() < 0.3:
                watching.again()
        live.full = 0.0
        settle(live)
        check_truth(live)
        watching.now = int(live.clock.now)
        watching.look(NONE)
        watching.store()
        shown = b"".join(pieces_of(watching.report, details=False))
    finally:
        watching.intake.close()
    expected = replay(live.evidence, "--no-details", now=watching.now).raw
    assert without_digests(shown) == without_digests(expected)


def test_evidence_is_packed_and_dropped(tmp_path: Path) -> None:
    """Days that are over are packed, and gone when they are older than they are kept."""
    live = account(tmp_path)
    live.run_until(START + 3 * DAY + 3_600)
    before = figures_of(live)
    live.files.tidy(None)
    names = sorted(path.name for path in (live.evidence / "acme").glob("*.ndjson*"))
    assert [name.endswith(".zst") for name in names] == [True, True, True, False]
    after = figures_of(live)
    assert after["endpoints"]["costs"]["metrics"] == before["endpoints"]["costs"]["metrics"]
    live.files.tidy(DAY)
    assert len(list((live.evidence / "acme").glob("*.ndjson*"))) == 2


def test_a_walk_goes_on_where_it_was(tmp_path: Path) -> None:
    """A process that ends in the middle of a walk asks for its next page, not for its first."""
    plan = replace(SHORT, start=START, width="1m", endpoints=("usage/completions",))
    live = account(tmp_path, plan=replace(plan, lists_interval=None))
    live.clock.now = START + 0.99 * DAY + 30 * 3_600  # what is settled and what is not: two pages
    live.twin.set_faults(parse_faults("500/none@usage/completions:0.6"))
    live.kill = 0.2
    assert live.run_until(live.clock.now + 4_000)
    pages = [note.query for note in live.twin.requests if note.status == 200]
    assert len(pages) == len(set(pages))
    assert any("page=" in one for one in pages)
    live.kill = 0.0
    check_requests(live)
    figures_of(live)


@pytest.mark.parametrize("fault", ["500", "html", "error", "cut", "type", "redirect", "429/none"])
def test_a_failed_walk_moves_nothing(fault: str, tmp_path: Path) -> None:
    """What is no page is never an empty one: nothing is counted, and nothing is skipped."""
    live = account(tmp_path, plan=SHORT)
    live.twin.set_faults(parse_faults(f"{fault}:1"))
    live.run_until(START + 600)
    assert not list((live.evidence / "acme").iterdir())
    assert all(not one.settled_ranges and one.refusal for one in live.api.parts.values())
    settle(live)
    check_truth(live)


def test_one_endpoint_without_a_scope_holds_up_no_other(tmp_path: Path) -> None:
    """A project that answers with errors for hours, and a refused list, leave the rest alone."""
    live = account(tmp_path, plan=SHORT)
    live.twin.set_faults(parse_faults("500@projects/*/api_keys:1,500@usage/images:1"))
    live.run_until(START + 7_200)
    failing = {part for part, one in live.api.parts.items() if one.refusal}
    assert "usage/images" in failing
    assert all(part == "usage/images" or part.startswith("api_keys/") for part in failing)
    report = figures_of(live)
    assert report["endpoints"]["usage/completions"]["totalBuckets"] >= 49


def test_a_refused_key_is_said_once_and_the_account_rests(tmp_path: Path) -> None:
    """Nobody asks on with a key that is refused; with another one everything goes on."""
    live = account(tmp_path, plan=SHORT)
    live.key = "sk-admin-somebody-elses-0001"
    live.open()
    live.run_until(START + 3_000)
    assert "key" in live.api.refusal or "401" in live.api.refusal
    assert len(live.twin.requests) < 60
    live.key = live.twin_key
    live.open()
    settle(live)
    check_truth(live)


def test_an_old_start_steps_forward(tmp_path: Path) -> None:
    """What the API does not know any more is said, and everything after it is asked for."""
    plan = PollPlan(
        start=START - 900 * DAY, label="acme", width="1d", endpoints=("usage/completions",)
    )
    live = account(tmp_path, plan=plan, lookback=40.0 * DAY)
    live.run_until(START + 7_200)
    progress = live.api.parts["usage/completions"]
    assert progress.floor >= START - 40 * DAY
    assert "nothing before" in progress.message
    assert progress.settled_ranges[0][0] == progress.floor
    assert len(live.twin.requests) < 100


def test_evidence_names_no_person(tmp_path: Path) -> None:
    """Addresses and names are masked, those of projects are not, and the report is the same."""
    live = account(tmp_path, plan=SHORT)
    live.run_until(START + 1_800)
    kept = b"".join(path.read_bytes() for path in live.evidence.rglob("*") if path.is_file())
    assert re.search(rb"[\w.]+@[\w.]+\.\w", kept) is None
    assert live.key.encode() not in kept
    assert b'"name":"' in kept
    people = [one["name"] for one in live.twin.organization.users]
    assert not [name for name in people if name.encode() in kept]
