"""The daemon over TLS: a certificate of files, read again by a reload, and no half-open crowd."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from anyio.from_thread import start_blocking_portal
from starlette.responses import PlainTextResponse

from stream.daemon import http_server, tls
from stream.daemon.config import Http, load_certificate
from tests.support.asking import opened, request, rest
from tests.support.certificates import Certificate, make_authority, make_certificate
from tests.support.daemons import PATIENCE, Daemon, daemon
from tests.support.pages import bucket, page, put, put_all, used
from tests.support.prometheus import free_port, prometheus
from tests.support.running import run

DEADLINE = 0.5
TOKEN = "0123456789abcdef"
BOTH = 'tls_cert = "cert.pem"\ntls_key = "key.pem"'
LARGE = 64 << 20


class Trusted(NamedTuple):
    """An authority, and what trusts it alone."""

    authority: Certificate
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Trusted:
    """Make an authority that only these tests know."""
    authority = make_authority(tmp_path_factory.mktemp("authority"))
    return Trusted(authority, ssl.create_default_context(cafile=authority.path))


@pytest.fixture
def running(trusted: Trusted, tmp_path: Path) -> Iterator[Daemon]:
    """Run a daemon over a page, with a certificate."""
    make_certificate(trusted.authority, tmp_path)
    put_all(tmp_path / "pages", {"usage_completions_fixture.json": page(bucket(used(7)))})
    with daemon(tmp_path, http=BOTH, context=trusted.context) as found:
        yield found


def serial_of(running: Daemon, trusted: Trusted) -> int:
    """Return the number of the certificate that a new connection is shown."""
    with (
        opened(running.port) as plain,
        trusted.context.wrap_socket(plain, server_hostname="localhost") as one,
    ):
        shown = one.getpeercert()
        assert shown is not None
        return int(str(shown["serialNumber"]), 16)


def test_everything_is_served_over_tls(running: Daemon) -> None:
    """Who trusts the authority is answered; others do not trust, and what is no TLS is ended."""
    running.until(lambda: running.ask("/report").status == 200, "the report")
    assert running.value("openai_api_tokens_total", token_type="input") == 7
    for path in ("/", "/metrics", "/healthz", "/readyz"):
        assert running.ask(path).status == 200
    origin = {"Origin": f"https://127.0.0.1:{running.port}"}
    assert running.ask("/-/reload", method="POST", headers=origin).status == 200
    plain = {"Origin": f"http://127.0.0.1:{running.port}"}
    assert running.ask("/-/reload", method="POST", headers=plain).status == 403
    with opened(running.port) as one, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(one, server_hostname="localhost")
    assert b"HTTP" not in rest(opened(running.port, request("/healthz")))
    assert running.ask("/healthz").status == 200
    assert not [one for one in running.events() if one["level"] in {"warning", "error"}]
    assert running.stop() == 0


def test_show_trusts_whom_the_environment_trusts(
    running: Daemon, trusted: Trusted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``show`` asks over TLS, by the authorities of the environment; nobody else is believed."""
    asked = ["show", f"https://localhost:{running.port}", "--by", "none", "--format", "csv"]
    code, output, errors = run(asked)
    assert (code, output, len(errors.splitlines())) == (69, "", 1)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.authority.path))
    assert run(asked) == (0, "input_tokens\n7\n", "")


@pytest.mark.parametrize("by", ["POST", "SIGHUP"])
def test_a_new_certificate_is_taken_over_by_a_reload(
    by: str, running: Daemon, trusted: Trusted
) -> None:
    """New connections are shown the new one; a bad one is refused, and the old one stays."""

    def reload(logged: str, status: int) -> None:
        if by == "POST":
            assert running.ask("/-/reload", method="POST").status == status
            return
        before = running.log().count(logged)
        running.process.send_signal(signal.SIGHUP)
        running.until(lambda: running.log().count(logged) > before, "the reload")

    assert serial_of(running, trusted) == 1
    put(running.place, "cert.pem", "none")
    reload("the configuration stays as it was", 400)
    assert serial_of(running, trusted) == 1
    make_certificate(trusted.authority, running.place, 2)
    assert serial_of(running, trusted) == 1
    reload('"reloaded"', 200)
    assert serial_of(running, trusted) == 2


