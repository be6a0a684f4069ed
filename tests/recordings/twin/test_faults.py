"""Faults on demand: each does what it says, as often as it should, and the same way again."""

from __future__ import annotations

import gzip
import zlib
from email.utils import parsedate_to_datetime

import msgspec
import pytest

from stream.recordings.twin import FaultRule, Twin, parse_faults
from stream.recordings.twin.faults import KINDS
from stream.records.errors import BadConfiguration
from tests.support.twins import DAY, KEY, NOW, Asked, Moment, ask, page_of, twin_at, walk

USAGE = "usage/completions"
QUERY: Asked = [("start_time", NOW - 5 * DAY), ("end_time", NOW), ("limit", 2)]


def faulty(text: str, now: float = NOW) -> Twin:
    """Make a twin with faults."""
    return twin_at(now, faults=parse_faults(text))


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_errors_that_pass_have_a_body(status: int) -> None:
    """A status alone is answered with an error's body, whatever was asked for."""
    answer = ask(faulty(str(status)), USAGE, QUERY)
    assert answer.status == status
    assert msgspec.json.decode(answer.body)["error"]["message"]


@pytest.mark.parametrize(
    ("form", "header", "value"),
    [
        ("seconds", "retry-after", "7"),
        ("date", "retry-after", "Sun, 21 Jun 2026 00:00:07 GMT"),
        ("ms", "retry-after-ms", "7000"),
        ("long", "retry-after", "3600"),
        ("odd", "retry-after", "soon"),
        ("none", "retry-after", None),
    ],
)
def test_too_many_requests_say_when_to_come_again(
    form: str, header: str, value: str | None
) -> None:
    """A 429 says when to come again in the form asked for."""
    rule = FaultRule(kind="429", form=form, seconds=7)
    answer = ask(twin_at(faults=(rule,)), USAGE, QUERY)
    assert answer.headers.get(header) == value
    assert ("retry-after" in answer.headers) == (form not in {"ms", "none"})


def test_without_a_form_all_usual_ones_come() -> None:
    """A 429 without a form has one of four, drawn."""
    twin = faulty("429")
    found = [ask(twin, USAGE, QUERY).headers for _ in range(40)]
    texts = {headers.get("retry-after", "")[-3:] for headers in found}
    assert {"", "GMT"} < texts
    assert any("retry-after-ms" in headers for headers in found)


def test_a_hanging_or_cut_answer_is_marked() -> None:
    """Hanging is for whoever serves the twin; a cut body is shorter than its length says."""
    answer = ask(twin_at(faults=(FaultRule(kind="hang", seconds=5),)), USAGE, QUERY)
    assert (answer.hang, answer.cut, answer.status) == (5, False, 200)
    assert [ask(faulty(one), USAGE, QUERY).hang for one in ("hang", "hang/7")] == [3600, 7]
    answer = ask(faulty("cut"), USAGE, QUERY)
    assert answer.cut
    assert 0 < len(answer.body) < int(answer.headers["content-length"])
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(answer.body)


