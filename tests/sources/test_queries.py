"""``request.json``: what the pages beside it were asked with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.delivery import Delivery
from stream.records.errors import BadInput, Unavailable
from stream.sources.directory import Directory
from stream.sources.discovery import survey_place
from stream.sources.envelope import entry_named
from stream.sources.queries import decode_queries
from stream.sources.request import VIEW as MEMBERS
from stream.sources.settling import Patience
from tests.support.bad_pages import GOOD
from tests.support.envelopes import line, put_capture
from tests.support.pages import Content, bucket, page, put, put_all, used
from tests.support.queries import BAD, FILES, GROUPS, ONE, SPELLED, TWO, VIEW
from tests.support.running import replay, run
from tests.support.strategies import COMPLETIONS, written
from tests.support.watching import NONE, OPTIONS, Watching

KIND = "organization.usage.completions.result"
OTHER = {"group_by": ["user_id"]}
ANEW = "read with another request before"
LINES = "".join(
    json.dumps(page(bucket(used(n, object=KIND), day=n), cursor="c" if n == 1 else None)) + "\n"
    for n in (1, 2)
)
"""Two pages of one walk, without envelopes."""


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """Watch an empty directory."""
    found = Watching(tmp_path)
    yield found
    found.intake.close()


def views_in(place: Path) -> dict[tuple[str, str], str]:
    """Return the view of each chain in a directory."""
    survey = survey_place(place)
    assert (survey.left_out, survey.request_faults) == ([], [])
    return {one.chain[:2]: one.chain.view for one in survey.chains}


def bytes_of(content: Content) -> bytes:
    """Write what a file holds."""
    assert not callable(content)
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else written(content)).encode()


@pytest.mark.parametrize("content", SPELLED.values(), ids=SPELLED.keys())
def test_each_spelling_is_the_same_view(content: Content, tmp_path: Path) -> None:
    """Chains of usage and costs have the view, however it is spelled; lists have none."""
    views = decode_queries(bytes_of(content))
    assert {views["usage/completions"], views["costs"]} == {VIEW}
    found = views_in(put_all(tmp_path, {**FILES, "request.json": content}))
    assert found == {
        ("usage/completions", "primary"): VIEW,
        ("costs", "primary"): VIEW,
        ("projects", "primary"): "",
    }


@pytest.mark.parametrize(("text", "named"), BAD.values(), ids=BAD.keys())
def test_what_is_no_request_is_refused(text: str, named: tuple[str, ...]) -> None:
    """An error has the JSON path, what was found, and what was expected."""
    with pytest.raises(BadInput) as refused:
        decode_queries(text.encode())
    assert all(one in str(refused.value) for one in named)


def test_an_empty_query_is_known() -> None:
    """No groups and no filters is a view; an endpoint that is not named has none."""
    assert decode_queries(b"{}") == dict.fromkeys(ENDPOINTS, "{}")
    assert decode_queries(b'{"costs": {}}') == {"costs": "{}"}


def test_no_member_of_a_query_is_called_as_an_endpoint() -> None:
    """So that one query for all is told from one for each."""
    others = ("start_time", "end_time", "bucket_width", "limit", "page", "after", "before", "order")
    assert [name for name in (*MEMBERS, *others) if entry_named(name)] == []


@pytest.mark.parametrize("options", [{}, {"workers": 2}], ids=["alone", "workers"])
@pytest.mark.parametrize("text", ["{", '{"group_by": 5}'])
def test_a_broken_request_ends_a_replay(
    text: str, options: dict[str, object], tmp_path: Path
) -> None:
    """It is bad input: one line names the file, the JSON path, and what is wrong."""
    put_all(tmp_path, {**FILES, "request.json": text})
    replayed = replay(tmp_path, **options)
    assert (replayed.code, replayed.report) == (65, None)
    assert replayed.errors.startswith("usage-stream: request.json: $")
    assert replayed.errors.count("\n") == 1


@pytest.mark.parametrize(
    "target", ["/nowhere.json", "absent.json", ".."], ids=["leaves", "dangles", "up"]
)
def test_a_request_that_is_a_link_elsewhere_ends_a_replay(target: str, tmp_path: Path) -> None:
    """Pages are never counted as if nobody knew what they were asked with."""
    put_all(tmp_path / "in", {ONE: page(GOOD), "request.json": lambda at: at.symlink_to(target)})
    replayed = replay(tmp_path / "in")
    assert (replayed.code, replayed.report) == (65, None)
    assert "request.json: found a symbolic link" in replayed.errors


@pytest.mark.parametrize("name", [".data/request.json", "shared.json"])
def test_a_link_to_a_request_is_followed(name: str, tmp_path: Path) -> None:
    """A link that stays below the directory is the file that it leads to."""
    (tmp_path / ".data").mkdir()
    put(tmp_path, name, GROUPS)
    put_all(tmp_path, {**FILES, "request.json": lambda path: path.symlink_to(name)})
    assert views_in(tmp_path)["usage/completions", "primary"] == VIEW


def test_a_directory_below_has_its_own_or_that_above(tmp_path: Path) -> None:
    """The nearest request counts, for a directory and for those below it."""
    files: dict[str, Content] = {ONE: page(GOOD)}
    put_all(tmp_path, {**files, "request.json": GROUPS})
    put_all(tmp_path / "a", files)
    put_all(tmp_path / "b", {**files, "request.json": {"usage/completions": OTHER}})
    put_all(tmp_path / "b" / "c", files)
    assert {label: view for (_, label), view in views_in(tmp_path).items()} == {
        "primary": VIEW,
        "a": VIEW,
        "b": '{"group_by":["user_id"]}',
        "b/c": '{"group_by":["user_id"]}',
    }


def test_a_chain_has_one_view(tmp_path: Path) -> None:
    """Two directories can name one label; where they say different things, that is refused."""
    files: dict[str, Content] = {"usage_completions_b_page2.json": page(GOOD)}
    put_all(tmp_path / "a", {**files, "request.json": GROUPS})
    put_all(tmp_path / "a" / "b", {ONE: page(bucket(used(1), day=1), cursor="c")})
    assert views_in(tmp_path) == {("usage/completions", "a/b"): VIEW}
    put(tmp_path / "a" / "b", "request.json", OTHER)
    replayed = replay(tmp_path)
    assert replayed.code == 65
    assert "another query than for other pages of its chain" in replayed.errors


@pytest.mark.parametrize("name", ["pages.jsonl", "usage_completions.json", "below/costs.json"])
def test_pages_without_an_envelope_have_the_view(name: str, watching: Watching) -> None:
    """A file that is read by its content was asked for as those beside it were."""
    (watching.pages / "below").mkdir()
    put_all(watching.pages, {name: LINES, "request.json": GROUPS})
    put_capture(watching.pages / "z.ndjson", [line(page(bucket(used(4), day=5)), label="own")])
    watching.look(NONE)
    label = "below" if "/" in name else "primary"
    expected = {Chain(COMPLETIONS, label, VIEW), Chain(COMPLETIONS, "own")}
    assert watching.intake.account.chains() == expected
    assert (watching.tokens(), watching.letters, watching.issues) == (7, [], [])
    assert watching.look() == []


@pytest.mark.parametrize("restarted", [False, True])
def test_pages_wait_for_a_request_that_is_broken(
    restarted: bool,  # noqa: FBT001 -- a parameter
    watching: Watching,
) -> None:
    """Nothing is counted, and nothing is gone, until it says what they were asked with."""
    bad = {"usage_embeddings.json": page(bucket(used(1), used(-1)))}
    put_all(watching.pages, {**FILES, **bad, "request.json": GROUPS})
    watching.look(NONE)
    put(watching.pages, "request.json", '{"group_by": 5}')
    put(watching.pages, "usage_images.json", page(bucket({"images": 3})))
    if restarted:
        watching.store()
        watching.again()
    for _ in range(2):
        with pytest.raises(Unavailable, match="group_by: found 5"):
            watching.look(NONE)
        assert watching.source.unreadable_files.keys() == {"request.json"}
        assert watching.sent == []
    assert (watching.tokens(), len(watching.letters)) == (15, 1)
    put(watching.pages, "request.json", GROUPS)
    assert [one.name for one in watching.look(NONE) if one.page] == ["usage_images.json"]
    assert watching.source.unreadable_files == {}


@pytest.mark.parametrize("spelled", SPELLED.values(), ids=SPELLED.keys())
def test_the_same_request_in_other_words_is_no_news(spelled: Content, watching: Watching) -> None:
    """Pages are not read again for how their query is spelled."""
    put_all(watching.pages, {**FILES, "request.json": GROUPS})
    watching.look()
    put(watching.pages, "request.json", spelled)
    assert watching.look() == []


CHANGES: dict[str, tuple[Content | None, Content | None]] = {
    "none, then one": (None, GROUPS),
    "one, then none": (GROUPS, None),
    "one, then another": (GROUPS, OTHER),
    "a filter, then none": ({"project_ids": "p"}, {}),
}


def put_request(place: Path, content: Content | None) -> None:
    """Let the pages of a directory be asked for in some way, or let nobody know."""
    (place / "request.json").unlink(missing_ok=True)
    if content is not None:
        put(place, "request.json", content)


@pytest.mark.parametrize(("first", "then"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("restarted", [False, True])
def test_a_changed_request_is_as_if_it_had_been_so(
    first: Content | None,
    then: Content | None,
    restarted: bool,  # noqa: FBT001 -- a parameter
    watching: Watching,
) -> None:
    """Pages are news under another view, and what the old one said of their windows is replaced.

    Walks are those of the new view alone: it goes on, and nobody waits for the old one's end.
    """
    put_all(watching.pages, {ONE: FILES[ONE]})
    put_request(watching.pages, first)
    watching.look()
    assert (watching.tokens(), watching.waits) == (9, True)
    put_request(watching.pages, then)
    if restarted:
        watching.store()
        watching.again()
    assert [one.name for one in watching.look()] == [ONE]
    put(watching.pages, TWO, FILES[TWO])
    for _ in range(2):
        watching.look()
        assert (watching.tokens(), watching.waits, watching.issues) == (14, False, [])
        assert watching.look() == []
        watching.store()
        watching.again()
    assert watching.intake.standing.open == {}


def test_what_is_set_aside_moves_to_the_new_view(watching: Watching) -> None:
    """Dead letters are those of the pages as they are read now, and a page of none leaves none."""
    bad = page(bucket(used(1), used(-1)))
    put_all(watching.pages, {"usage_completions.json": bad, "usage_embeddings.json": "{}"})
    watching.look(NONE)
    assert len(watching.letters) == 2
    put(watching.pages, "request.json", GROUPS)
    watching.look(NONE)
    assert (len(watching.letters), watching.tokens()) == (2, 1)
    assert {run.chain.view for run in watching.intake.summaries()} == {VIEW}
    issues = watching.issues
    watching.again()
    assert watching.issues == issues


def test_rivals_move_to_the_new_view(watching: Watching) -> None:
    """Two files for one page are set aside as what they are asked with now."""
    put_all(watching.pages, {ONE: page(GOOD), "usage_completions_fixture.json": page(GOOD)})
    watching.look(NONE)
    put(watching.pages, "request.json", GROUPS)
    watching.look(NONE)
    assert len(watching.letters) == 2
    assert {run.chain.view for run in watching.intake.summaries()} == {VIEW}
    assert watching.look(NONE) == []


def test_bare_pages_are_read_anew_for_another_request(watching: Watching) -> None:
    """A file without envelopes is read again; one with them, or of another endpoint, is not."""
    put(watching.pages, "pages.jsonl", LINES)
    put_capture(watching.pages / "z.ndjson", [line(page(bucket(used(4), day=5)), label="own")])
    watching.look(NONE)
    put(watching.pages, "request.json", {"costs": GROUPS})
    assert watching.look(NONE) == []
    put(watching.pages, "request.json", GROUPS)
    assert {one.name for one in watching.look(NONE)} == {"pages.jsonl"}
    assert watching.tokens() == 7
    watching.store()
    watching.again()
    assert watching.look(NONE) == []


@pytest.mark.parametrize(("first", "then"), CHANGES.values(), ids=CHANGES.keys())
def test_workers_see_a_changed_request_too(
    first: Content | None, then: Content | None, tmp_path: Path
) -> None:
    """A state file that goes on under another view has the bytes of a run without one."""
    put_all(tmp_path / "in", FILES)
    for workers in (1, 2):
        state = tmp_path / f"{workers}.db"
        for content in (first, then, then, first):
            put_request(tmp_path / "in", content)
            replayed = replay(tmp_path / "in", workers=workers, state=state)
            assert (replayed.code, replayed.raw) == (0, replay(tmp_path / "in").raw)


def test_an_export_has_the_windows_of_the_new_view(tmp_path: Path) -> None:
    """What is exported from a state file is what a report of it counts."""
    put_all(tmp_path / "in", FILES)
    exports = []
    moves: dict[str, list[Content]] = {"moved": [{"project_ids": "p"}, {}], "fresh": [{}]}
    for name, contents in moves.items():
        state, out = tmp_path / f"{name}.db", tmp_path / name
        for content in contents:
            put(tmp_path / "in", "request.json", content)
            assert replay(tmp_path / "in", state=state).code == 0
        code, _, errors = run(["export", "openmetrics", str(state), "--out", str(out)])
        assert (code, errors) == (0, "")
        exports.append(out.read_bytes())
    assert exports[0] == exports[1]


def test_windows_of_which_no_page_comes_still_count_and_are_named(watching: Watching) -> None:
    """A page that is another one under another view leaves history, which is not lost."""
    put(watching.pages, ONE, page(bucket(used(7, project_id="p"))))
    watching.look()
    put(watching.pages, ONE, page(bucket(used(2), day=3)))
    put(watching.pages, "request.json", GROUPS)
    watching.look()
    for _ in range(2):
        assert watching.tokens() == 9
        assert [ANEW in one for one in watching.issues] == [True]
        watching.store()
        watching.again()


def test_what_another_source_has_of_the_old_view_is_named(watching: Watching) -> None:
    """A label that two sources have keeps what it says, though one of them is read anew."""
    other = Directory(watching.place / "other", "other", {}, OPTIONS, Patience(1e9, 60.0))
    put_all(other.place, {ONE: page(GOOD)})
    put(watching.pages, ONE, page(GOOD))
    watching.look()

    async def take(delivery: Delivery) -> None:
        watching.intake.take(delivery)

    anyio.run(other.look, take)
    put(watching.pages, "request.json", GROUPS)
    watching.look()
    assert watching.tokens() == 7
    assert [one for one in watching.issues if ONE in one and "still counts" in one]
