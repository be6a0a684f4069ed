"""Walks of captures: which are whole, which are not, and which views of the usage count."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.intake.walks import judge_all
from stream.records.chains import Chain, Link
from stream.records.delivery import Part
from stream.state.links import group_links
from tests.oracle import expected
from tests.support.capture_replays import FEW, report_of
from tests.support.capture_strategies import Sent, placed, viewed
from tests.support.comparing import figures, flat
from tests.support.envelopes import envelope, put_capture
from tests.support.pages import Json, bucket, letters_in, listed, page, put_all, used
from tests.support.running import NOW, Replayed, replay
from tests.support.strategies import written

EARLY, LATE = "2024-12-01T06:00:00Z", "2024-12-01T12:00:00Z"


def line(day: int, more: str | None = None, at: str | None = EARLY, **fields: object) -> bytes:
    """Write a page of one bucket; ``more`` is the cursor that it hands out."""
    content = page(bucket(used(day + 1), day=day), cursor=more)
    return written(envelope(content, observed_at=at, **fields)).encode()


def asked(day: int, cursor: str | None, more: str | None = None) -> bytes:
    """Write a page that tells which cursor it was asked for."""
    return line(day, more, request={"page": cursor})


def replayed(directory: Path, lines: list[bytes], *arguments: str) -> Replayed:
    """Replay a capture of these lines."""
    return replay(put_capture(directory / "a.ndjson", lines), *arguments)


FINE = {
    "one page": [line(0)],
    "two pages": [line(0, "c2"), line(1)],
    "repeated lines": [line(0, "c2"), line(0, "c2"), line(1), line(1), line(0, "c2")],
    "walks with the same cursors": [
        *(line(0, "c2", None), line(1, None, None)),
        *(line(2, "c2", None), line(3, None, None)),
    ],
    "walks of two times": [line(0, "c2"), line(1), line(2, "c2", LATE), line(3, None, LATE)],
    "pages asked for": [asked(0, None, "c2"), asked(1, "c2", "c3"), asked(2, "c3")],
    "links of the same place": [
        asked(0, None, "https://api.openai.com/v1/organization/usage/completions?page=c2"),
        asked(1, "c2"),
    ],
}


@pytest.mark.parametrize("lines", FINE.values(), ids=FINE.keys())
def test_whole_walks_are_fine_in_any_order(lines: list[bytes], tmp_path: Path) -> None:
    """Walks that reach their end hold, whatever order their lines are in."""
    for order in (lines, lines[::-1], [*lines[1:], lines[0]]):
        found = replayed(tmp_path, order)
        assert (found.code, found.errors) == (0, "")


BROKEN = {
    "no last page": ([line(0, "c2")], "has no last page"),
    "no last page of the later walk": ([line(0, "c2"), line(1), line(1, "c3", LATE)], "last page"),
    "page that never came": (
        [asked(0, None, "c2"), asked(1, "c2"), asked(2, None, "c3")],
        "no page of it came",
    ),
}


@pytest.mark.parametrize(("lines", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_walk_that_is_not_whole_ends_the_run_unless_allowed(
    lines: list[bytes], said: str, tmp_path: Path
) -> None:
    """It is refused with 65 and one line; allowed, it is reported and named, with 1."""
    for order in (lines, lines[::-1]):
        refused = replayed(tmp_path, order)
        assert (refused.code, refused.report) == (65, None)
        assert refused.errors.count("\n") == 1
        assert said in refused.errors
        allowed = replayed(tmp_path, order, "--allow-incomplete")
        assert allowed.code == 1, allowed.errors
        assert allowed.report is not None
        assert [said in one for one in allowed.report["relationshipIssues"]] == [True]


HOLES = {
    "page missing in the middle": (
        [asked(0, None, "c2"), asked(1, "c2", "c3"), asked(3, "c4")],
        "no page of it came",
    ),
    "first page missing": ([asked(1, "c2", "c3"), asked(2, "c3")], "no page of its walk leads to"),
    "page after the end": ([line(0, request={}), asked(1, "c2")], "no page of its walk leads to"),
}


@pytest.mark.parametrize("arguments", [[], ["--allow-incomplete"]])
@pytest.mark.parametrize(("lines", "said"), HOLES.values(), ids=HOLES.keys())
def test_a_walk_with_a_hole_is_refused_unless_set_aside(
    lines: list[bytes], said: str, arguments: list[str], tmp_path: Path
) -> None:
    """A page that is missing, or that nothing leads to, is bad; set aside, all pages count."""
    for order in (lines, lines[::-1]):
        refused = replayed(tmp_path, order, *arguments)
        assert (refused.code, refused.report) == (65, None)
        assert said in refused.errors
        dead = ["--on-error", "dead-letter", "--dead-letters", str(tmp_path / "dead")]
        aside = replayed(tmp_path, order, *arguments, *dead)
        assert aside.code == 1, aside.errors
        assert aside.report is not None
        assert [said in one for one in aside.report["relationshipIssues"]] == [True]
        assert aside.report["usageSummary"]["totalRawEvents"] == len(lines)
        assert letters_in(tmp_path / "dead") == []


@pytest.mark.parametrize("arguments", [[], ["--allow-incomplete"]])
def test_a_walk_that_goes_in_circles_is_refused(arguments: list[str], tmp_path: Path) -> None:
    """A cursor that two pages of a walk hand out is bad input, whatever is allowed."""
    lines = [line(0, "c2"), line(1, "c3"), line(2, "c2"), line(3)]
    for order in permutations(lines):
        found = replayed(tmp_path, list(order), *arguments)
        assert (found.code, found.report) == (65, None)
        assert "cursor that the walk has seen before" in found.errors
        assert found.errors.count("\n") == 1


def test_more_without_a_cursor_is_named_by_its_line(tmp_path: Path) -> None:
    """A page that says that more follows, and not where, is bad input."""
    content = page(bucket(used(1)), has_more=True, next_page=None)
    found = replayed(tmp_path, [line(1), written(envelope(content)).encode()])
    assert (found.code, found.report) == (65, None)
    assert "a.ndjson (line 2, usage/completions, label primary)" in found.errors
    assert "$.next_page" in found.errors


AHEAD = "2025-01-01T00:05:00.000001Z"
NOT_AHEAD = "2025-01-01T00:05:00Z"


def test_a_walk_ahead_of_the_clock_is_refused(tmp_path: Path) -> None:
    """More than five minutes ahead is bad input; five minutes are none."""
    assert NOW == "1735689600"
    assert replayed(tmp_path, [line(0, at=NOT_AHEAD)]).code == 0
    found = replayed(tmp_path, [line(0), line(1, at=AHEAD)])
    assert (found.code, found.report) == (65, None)
    assert "line 2" in found.errors
    assert "$.observed_at" in found.errors


def test_a_walk_ahead_of_the_clock_can_be_set_aside(tmp_path: Path) -> None:
    """It is a dead letter; what the other lines say counts."""
    dead = tmp_path / "dead"
    arguments = ["--on-error", "dead-letter", "--dead-letters", str(dead)]
    found = replayed(tmp_path, [line(0), line(1, at=AHEAD)], *arguments)
    assert found.code == 1, found.errors
    assert found.report is not None
    assert found.report["usageSummary"]["tokensIn"] == 1
    assert [letter["reason"] for letter in letters_in(dead)] == ["observed_at"]


def test_lists_may_stand_in_captures(tmp_path: Path) -> None:
    """Objects that a line defines are those that usage refers to."""
    project = {"id": "proj_a", "object": "organization.project", "name": "A"}
    content = page(bucket(used(1, project_id="proj_a")))
    lines = [envelope(content), envelope(listed(project), endpoint="projects")]
    found = replayed(tmp_path, [written(one).encode() for one in lines])
    assert found.code == 0, found.errors
    assert found.report is not None
    assert found.report["relationshipIssues"] == []


def test_fixtures_stand_beside_captures(tmp_path: Path) -> None:
    """A walk of a known time replaces what a fixture says of the same window."""
    put_all(tmp_path, {"usage_completions.json": page(bucket(used(9)), bucket(used(4), day=1))})
    put_capture(tmp_path / "a.ndjson", [line(0)])
    found = replay(tmp_path)
    assert found.code == 0, found.errors
    assert found.report is not None
    assert found.report["usageSummary"]["tokensIn"] == 1 + 4


links = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from([0, 0, 5, 6, 7]),
        st.sampled_from([0, 0, 5, 6]),
        st.sampled_from([1, 2, 3]),
    ).map(lambda one: Link(one[0], 0, *one[1:])),
    max_size=8,
)


def by_revision(link: Link) -> int:
    """Return the time of a link's walk."""
    return link.revision


