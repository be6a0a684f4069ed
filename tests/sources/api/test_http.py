"""HTTP as it goes wrong: there is a whole reply or none, and the key goes to one host alone."""

from __future__ import annotations

import gzip
import logging
import ssl
import subprocess
import traceback
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream import __version__
from stream.records.errors import BadConfiguration, Unavailable
from stream.sources.api.asking import Reply
from stream.sources.api.http import HttpTransport, Timeouts
from stream.sources.api.key import AdminKey
from tests.support.api_server import ApiServer, always, serve_api, write_reply

CANARY = "sk-admin-canary_0123456789abcdef"
KEY = AdminKey(CANARY)
QUICK = Timeouts(connect=5, read=0.2, whole=0.4)
PATIENT = Timeouts(connect=20, read=20, whole=20)
PACKED = (("content-type", "application/json"), ("content-encoding", "gzip"))
MOST = 1 << 20


async def get(url: str, *, timeouts: Timeouts = PATIENT, most: int = MOST) -> Reply:
    """Ask once."""
    transport = HttpTransport(url, KEY, "org-1", max_bytes=most, timeouts=timeouts)
    try:
        return await transport.get(
            "/organization/costs", [("start_time", "1"), ("group_by[]", "a")]
        )
    finally:
        await transport.aclose()


async def fail_to_get(url: str, *, timeouts: Timeouts = PATIENT, most: int = MOST) -> str:
    """Ask in vain; return the message, which stands alone and without the key."""
    with pytest.raises(Unavailable) as caught:
        await get(url, timeouts=timeouts, most=most)
    error = caught.value
    assert error.__context__ is None
    assert error.__cause__ is None
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    held = "".join(
        str(frame.locals) for frame in told.stack if not frame.filename.endswith("test_http.py")
    )
    assert "canary" not in "".join(told.format()).replace("CANARY", "") + held + str(error)
    assert str(error).startswith(f"{url}/organization/costs: ")
    return str(error).removeprefix(url)


async def test_a_reply_is_the_bytes_that_the_api_wrote() -> None:
    """Status, headers in lower case, and the body as it is, not one digit of an amount changed."""
    body = b'{"value": "0.1739150000000000000000000001", "x": 0E-6176}\r\n \xc3\xa9'
    headers = (("X-Request-ID", "req_1"), ("Content-Type", "application/json"))
    with serve_api(always(write_reply(body, headers=headers))) as server:
        reply = await get(server.url)
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers["x-request-id"] == "req_1"
    (request,) = server.requests
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /v1/organization/costs?start_time=1&group_by%5B%5D=a HTTP/1.1"
    sent = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    assert sent["authorization"] == f"bearer {CANARY}"
    assert sent["openai-organization"] == "org-1"
    assert sent["user-agent"] == f"usage-stream/{__version__}"
    assert sent["accept-encoding"] == "gzip"
    assert "cookie" not in sent


async def test_a_reply_may_be_packed() -> None:
    """What gzip packed is unpacked, of several members too, and an empty body is empty."""
    body = b'{"a": 1}'
    for packed in (gzip.compress(body), gzip.compress(body[:3]) + gzip.compress(body[3:])):
        with serve_api(always(write_reply(packed, headers=PACKED))) as server:
            assert (await get(server.url)).body == body
    with serve_api(always(write_reply(b"", "503 Busy", PACKED))) as server:
        assert await get(server.url) == (503, {**dict(PACKED), "content-length": "0"}, b"")


async def test_connections_are_kept_and_cookies_are_not() -> None:
    """Several requests go over one connection, and nothing that a reply sets is sent back."""
    headers = (("set-cookie", "a=b; path=/"),)
    with serve_api(always(write_reply(b"{}", headers=headers)), keep_alive=True) as server:
        transport = HttpTransport(server.url + "/", KEY, None, max_bytes=MOST, timeouts=PATIENT)
        for _ in range(3):
            await transport.get("/organization/costs", [])
        await transport.aclose()
        await transport.aclose()
    assert len(server.connections) == 1
    assert len(server.requests) == 3
    assert not any(b"cookie" in request.lower() for request in server.requests)
    assert not any(b"openai-organization" in request.lower() for request in server.requests)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 No", "308 No"])
async def test_a_redirect_is_not_followed_and_the_key_goes_nowhere(status: str) -> None:
    """Another host that the API, or somebody in its place, names gets no request at all."""
    with serve_api(always(write_reply(b"{}"))) as other:
        moved = (("location", f"{other.url}/organization/costs"),)
        with serve_api(always(write_reply(b"", status, moved))) as server:
            reply = await get(server.url)
    assert reply.status == int(status[:3])
    assert len(server.requests) == 1
    assert (other.requests, other.connections) == ([], [])


async def test_a_body_that_is_cut_is_no_reply() -> None:
    """Shorter than its length says, in the middle of a chunk, or of gzip."""
    chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc"
    packed = gzip.compress(b'{"a": 1}' * 100)[:-6]
    for raw in (write_reply(b"{}", length=100), chunks, b"HTTP/1.1 200 OK\r\nconte", b""):
        with serve_api(always(raw)) as server:
            assert "cut" in await fail_to_get(server.url)
    with serve_api(always(write_reply(packed, headers=PACKED))) as server:
        assert "broken gzip (it ends too early)" in await fail_to_get(server.url)


