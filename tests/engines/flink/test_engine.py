"""The rules on an engine: parts, facts and sums give the report of a replay, to the last byte."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.capture_strategies import Sent, viewed
from tests.support.engines import Engine, reported, same
from tests.support.envelopes import line, put_capture
from tests.support.pages import DAY, FIRST, bucket, listed, page, used
from tests.support.running import run


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate walks in which rows grow, fall, come late and come again, and rollups."""
    place = tmp_path_factory.mktemp("made")
    shape = "--rows 6000 --rows-per-bucket 25 --walks 12 --overlap 0.5 --revised 0.5 --late 0.05"
    more = "--corrected 0.1 --repeated 0.1 --out-of-order 0.1 --rollups --endpoints all"
    code, _, errors = run(["generate", str(place / "a.ndjson"), *shape.split(), *more.split()])
    assert code == 0, errors
    (place / "a.ndjson.gz").write_bytes(gzip.compress((place / "a.ndjson").read_bytes()))
    (place / "a.expectations.json").rename(place / "expectations.json")
    (place / "a.ndjson").unlink()
    return place


def test_a_bounded_run_gives_the_report_of_a_replay(captures: Path, tmp_path: Path) -> None:
    """Revised, corrected, late and repeated rows, wider windows, rollups, all endpoints."""
    engine = Engine(tmp_path / "out")
    engine.take(captures)
    engine.end()
    assert same(captures, tmp_path / "out").code == 0


@pytest.mark.parametrize("seed", range(3))
def test_what_was_said_too_early_is_taken_back(captures: Path, tmp_path: Path, seed: int) -> None:
    """Parts that take what is theirs in any order, and say it early, end with the same sums."""
    engine = Engine(tmp_path / "out", details=False)
    engine.take(captures, seed, told=0.05)
    engine.commit()
    same(captures, tmp_path / "out", "--no-details")


BROKEN = st.sampled_from(
    [
        b"{",
        b'{"endpoint": "usage/cats", "page": {}}',
        line(page(bucket(used(-1)), bucket(used(3), day=1))),
        line(page(bucket(used(4)), cursor="c"), endpoint="costs"),
        line(observed_at="2030-01-01T00:00:00Z", label="ahead"),
        line(page(has_more=True, next_page=None), label="lost"),
        line(listed({"id": "p1", "object": "organization.project"}, {}), endpoint="projects"),
    ]
)
FINE = st.sampled_from(
    [
        line(listed({"id": "proj_a", "object": "organization.project"}), endpoint="projects"),
        line(page(bucket(used(2**63 - 1, project_id="proj_b"), end_time=FIRST + 7 * DAY))),
        line(page(bucket(used(5), used(6), unheard=1.5, place="x"), bucket(day=3))),
    ]
)


@settings(max_examples=60, deadline=None)
@given(sent=viewed(), others=st.lists(st.one_of(BROKEN, FINE)), data=st.data())
def test_any_lines_in_any_order(sent: list[Sent], others: list[bytes], data: st.DataObject) -> None:
    """Walks, views, weeks, lists and bad lines, however early parts speak: a replay's report."""
    lines = data.draw(st.permutations([*(one.line for one in sent), *others]))
    early, seed = data.draw(st.booleans()), data.draw(st.integers(0, 99))
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / "in").mkdir()
        put_capture(place / "in" / "a.ndjson", lines)
        engine = Engine(place / "out")
        engine.take(place / "in", seed, told=0.3 if early else 0.0)
        engine.commit() if early else engine.end()
        for allowed in [], ["--allow-incomplete"]:
            dead = ["--on-error", "dead-letter", "--dead-letters", str(place / "dead")]
            same(place / "in", place / "out", *allowed, *dead)
            same(place / "in", place / "out", *allowed)


def test_a_capture_that_the_run_has_not_read_is_named(captures: Path, tmp_path: Path) -> None:
    """What lies beside is no part of the figures, and the report says so; an empty one is whole."""
    engine = Engine(tmp_path / "out")
    engine.take(captures)
    engine.end()
    both = tmp_path / "in"
    both.mkdir()
    for one in captures.iterdir():
        (both / one.name).write_bytes(one.read_bytes())
    (both / "empty.ndjson").write_bytes(b"\n")
    assert reported(both, tmp_path / "out")[1] == 0
    put_capture(both / "later.ndjson", [line()])
    raw, code, _ = reported(both, tmp_path / "out")
    assert code == 1
    unread = "later.ndjson has not been read by the run, and is not counted."
    assert json.loads(raw)["relationshipIssues"] == [unread]
