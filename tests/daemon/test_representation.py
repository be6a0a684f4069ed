"""How metrics and the report are sent: packed or not, by what is asked for, and once."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.daemon.representation import choose_coding
from tests.support.asking import asked, opened, request
from tests.support.daemons import Answer, Daemon, daemon
from tests.support.pages import bucket, page, put, put_all, used

HOST = ("Host", "localhost")
LINE = b'{"project_id":"proj_0123456789","input_tokens":1234567,"model":"gpt-4o"},\n'
MANY = 3_000_000
"""Lines of a report that is larger than what may be in memory of it."""
ROOM = 48 << 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon over a page; its report is not written again after the first."""
    place = tmp_path_factory.mktemp("running")
    put_all(place / "pages", {"usage_completions_fixture.json": page(bucket(used(7)))})
    with daemon(place, "--report-seconds", "1h") as found:
        found.until(lambda: found.ask("/report").status == 200, "the report")
        yield found


def ask(running: Daemon, path: str, method: str = "GET", **fields: str) -> Answer:
    """Ask with these headers; a name has ``_`` for each ``-``. Names of the answer are lower."""
    given = [(name.replace("_", "-"), value) for name, value in fields.items()]
    answer = asked(running, path, HOST, *given, method=method)
    return answer._replace(headers={key.lower(): one for key, one in answer.headers.items()})


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ([], "identity"),
        ([""], "identity"),
        (["gzip"], "gzip"),
        (["GZip"], "gzip"),
        (["x-gzip"], "gzip"),
        (["deflate, gzip;q=1.0, *;q=0.5"], "gzip"),
        (["br", "gzip"], "gzip"),
        (["br"], "identity"),
        (["gzip;q=0"], "identity"),
        (["gzip;q=0.000"], "identity"),
        (["gzip; q=0.5"], "gzip"),
        (["gzip;q=0.001"], "gzip"),
        (["gzip;q=0.5, identity"], "identity"),
        (["gzip;q=0.5, identity;q=0.5"], "gzip"),
        (["identity"], "identity"),
        (["*"], "gzip"),
        (["*;q=0.1, gzip;q=0"], "identity"),
        (["*;q=0"], None),
        (["*;q=0, identity"], "identity"),
        (["*;q=0, gzip"], "gzip"),
        (["identity;q=0"], None),
        (["identity;q=0, gzip;q=0"], None),
        (["identity;q=0, gzip;q=0.1"], "gzip"),
        (["identity;q=0, *"], "gzip"),
        (["gzip;q=2"], "identity"),
        (["gzip;q=abc"], "identity"),
        (["gzip;level=1"], "identity"),
        ([",, ;q=1,"], "identity"),
        (["not-gzip"], "identity"),
    ],
)
def test_the_coding_that_is_wanted_most_is_chosen(accepted: list[str], coding: str | None) -> None:
    """Weights count, ``*`` stands for what is not named, and identity is excluded by name alone."""
    assert choose_coding(accepted) == coding


@pytest.mark.parametrize("path", ["/metrics", "/report"])
def test_who_accepts_gzip_gets_it(path: str, running: Daemon) -> None:
    """What is packed says so, is one gzip member, and holds what others are sent as it is."""
    packed = ask(running, path, Accept_Encoding="gzip")
    plain = ask(running, path)
    assert packed.status == plain.status == 200
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-type"] == plain.headers["content-type"]
    reader = zlib.decompressobj(wbits=31)
    whole = reader.decompress(packed.body)
    assert (reader.eof, reader.unused_data) == (True, b"")
    assert len(packed.body) < len(whole) / 2
    if path == "/report":
        assert whole == plain.body == (running.place / "report.json").read_bytes()
    for answer in (packed, plain):
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert answer.headers["cache-control"] == "no-store"


def test_the_format_of_metrics_is_varied_by(running: Daemon) -> None:
    """Metrics come in two formats, so what is kept of them goes by both headers."""
    fields = {"Accept": "application/openmetrics-text", "Accept_Encoding": "gzip"}
    answer = ask(running, "/metrics", **fields)
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(answer.body).endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/metrics", "/report"])
def test_who_accepts_nothing_that_is_spoken_is_told(path: str, running: Daemon) -> None:
    """Without gzip, and with what is not packed excluded, there is nothing to send."""
    answer = ask(running, path, Accept_Encoding="br, identity;q=0")
    assert (answer.status, answer.text) == (406, "only gzip is spoken, and what is not packed\n")


