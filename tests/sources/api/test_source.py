"""An account as a source: what is kept between two runs, and what is forgotten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from stream.recordings.twin import parse_faults
from stream.records.errors import Unavailable
from stream.sources.api.schedule import PollPlan
from tests.support.live import LiveAccount, check_truth, figures_of, settle

DAY = 86_400
START = 20_700 * DAY
PLAN = PollPlan(
    start=START - 2 * DAY, label="acme", endpoints=("usage/completions",), interval=3_600.0
)


def account(place: Path, plan: PollPlan = PLAN, **more: Any) -> LiveAccount:
    """Make an account of two projects."""
    return LiveAccount(place, 1, plan, float(START), volume=0.3, projects=2, **more)


def project_ids(live: LiveAccount) -> list[str]:
    """Return the projects that have parts of their own."""
    return sorted(
        {part.partition("/")[2] for part in live.api.parts if part.startswith("api_keys/")}
    )


def test_a_project_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    """Of a project that is archived nothing stays: no trouble, no progress and no file."""
    live = account(tmp_path)
    live.look()
    gone, other = project_ids(live)
    live.twin.set_faults(parse_faults(f"500@projects/{gone}/*"))
    live.run_until(START + 2 * 3_600)
    assert any(one.refusal for part, one in live.api.wanted_progress() if gone in part)
    before = len(list((live.evidence / ".walks").rglob("*.walk")))
    live.twin.organization.projects[0 if gone == live.twin.organization.projects[0]["id"] else 1][
        "status"
    ] = "archived"
    live.run_until(START + 5 * 3_600)
    assert project_ids(live) == [other]
    assert not [one for part, one in live.api.wanted_progress() if one.refusal]
    assert len(list((live.evidence / ".walks").rglob("*.walk"))) <= before
    live.open()
    live.look()
    assert project_ids(live) == [other]


@pytest.mark.no_cover
def test_a_walk_that_was_whole_is_not_asked_again(tmp_path: Path) -> None:
    """Before a part's next walk it is kept that the last one was whole: a kill loses none."""
    plan = replace(PLAN, start=START - 60 * DAY, lists_interval=None, width="1m")
    live = account(tmp_path, plan=plan)
    live.kill = 0.02
    deaths = live.run_until(START + 1_800)
    assert deaths > 3
    closed = [one.query for one in live.twin.requests if "end_time" in one.query]
    assert len(closed) - len(set(closed)) <= deaths


def test_progress_that_could_not_be_kept_is_kept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that was full for a while costs nothing but time."""
    live = account(tmp_path)
    full = True

    async def keep(saved: bytes) -> None:
        if full:
            raise Unavailable("no space")
        kept.append(saved)

    kept: list[bytes] = []
    monkeypatch.setattr(live.api.journal, "keep_progress", keep)
    with pytest.raises(Unavailable, match="no space"):
        live.look()
    full = False
    live.look()
    assert kept


def test_a_list_that_stays_the_same_is_kept_each_day(tmp_path: Path) -> None:
    """Evidence that is kept for a few days still says which projects there are."""
    live = account(tmp_path)
    for day in range(5):
        live.clock.now = START + day * DAY + 700.0
        live.look()
        live.files.tidy(2 * DAY)
    report = figures_of(live)
    assert report["endpoints"]["usage/completions"]["totalBuckets"] > 0
    raw = max((live.evidence / "acme").glob("*.ndjson")).read_bytes()
    assert re.search(rb'"endpoint":"projects"', raw)


@pytest.mark.no_cover
@pytest.mark.parametrize("jump", [-3_600.0, float(DAY), -float(DAY)])
@pytest.mark.parametrize("width", ["1h", "1m"])
def test_a_clock_that_jumps_settles_nothing_too_early(
    width: str, jump: float, tmp_path: Path
) -> None:
    """Our clock jumps and comes back, the provider's does not: no window is left as it was."""
    plan = replace(PLAN, lists_interval=None, width=width, settle=4 * 3_600)
    live = account(tmp_path, plan=plan)
    real = live.twin.clock
    skew = 0.0
    live.twin.clock = lambda: real() - skew
    live.run_until(START + 3 * 3_600)
    skew = jump
    live.clock.now += jump
    live.run_until(live.clock.now + 3 * 3_600)
    skew = 0.0
    live.clock.now -= jump
    live.run_until(live.clock.now + 3 * 3_600)
    live.twin.clock = real
    settle(live)
    check_truth(live)