def test_an_answer_may_be_of_another_kind() -> None:
    """HTML, an error with 200, a wrong content type, and a redirect to another host."""
    html = ask(faulty("html"), USAGE, QUERY)
    assert (html.status, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert html.body.startswith(b"<!doctype html>")
    assert ask(faulty("html/502"), USAGE, QUERY).status == 502
    error = ask(faulty("error"), USAGE, QUERY)
    assert (error.status, msgspec.json.decode(error.body).keys()) == (200, {"error"})
    typed = ask(faulty("type"), USAGE, QUERY)
    assert typed.headers["content-type"].startswith("text/plain")
    assert typed.body == ask(twin_at(), USAGE, QUERY).body
    led = ask(faulty("redirect"), USAGE, QUERY)
    assert led.status == 302
    assert led.headers["location"].startswith("https://elsewhere.example.com/v1/organization/")


def test_bodies_may_be_packed() -> None:
    """A packed answer holds the plain one; a bomb is small, and has so many MiB inside."""
    packed = ask(faulty("gzip"), USAGE, QUERY)
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == ask(twin_at(), USAGE, QUERY).body
    bomb = ask(faulty("bomb/8"), USAGE, QUERY)
    assert len(bomb.body) < 10_000
    assert len(zlib.decompress(bomb.body, 31)) == 8 << 20


@pytest.mark.parametrize("path", [USAGE, "costs", "users"])
def test_cursors_may_lead_nowhere(path: str) -> None:
    """A cursor is repeated, missing, refused, leads behind the end, or goes on for ever."""
    asked = [("limit", 2)] if path == "users" else QUERY
    name, kept = ("after", "last_id") if path == "users" else ("page", "next_page")
    first = page_of(twin_at(), path, asked)
    second: Asked = [*asked, (name, first[kept])]
    repeated = page_of(faulty("repeat"), path, second)
    assert (repeated["has_more"], repeated[kept]) == (True, first[kept])
    missing = page_of(faulty("no-cursor"), path, asked)
    assert (missing["has_more"], missing[kept], missing["data"]) == (True, None, first["data"])
    if path != "users":
        assert ask(faulty("expired"), path, asked).status == 200
        assert ask(faulty("expired"), path, second).status == 400
    buckets = list(walk(twin_at(), path, asked))
    assert list(walk(faulty("overrun"), path, asked)) == buckets
    twin, pages = faulty("endless"), []
    cursor: Asked = []
    for _ in range(12):
        page = page_of(twin, path, [*asked, *cursor])
        assert page["has_more"]
        cursor = [(name, page[kept])]
        pages.append(page["data"])
    assert [one for page in pages for one in page] == buckets
    assert pages[-5:] == [[]] * 5


def test_a_project_may_be_down_for_hours() -> None:
    """One project's lists answer with 500 for six hours on end, or not at all."""
    clock = Moment()
    twin = Twin(1, clock, faults=parse_faults("project:0.5"))
    projects = [one["id"] for one in page_of(twin, "projects")["data"]]
    found: list[set[str]] = []
    for period in range(24):
        for part in range(3):
            clock.now = NOW + period * 21_600 + part * 7000
            down = {one for one in projects if ask(twin, f"projects/{one}/users").status == 500}
            assert part == 0 or found[-1] == down
            found.append(down)
    assert {len(one) for one in found} == {0, 1}
    assert len(set.union(*found)) == 1


def test_the_clock_may_be_wrong() -> None:
    """With a clock that is ahead, the date is, and a bucket of the future is open."""
    twin = twin_at(faults=(FaultRule(kind="clock", seconds=7200),))
    query: Asked = [("start_time", NOW - 3600), ("bucket_width", "1h")]
    answer = ask(twin, USAGE, query)
    assert parsedate_to_datetime(answer.headers["date"]).timestamp() == NOW + 7200
    assert msgspec.json.decode(answer.body)["data"][-1]["start_time"] == NOW + 7200
    assert page_of(twin_at(), USAGE, query)["data"][-1]["start_time"] == NOW


def test_an_end_in_the_future_may_be_refused() -> None:
    """An end_time of now is answered, a later one refused."""
    query: Asked = [("start_time", NOW - DAY)]
    assert ask(faulty("future"), USAGE, [*query, ("end_time", NOW)]).status == 200
    assert ask(faulty("future"), USAGE, [*query, ("end_time", NOW + 1)]).status == 400


def test_a_key_is_revoked_from_a_moment_on() -> None:
    """What a script says of a time holds from then on, and until then."""
    clock = Moment(NOW - 1)
    script = '[[fault]]\nkind = "revoked"\nsince = 2026-06-21T00:00:00Z\nuntil = 1782003600'
    twin = Twin(1, clock, faults=parse_faults(script))
    assert ask(twin, USAGE, QUERY).status == 200
    clock.now = NOW
    assert ask(twin, USAGE, QUERY).status == 401
    clock.now = NOW + 3600
    assert ask(twin, USAGE, QUERY).status == 200


def test_faults_have_their_share_and_come_the_same_way_again() -> None:
    """A share is kept, over time and over queries; a second twin with the seed does the same."""
    text = "429:0.2,500@projects:0.1"
    both = [
        [ask(twin, path).status for _ in range(500) for path in ("users", "projects")]
        for twin in (faulty(text), faulty(text))
    ]
    assert both[0] == both[1]
    users, projects = both[0][::2], both[0][1::2]
    assert 70 < users.count(429) < 130
    assert users.count(500) == 0
    assert 20 < projects.count(500) < 70
    alone = faulty(text)
    assert [ask(alone, "users").status for _ in range(500)] == users


def test_a_fault_may_come_so_many_times() -> None:
    """A rule with ``times`` comes to an end; one that is set later takes the place of all."""
    twin = twin_at(faults=(FaultRule(kind="500", times=3),))
    assert [ask(twin, USAGE, QUERY).status for _ in range(5)] == [500] * 3 + [200] * 2
    twin.set_faults(parse_faults("503"))
    assert ask(twin, USAGE, QUERY).status == 503
    twin.set_faults(())
    assert ask(twin, USAGE, QUERY).status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_written(kind: str) -> None:
    """A text, TOML and JSON say the same of each kind, and the twin answers under it."""
    text = parse_faults(f" {kind}@usage/*:0.5 ,")
    toml = parse_faults(f'[[fault]]\nkind = "{kind}"\npath = "usage/*"\nshare = 0.5\n')
    written = msgspec.json.encode({"fault": text}).decode()
    assert (
        text == toml == parse_faults(written) == (FaultRule(kind=kind, path="usage/*", share=0.5),)
    )
    twin = twin_at(faults=(FaultRule(kind=kind, form="1" if kind == "bomb" else ""),))
    for path in ("usage/images", "costs", "users"):
        query = [] if path == "users" else QUERY
        answer = twin.answer("GET", f"/v1/organization/{path}", KEY if query else {})
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "text",
    [
        "599",
        "429/soon",
        "500:2",
        "500:much",
        "gzip/3",
        "html/good",
        '{"fault": [{"kind": "500", "often": 1}]}',
        '{"fault": 1}',
        "[[fault]]\nkind = 500",
        "[[fault",
    ],
)
def test_wrong_faults_are_refused(text: str) -> None:
    """What is no fault is a wrong configuration."""
    with pytest.raises(BadConfiguration, match="faults: "):
        parse_faults(text)