@pytest.mark.parametrize("path", ["/readyz", "/nothing"])
def test_little_is_not_packed(path: str, running: Daemon) -> None:
    """A line of text is sent as it is, whatever is accepted."""
    assert "content-encoding" not in ask(running, path, Accept_Encoding="gzip").headers


def test_who_has_the_report_is_not_sent_it_again(running: Daemon) -> None:
    """A tag stands for the report, packed or not, until another one is written."""
    plain, packed = ask(running, "/report"), ask(running, "/report", Accept_Encoding="gzip")
    tag = plain.headers["etag"]
    assert tag == packed.headers["etag"]
    assert tag.startswith('W/"')
    for named in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        for fields in ({}, {"Accept_Encoding": "gzip"}):
            answer = ask(running, "/report", If_None_Match=named, **fields)
            assert (answer.status, answer.body) == (304, b"")
            assert (answer.headers["etag"], answer.headers["vary"]) == (tag, "Accept-Encoding")
            assert (
                not {"content-encoding", "content-type", "content-length"} & answer.headers.keys()
            )
    for named in ('"other"', tag[:-2] + '"', tag.strip('W/"'), "W/*"):
        assert ask(running, "/report", If_None_Match=named).status == 200
    report = running.place / "report.json"
    put(running.place, "other.json", report.read_text("utf-8")).replace(report)
    assert ask(running, "/report", If_None_Match=tag).status == 200
    assert ask(running, "/report").headers["etag"] != tag


def test_metrics_have_the_tag_of_what_they_say(running: Daemon) -> None:
    """The process counts its own seconds, so a scrape is seldom as the one before; one may be."""
    one = ask(running, "/metrics")
    assert ask(running, "/metrics", If_None_Match=one.headers["etag"]).status in {200, 304}
    assert ask(running, "/metrics", If_None_Match="*").status == 304
    other = ask(running, "/metrics", Accept="application/openmetrics-text")
    assert other.headers["etag"] != one.headers["etag"]


@pytest.mark.parametrize("path", ["/metrics", "/report"])
@pytest.mark.parametrize("accepted", ["identity", "gzip"])
def test_a_head_has_the_headers_of_its_get(path: str, accepted: str, running: Daemon) -> None:
    """HEAD says what GET would, and sends nothing of it; with a tag that is known too."""
    fields = {"Accept_Encoding": accepted}
    head, get = (ask(running, path, method, **fields) for method in ("HEAD", "GET"))
    assert (head.status, head.body) == (200, b"")
    moving = {"content-length", "etag"} if path == "/metrics" else set()
    assert head.headers.keys() == get.headers.keys()
    assert {(name, one) for name, one in head.headers.items() if name not in moving} == {
        (name, one) for name, one in get.headers.items() if name not in moving
    }
    assert ("content-length" in head.headers) == (path == "/metrics" or accepted == "identity")
    again = ask(running, path, "HEAD", If_None_Match=f"*, {get.headers['etag']}", **fields)
    assert again.status == 304 or path == "/metrics"


def test_a_refusal_is_no_report(running: Daemon) -> None:
    """Without a report there is nothing to have already."""
    report = running.place / "report.json"
    kept = report.rename(running.place / "kept.json")
    assert ask(running, "/report", If_None_Match="*", Accept_Encoding="gzip").status == 503
    kept.rename(report)


def peak_of(running: Daemon) -> int:
    """Return how many bytes of memory a daemon had at most."""
    status = Path(f"/proc/{running.process.pid}/status").read_text("ascii")
    (line,) = (one for one in status.splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) << 10


def test_a_large_report_is_packed_as_it_is_read(running: Daemon) -> None:
    """Memory does not follow its size, and who does not take it keeps nobody waiting."""
    report = running.place / "report.json"
    kept = report.rename(running.place / "kept.json")
    with report.open("wb") as file:
        for _ in range(MANY // 1000):
            file.write(LINE * 1000)
    before = peak_of(running)
    waiting = opened(running.port, request("/report", "Accept-Encoding: gzip"), window=4096)
    assert running.ask("/healthz").status == 200
    body = ask(running, "/report", Accept_Encoding="gzip").body
    waiting.close()
    size = 0
    with gzip.open(io.BytesIO(body)) as unpacked:
        while chunk := unpacked.read(1 << 20):
            size += len(chunk)
    assert size == report.stat().st_size > 4 * ROOM
    assert peak_of(running) - before < ROOM
    kept.rename(report)