@settings(max_examples=200, deadline=None)
@given(links.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_verdict_does_not_depend_on_the_order(pair: tuple[list[Link], list[Link]]) -> None:
    """Whatever pages say of their walk, the order of lines changes no verdict."""
    chain, part = Chain("usage/completions", "primary"), Part("", "a.ndjson")
    one, other = (
        list(judge_all(group_links((chain, part, link) for link in sorted(found, key=by_revision))))
        for found in pair
    )
    assert one == other


# Views ----------------------------------------------------------------------------------

FILTERS = {"group_by", "models", "project_ids", "user_ids"}


@FEW
@given(viewed(), st.data())
def test_views_have_the_figures_of_the_oracle(lines: list[Sent], data: st.DataObject) -> None:
    """Each view counts as the oracle says, beside what was asked for in no known way."""
    report = report_of(data.draw(placed(lines)))
    known = [
        one._replace(request={k: v for k, v in one.request.items() if k in FILTERS})
        if one.request is not None
        else one
        for one in lines
    ]
    assert flat(figures(report)) == flat(expected([sent.delivery for sent in known]))


def test_each_view_counts_on_the_days_that_it_alone_has(tmp_path: Path) -> None:
    """A collector that asks for other groups from some day on loses nothing."""
    fine, coarse = {"group_by": ["model", "project_id"]}, {"group_by": "project_id"}
    lines = [line(0, request=coarse), line(1, request=fine), line(1, request=coarse)]
    found = replayed(tmp_path, lines)
    assert found.code == 0, found.errors
    assert json.loads(found.output)["usageSummary"]["tokensIn"] == 3


def test_width_and_times_make_no_view(tmp_path: Path) -> None:
    """What a walk asked for beside groups and filters does not set it apart."""
    hour: Json = {"bucket_width": "1h", "start_time": 1, "limit": 24, "group_by": ["model"]}
    day: Json = {"bucket_width": "1d", "start_time": 2, "group_by": ["model"], "models": []}
    found = replayed(tmp_path, [line(0, request=hour), line(1, request=day)])
    assert found.code == 0, found.errors
    assert json.loads(found.output)["usageSummary"]["tokensIn"] == 3


def test_a_capture_of_many_chains_is_named_once(tmp_path: Path) -> None:
    """An endpoint names its files, and notes their digests; ``run`` has an entry for each chain."""
    notes = tmp_path / "notes.md"
    labels = ("primary", "batch", "web")
    found = replayed(
        tmp_path, [line(0, label=label) for label in labels], "--notes", str(notes)
    ).report
    assert found is not None
    assert found["endpoints"]["usage/completions"]["fixtures"] == ["a.ndjson"]
    assert [one["label"] for one in found["run"]["fixtures"]] == sorted(labels)
    assert notes.read_text("utf-8").count("| `a.ndjson` |") == 1
