"""``/days``: what days came to, as JSON, and who asks for it from elsewhere."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from stream.daemon.days_client import open_remote
from stream.figures.breakdown import ALL_TIME, Choice, add_breakdown
from stream.records.errors import BadInput, Unavailable
from tests.support.daemons import Daemon, daemon
from tests.support.pages import FIRST, bucket, page, put, used
from tests.support.places import FIXTURES
from tests.support.running import run

DAY = {
    "endpoint": "usage/completions",
    "start": FIRST,
    "end": FIRST + 86_400,
    "dimensions": {"project_id": ["p"], "service_tier": [None], "model": [None]},
    "counters": {"input_tokens": [5]},
}
HEAD = '{"isBehind":false,"names":{},"days":[\n'


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Daemon]:
    """Run a daemon over the fixtures."""
    shutil.copytree(FIXTURES, tmp_path / "pages")
    with daemon(tmp_path) as found:
        yield found


def test_it_has_every_day_of_what_is_asked_for(running: Daemon) -> None:
    """Dimensions and counters stand as columns; a span and endpoints limit it."""
    found = json.loads(running.ask("/days").body)
    assert found["isBehind"] is False
    assert found["names"]["proj_alpha"] == "Alpha"
    assert len({day["endpoint"] for day in found["days"]}) == 12
    for day in found["days"]:
        columns = [*day["dimensions"].values(), *day["counters"].values()]
        assert len({len(column) for column in columns}) == 1
    some = running.ask("/days?since=2024-11-01&until=2024-11-02&endpoint=costs")
    days = json.loads(some.body)["days"]
    assert [day["start"] for day in days] == [FIRST, FIRST + 86_400]
    amounts = [Decimal(one) for day in days for one in day["counters"]["amount_value"]]
    assert sum(amounts) == Decimal("21.22")


def test_it_is_packed_and_known_again(running: Daemon) -> None:
    """It is packed where that is accepted, has a tag that changes with state, and HEAD no body."""
    plain = running.ask("/days")
    packed = running.ask("/days", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    tag = {"If-None-Match": plain.headers["etag"]}
    assert running.ask("/days", headers=tag).status == 304
    assert running.ask("/days?since=2024", headers=tag).status == 200
    assert running.ask("/days", method="HEAD").body == b""
    assert running.ask("/days", method="POST").status == 405
    put(running.place / "pages", "usage_moderations_more.json", page(bucket(used(3), day=9)))
    running.until(lambda: running.ask("/days", headers=tag).status == 200, "a new day")


@pytest.mark.parametrize("query", ["since=x", "until=2024-13", "endpoint=tokens", "limit=3"])
def test_what_cannot_be_meant_is_refused(running: Daemon, query: str) -> None:
    """A question that names no days or no endpoint is answered with 400, in a line."""
    answer = running.ask(f"/days?{query}")
    assert answer.status == 400
    assert len(answer.text.splitlines()) == 1


def test_state_that_is_damaged_is_said(running: Daemon) -> None:
    """Where state cannot be read, the answer is 503, and the daemon goes on."""
    state = running.place / "state.db"
    moved = state.rename(state.with_name("elsewhere"))
    try:
        assert running.ask("/days").status == 503
    finally:
        moved.rename(state)
    assert running.ask("/days").status == 200


class ScriptedServer(HTTPServer):
    """Answers with the same, whatever is asked."""

    status = 200
    body = b""


class ScriptedAnswer(BaseHTTPRequestHandler):
    """Gives the server's answer."""

    server: ScriptedServer

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.send_header("location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def scripted(body: str, status: int = 200) -> Iterator[str]:
    """Serve an answer on loopback; give the address."""
    with ScriptedServer(("127.0.0.1", 0), ScriptedAnswer) as server:
        server.status, server.body = status, body.encode()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def read_all(url: str) -> object:
    """Ask, and read all of the answer."""
    with open_remote(url, None, [], ALL_TIME) as found:
        return dict(add_breakdown(found.daybook, Choice()).sums)


def test_a_daemon_that_is_behind_says_so() -> None:
    """Where days have yet to be worked out, that stands beside the figures."""
    head = HEAD.replace("false", "true")
    with scripted(f"{head}{json.dumps(DAY)}\n]}}\n") as url:
        code, output, errors = run(["show", url, "--format", "csv"])
    assert (code, output.splitlines()[1:]) == (0, ["p,,5"])
    assert errors == "usage-stream: the daemon has days to work out again; figures may be older\n"


def test_an_answer_is_read() -> None:
    """The scripted answer is one, as long as nothing is wrong with it."""
    with scripted(f"{HEAD}{json.dumps(DAY)}\n]}}\n") as url:
        assert str(read_all(url)).count("('p',): 5") == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "{}\n",
        HEAD,
        f"{HEAD}{json.dumps(DAY)}\n",
        f"{HEAD}{json.dumps(DAY)[:50]}",
        f"{HEAD}{json.dumps(DAY | {'endpoint': 'x'})}\n]}}\n",
        f"{HEAD}{json.dumps(DAY | {'counters': {'input_tokens': [1, 2]}})}\n]}}\n",
        f"{HEAD}{json.dumps(DAY | {'counters': {'input_tokens': ['x']}})}\n]}}\n",
        f"{HEAD}{json.dumps(DAY | {'counters': {'input_tokens': [[]]}})}\n]}}\n",
        f"{HEAD}{json.dumps(DAY | {'dimensions': {}})}\n]}}\n",
        f"{HEAD}{json.dumps(DAY | {'start': 10**30})}\n]}}\n",
    ],
)
def test_an_answer_that_is_none_is_bad_input(body: str) -> None:
    """What was cut, or is something else, gives no figures: the address is named, with 65."""
    with scripted(body) as url, pytest.raises(BadInput, match="none of a daemon's, or was cut"):
        read_all(url)


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "token"), (404, "no /days"), (302, "answers 302"), (503, r"answers 503 \(a b\\n\)")],
)
def test_a_refusal_is_explained(status: int, said: str) -> None:
    """What a server says instead of an answer is said in one line; no redirect is followed."""
    with scripted("a b\nc" if status != 503 else "a b\\n", status) as url:
        with pytest.raises(Unavailable, match=said) as caught:
            read_all(url)
        assert len(str(caught.value).splitlines()) == 1