async def test_a_body_that_does_not_unpack_is_no_reply() -> None:
    """What is no gzip, and what is packed in a way that nobody asked for."""
    with serve_api(always(write_reply(b'{"a": 1}', headers=PACKED))) as server:
        assert "broken gzip" in await fail_to_get(server.url)
    with serve_api(always(write_reply(b"x", headers=(("content-encoding", "br"),)))) as server:
        assert "packed as br" in await fail_to_get(server.url)


async def test_a_bomb_is_not_unpacked() -> None:
    """A small reply that would become 64 MiB ends when it is larger than a page may be."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    bomb = b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    with serve_api(always(write_reply(bomb, headers=PACKED))) as server:
        assert "expected at most" in await fail_to_get(server.url)


async def test_a_body_without_an_end_is_not_read_on() -> None:
    """A reply ends when it is larger than a page may be, whatever its length says."""

    def flood() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
        while True:
            yield bytes(1 << 16)

    with serve_api(lambda _: flood()) as server:
        assert f"more than {MOST} bytes" in await fail_to_get(server.url)


def drip(server: list[ApiServer], seconds: float) -> Iterator[bytes]:
    """Write a body byte by byte, until the server ends."""
    yield b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
    while not server[0].closing.wait(seconds):
        yield b" "


@pytest.mark.parametrize(
    ("seconds", "words"), [(60, "nothing came in time"), (0.02, "no whole reply in 0.4 seconds")]
)
async def test_a_body_that_is_slow_is_given_up(seconds: float, words: str) -> None:
    """When nothing comes, and when something comes for ever."""
    servers: list[ApiServer] = []
    with serve_api(lambda _: drip(servers, seconds)) as server:
        servers.append(server)
        message = await fail_to_get(server.url, timeouts=QUICK)
        server.closing.set()
    assert words in message


async def test_what_cannot_be_reached_is_named() -> None:
    """A port that nobody listens on, a name that is none, and something that is no TLS."""
    with serve_api(always(b"")) as server:
        url = server.url
        secure = url.replace("http:", "https:")
        assert "cannot connect" in await fail_to_get(secure)
    assert "cannot connect" in await fail_to_get(url)
    assert "cannot connect" in await fail_to_get("https://no-such-host.invalid/v1")
    assert not any(CANARY.encode() in request for request in server.requests)


@pytest.mark.needs_program("openssl")
async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """Who only says that it is the API gets no request, and the message says why."""
    with serve_api(always(write_reply(b"{}")), tls=make_certificate(tmp_path)) as server:
        message = await fail_to_get(server.url)
    assert "CERTIFICATE_VERIFY_FAILED" in message
    assert server.requests == []


def make_certificate(directory: Path) -> ssl.SSLContext:
    """Make a certificate for localhost that is signed by itself."""
    key, certificate = str(directory / "key.pem"), str(directory / "certificate.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "http://localhost.example/v1",
        "http://10.0.0.1/v1",
        "https://user:pass@api.openai.com/v1",
        "https://api.openai.com/v1?x=1",
        "https://api.openai.com/v1#x",
        "https:///v1",
        "https://host:99999/v1",
        "ftp://localhost/v1",
        "api.openai.com/v1",
        "https://a b/v1",
        "https://a\nb/v1",
        "",
    ],
)
def test_the_key_goes_over_tls_or_stays_on_this_machine(url: str) -> None:
    """A base URL that would show the key to others, or is none, is a wrong configuration."""
    with pytest.raises(BadConfiguration, match="base URL") as caught:
        HttpTransport(url, KEY, None, max_bytes=1)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1/v1", "http://127.1.2.3/v1"])
def test_plain_http_is_for_this_machine(url: str) -> None:
    """A twin on loopback may be asked without TLS."""
    HttpTransport(url, KEY, None, max_bytes=1)


@pytest.mark.parametrize("organization", ["", "a b", "a\r\nx: y", "é", "o" * 201])
def test_an_organization_that_is_none_is_refused(organization: str) -> None:
    """What cannot stand in a header is a wrong configuration."""
    with pytest.raises(BadConfiguration, match="organization"):
        HttpTransport("https://api.openai.com/v1", KEY, organization, max_bytes=1)


async def test_plain_http_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment would see the key of a request that is not encrypted."""
    with (
        serve_api(always(write_reply(b"{}"))) as proxy,
        serve_api(always(write_reply(b"[]"))) as server,
    ):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert (await get(server.url)).body == b"[]"
    assert proxy.connections == []


async def test_a_proxy_tunnels_and_does_not_see_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a request over TLS the proxy learns the host, and what it refuses is named."""
    with serve_api(always(write_reply(b"", "407 Who are you"))) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert "the proxy refuses" in await fail_to_get("https://api.openai.com/v1")
    (request,) = proxy.requests
    assert request.startswith(b"CONNECT api.openai.com:443 ")
    assert b"canary" not in request.lower()


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "gopher://x", "http://h:x"])
async def test_a_proxy_that_cannot_be_used_is_a_wrong_configuration(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named as such, and not as a bug."""
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(BadConfiguration, match="proxy"):
        await get("https://api.openai.com/v1")


async def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Every library logs all that it has to say, and none says the key."""
    for name in ("httpx2", "httpcore2", "httpcore2.http11", "asyncio", "h11"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    raw = [write_reply(b"{}"), b"junk", write_reply(b"", "302 Found", (("location", "/x"),))]
    with caplog.at_level(logging.DEBUG):
        for one in raw:
            with serve_api(always(one)) as server:
                if one == b"junk":
                    await fail_to_get(server.url)
                else:
                    await get(server.url)
    assert "send_request_headers" in caplog.text
    assert "canary" not in caplog.text
    assert not any("canary" in repr(record.__dict__) for record in caplog.records)
