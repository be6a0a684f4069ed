"""What the daemon answers over HTTP, and to whom."""

from __future__ import annotations

import html
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from tests.support.asking import SECURE, opened, request, rest
from tests.support.daemons import Daemon, daemon
from tests.support.pages import bucket, page, put_all, used

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
YESTERDAY = 60
PROJECT = '<script>alert(1)</script>"&'
TERMINAL = "a\x9b31mb\x1b]0;c\x07\u202ed\u200fe\u2066"
LABEL = 'a<img src=x onerror=alert(1)>"&'
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


MOVING = {"usage_stream_source_chain_wait_seconds", "usage_stream_disk_free_bytes"}
"""What is another number at each moment."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon over a page with hostile names, and one that is broken."""
    place = tmp_path_factory.mktemp("running")
    rows = [used(7, output_tokens=3, num_model_requests=2, project_id=PROJECT), used(-1)]
    others = (
        used(1234567, project_id="p"),
        used(1, project_id=TERMINAL),
        used(2, project_id=PROJECT),
    )
    files = {
        f"usage_completions_fixture_{LABEL}.json": page(bucket(*rows), cursor="next&<b>"),
        "usage_embeddings_fixture.json": page(bucket(*others, day=YESTERDAY)),
    }
    put_all(place / "pages", dict(files))
    with daemon(place) as found:
        found.until(lambda: found.ask("/report").status == HTTPStatus.OK, "the report")
        yield found


def test_a_plain_request_gets_the_classic_format(running: Daemon) -> None:
    """Without Accept, and for a browser, metrics come in the classic text format."""
    for accept in ({}, {"Accept": "text/html,*/*;q=0.8"}):
        answer = running.ask("/metrics", headers=accept)
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "# EOF" not in answer.text


def test_prometheus_gets_openmetrics(running: Daemon) -> None:
    """What Prometheus 2.42 accepts is answered with OpenMetrics that the strict parser takes."""
    answer = running.ask("/metrics", headers={"Accept": PROMETHEUS})
    assert answer.headers["content-type"].startswith(OPENMETRICS)
    assert answer.text.endswith("# EOF\n")
    assert answer.text.count("# EOF") == 1
    assert list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]  # the library's own gap


def samples(running: Daemon, *, strict: bool) -> Samples:
    """Return every sample of ours in one of the formats."""
    text = running.ask("/metrics", headers={"Accept": PROMETHEUS} if strict else {}).text
    families = (
        parse_openmetrics(text)  # type: ignore[no-untyped-call]  # as above
        if strict
        else parse_classic(text)
    )
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith(("usage_stream_", "openai_api_")) and sample.name not in MOVING
    }


def test_both_formats_say_the_same(running: Daemon) -> None:
    """Each sample is in both formats, with the same labels and value."""
    running.until(
        lambda: samples(running, strict=True) == samples(running, strict=False), "agreement"
    )
    labels = {"project_id": PROJECT, "token_type": "input"}
    assert running.value("openai_api_tokens_total", **labels) == 7 + 2


@pytest.mark.parametrize(("path", "body"), [("/healthz", "ok\n"), ("/readyz", "ready\n")])
def test_a_probe_gets_a_word(path: str, body: str, running: Daemon) -> None:
    """A probe is answered with a line of text."""
    answer = running.ask(path)
    assert (answer.status, answer.text) == (200, body)


def test_the_report_is_served_as_it_stands(tmp_path: Path) -> None:
    """The report has the bytes of the file, and its length; without a file it is 503."""
    put_all(tmp_path / "pages", {"usage_embeddings_fixture.json": page(bucket(used(1)))})
    report = tmp_path / "report.json"
    with daemon(tmp_path, "--report-seconds", "3600") as found:  # or it is there again at once
        found.until(lambda: found.ask("/report").status == HTTPStatus.OK, "the report")
        answer = found.ask("/report")
        assert answer.body == report.read_bytes()
        assert answer.headers["content-type"] == "application/json"
        assert int(answer.headers["content-length"]) == report.stat().st_size
        kept = report.rename(tmp_path / "kept.json")
        answer = found.ask("/report")
        assert (answer.status, answer.text) == (503, "no report has been written yet\n")
        report.mkdir()
        answer = found.ask("/report")
        assert (answer.status, answer.text) == (503, "the report cannot be read\n")
        report.rmdir()
        kept.rename(report)
        assert found.ask("/report").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/metrics/more", 404),
        ("GET", "/%2e%2e/etc/passwd", 404),
        ("POST", "/metrics", 405),
        ("POST", "/report", 405),
        ("DELETE", "/", 405),
        ("GET", "/-/reload", 405),
    ],
)
def test_what_is_not_served_is_refused(
    method: str, path: str, status: int, running: Daemon
) -> None:
    """Unknown paths are 404, and methods that a path does not have are 405."""
    assert running.ask(path, method=method).status == status


@pytest.mark.parametrize("path", ["/", "/metrics", "/report", "/healthz"])
def test_a_head_has_no_body(path: str, running: Daemon) -> None:
    """HEAD is answered as GET is, without the body."""
    answer = running.ask(path, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/", 200), ("/metrics", 200), ("/report", 200), ("/style.css", 200), ("/healthz", 200)),
        *(("/nothing", 404), ("/-/reload", 405), ("/metrics/", 307), ("/a b", 400)),
    ],
)
def test_every_answer_has_the_headers_that_make_it_safe(
    path: str, status: int, running: Daemon
) -> None:
    """No answer is kept, framed, sniffed, or may load anything from elsewhere."""
    head = rest(opened(running.port, request(path, "Connection: close")))
    lines = head.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert lines[0].split()[1] == str(status)
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert fields.items() >= {name: value.lower() for name, value in SECURE.items()}.items()
    policy = fields["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("script" in one or "unsafe" in one or "http" in one for one in policy)
    assert "server" not in fields


def test_what_came_from_outside_is_text_on_the_page(running: Daemon) -> None:
    """A project and a label that look like HTML are shown, and are none."""
    shown = running.ask("/").text
    assert html.escape(PROJECT).replace("&quot;", "&#34;") in shown
    assert html.escape(LABEL).replace("&quot;", "&#34;") in shown
    assert "<script" not in shown
    assert "<img" not in shown


@pytest.mark.parametrize("path", ["/", "/metrics"])
@pytest.mark.parametrize("accept", ["*/*", PROMETHEUS], ids=["classic", "openmetrics"])
def test_no_character_is_obeyed_by_a_terminal(path: str, accept: str, running: Daemon) -> None:
    """Escapes, C1 and bidirectional characters of a project are shown as text."""
    shown = running.ask(path, headers={"Accept": accept}).text
    assert "x9b" in shown
    assert {one for one in shown if not one.isprintable()} == {"\n"}


def test_the_page_shows_how_everything_stands(running: Daemon) -> None:
    """The page has totals by project, chains with cursors and lag, outcomes and errors."""
    shown = html.unescape(running.ask("/").text)
    for text in (
        *("1,234,567", "next&<b>", "2024-11-02 00:00:00", "60 d", "waits for its next page"),
        *("usage/embeddings", "1 dead letter", "1 set aside, see "),
    ):
        assert text in shown