@pytest.mark.needs_program("prometheus")
def test_a_real_prometheus_scrapes_over_tls(trusted: Trusted, tmp_path: Path) -> None:
    """With the authority and the token it reads every series; a new token needs no restart."""
    make_certificate(trusted.authority, tmp_path)
    put(tmp_path, "token", TOKEN)
    put(tmp_path, "shown", TOKEN)
    put_all(tmp_path / "pages", {"usage_completions_fixture.json": page(bucket(used(7)))})
    http = f'{BOTH}\ntoken_file = "token"'
    with daemon(tmp_path, http=http, context=trusted.context) as found:
        scrapes = f"""
scrape_configs:
  - job_name: usage-stream
    scrape_interval: 1s
    scrape_timeout: 1s
    scheme: https
    tls_config: {{ ca_file: {trusted.authority.path} }}
    authorization: {{ credentials_file: {tmp_path}/shown }}
    static_configs: [{{ targets: ["127.0.0.1:{found.port}"] }}]
"""
        with prometheus(tmp_path, scrapes) as server:

            def value_of(query: str) -> float | None:
                result = server.ask("query", query=query)["result"]
                return float(result[0]["value"][1]) if result else None

            tokens = 'openai_api_tokens_total{token_type="input"}'
            found.until(lambda: value_of(tokens) == 7, "the scrape")
            put(tmp_path, "token", TOKEN[::-1])
            found.process.send_signal(signal.SIGHUP)
            found.until(lambda: value_of("up") == 0, "the old token to be refused")
            put(tmp_path, "shown", TOKEN[::-1])
            found.until(lambda: value_of("up") == 1, "the new token to be taken")


class Server(NamedTuple):
    """The server alone, with a short deadline; connections are closed when the test ends."""

    port: int
    connections: ExitStack
    context: ssl.SSLContext

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Connect without TLS."""
        return self.connections.enter_context(opened(self.port, sent))

    def protect(self, sent: bytes, *, window: int = 0) -> ssl.SSLSocket:
        """Connect with TLS, and send some bytes."""
        plain = opened(self.port, window=window)
        one = self.context.wrap_socket(plain, server_hostname="localhost")
        self.connections.enter_context(one)
        one.sendall(sent)
        return one


@pytest.fixture
def server(trusted: Trusted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve with a short deadline, and room for three handshakes; answers are large."""
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", DEADLINE)
    monkeypatch.setattr(tls, "HANDSHAKES", 3)
    made = make_certificate(trusted.authority, tmp_path)
    context = load_certificate(made.path, made.key)
    listening = http_server.open_socket(Http(listen=f"127.0.0.1:{free_port()}"))
    answer = PlainTextResponse("x" * LARGE)
    with start_blocking_portal("asyncio") as portal:
        running, started = portal.start_task(
            http_server.serve_app, answer, listening, lambda: context
        )
        with ExitStack() as connections:
            yield Server(listening.getsockname()[1], connections, trusted.context)
        portal.call(started.stop_event.set)
        running.result()


def test_a_handshake_that_is_not_made_is_ended(server: Server) -> None:
    """Whoever says nothing, or half of it, is cut off in time."""
    assert rest(server.connect()) == b""
    assert rest(server.connect(b"\x16\x03\x01\x02")) == b""


def test_the_eldest_handshake_makes_room(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than may be at their handshake ends the eldest; those that are through stay."""
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", float(PATIENCE))
    through = server.protect(b"GET /")
    half = [server.connect() for _ in range(4)]
    assert rest(half[0]) == b""
    half[1].settimeout(DEADLINE)
    with pytest.raises(TimeoutError):
        half[1].recv(1)
    through.sendall(b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert through.recv(12) == b"HTTP/1.1 200"


def test_a_large_answer_arrives_whole_over_tls(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is taken is whole, and the connection can be used again."""
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", float(PATIENCE))
    one = server.protect(request("/"))
    for _ in range(2):
        head, _, body = one.recv(1 << 16).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        missing = LARGE - len(body)
        while missing:
            piece = one.recv(min(missing, 1 << 20))
            assert piece, f"ended {missing} bytes early"
            missing -= len(piece)
        one.sendall(request("/"))


def test_a_slow_reader_is_ended_over_tls(server: Server) -> None:
    """Whoever does not take an answer in time does not get all of it."""
    slow = server.protect(request("/"), window=4096)
    for _ in range(2):
        assert rest(server.connect()) == b""
    size = 0
    try:
        while piece := slow.recv(1 << 20):
            size += len(piece)
    except OSError:  # it ended without a goodbye
        pass
    assert size < LARGE
