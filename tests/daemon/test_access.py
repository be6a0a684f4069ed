"""Whom the daemon answers: Host, Origin, and the token."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.asking import SECURE, asked
from tests.support.daemons import Daemon, daemon
from tests.support.pages import put

TOKEN = "0123456789abcdef"
BEARER = ("Authorization", f"Bearer {TOKEN}")
HOST = ("Host", "localhost")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon that wants no token, and has no name."""
    with daemon(tmp_path_factory.mktemp("running")) as found:
        yield found


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon that wants a token, and has a name."""
    place = tmp_path_factory.mktemp("guarded")
    put(place, "token", f"{TOKEN}\n")
    with daemon(place, http='hosts = ["Usage.example"]\ntoken_file = "token"') as found:
        yield found


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[::1]", "localhost", "LOCALHOST"])
@pytest.mark.parametrize("port", ["", ":9464"])
def test_a_host_that_nobody_can_make_resolve_is_served(
    host: str, port: str, running: Daemon
) -> None:
    """Addresses and localhost may be asked for, with a port or without."""
    assert asked(running, "/metrics", ("Host", f"{host}{port}")).status == 200


@pytest.mark.parametrize("host", ["usage.example", "USAGE.EXAMPLE", "usage.example:80"])
def test_a_configured_name_is_served(host: str, guarded: Daemon, running: Daemon) -> None:
    """A name in http.hosts may be asked for, where it is configured."""
    assert asked(guarded, "/metrics", ("Host", host), BEARER).status == 200
    assert asked(running, "/metrics", ("Host", host)).status == 421


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "evil.localhost", "127.0.0.1.evil.example"),
        *("", ":9464", "localhost:x", "localhost:80:80", "[::1", "[::1]x", "::1", "user@localhost"),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/healthz"])
def test_another_host_is_refused(host: str, path: str, running: Daemon) -> None:
    """A name that anyone could let resolve to this address is not served, not even a probe."""
    assert asked(running, path, ("Host", host)).status == 421


def test_there_must_be_one_host(running: Daemon) -> None:
    """A request with two hosts is refused, and so is one without, in either version of HTTP."""
    assert asked(running, "/metrics", HOST, HOST).status == 400
    assert asked(running, "/metrics").status == 400
    assert asked(running, "/metrics", version=10).status == 421
    assert asked(running, "/metrics", HOST, version=10).status == 200


def test_only_its_own_pages_may_ask(running: Daemon) -> None:
    """A request that another site's page sends is refused, and changes nothing."""
    for origin, status in (
        ("http://localhost", 200),
        ("http://LOCALHOST", 200),
        ("http://evil.example", 403),
        ("http://localhost:1", 403),
        ("https://localhost", 403),
        ("null", 403),
    ):
        reload = asked(running, "/-/reload", HOST, ("Origin", origin), method="POST")
        assert reload.status == status
        assert asked(running, "/metrics", HOST, ("Origin", origin)).status == status


@pytest.mark.parametrize("path", ["/", "/metrics", "/report", "/style.css", "/nothing"])
@pytest.mark.parametrize(
    "shown",
    [None, "", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[1:]}", "Bearer é"],
)
def test_without_the_token_nothing_is_shown(path: str, shown: str | None, guarded: Daemon) -> None:
    """No token, a wrong one, or another scheme is 401, whatever was asked for."""
    headers = [] if shown is None else [("Authorization", shown)]
    answer = asked(guarded, path, HOST, *headers)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.text == "a bearer token is wanted\n"


def test_without_the_token_nothing_is_done(guarded: Daemon) -> None:
    """A reload wants the token too."""
    assert asked(guarded, "/-/reload", HOST, method="POST").status == 401
    assert asked(guarded, "/-/reload", HOST, BEARER, method="POST").status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_with_the_token_everything_is_shown(scheme: str, guarded: Daemon) -> None:
    """The token opens every path; the scheme's letters may be of any size."""
    shown = ("Authorization", f"{scheme} {TOKEN}")
    for path in ("/", "/metrics", "/style.css"):
        assert asked(guarded, path, HOST, shown).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_want_no_token(path: str, guarded: Daemon) -> None:
    """A probe has no secrets to show, and learns none."""
    assert asked(guarded, path, HOST).status == 200


@pytest.mark.parametrize("by", ["POST", "SIGHUP"])
def test_a_new_token_is_taken_over_by_a_reload(by: str, tmp_path: Path) -> None:
    """After a reload the new token opens and the old one does not; a bad file changes nothing."""
    put(tmp_path, "token", TOKEN)
    with daemon(tmp_path, http='token_file = "token"') as found:

        def reload(logged: str, status: int) -> None:
            if by == "POST":
                assert asked(found, "/-/reload", HOST, BEARER, method="POST").status == status
                return
            before = found.log().count(logged)
            found.process.send_signal(signal.SIGHUP)
            found.until(lambda: found.log().count(logged) > before, "the reload")

        new = ("Authorization", f"Bearer {TOKEN[::-1]}")
        put(tmp_path, "token", "short")
        reload("the configuration stays as it was", 400)
        assert asked(found, "/metrics", HOST, BEARER).status == 200
        put(tmp_path, "token", TOKEN[::-1])
        assert asked(found, "/metrics", HOST, BEARER).status == 200
        reload('"reloaded"', 200)
        assert asked(found, "/metrics", HOST, BEARER).status == 401
        assert asked(found, "/metrics", HOST, new).status == 200
        assert TOKEN not in found.log()


@pytest.mark.parametrize(
    "headers",
    [(("Host", "evil.example"),), (HOST, ("Origin", "null")), (HOST,), (HOST, HOST)],
    ids=["host", "origin", "token", "two hosts"],
)
def test_refusals_have_them_too(headers: tuple[tuple[str, str], ...], guarded: Daemon) -> None:
    """What is refused at the door is as safe as what is answered."""
    answer = asked(guarded, "/metrics", *headers)
    assert answer.status in {400, 401, 403, 421}
    fields = {name.lower(): value for name, value in answer.headers.items()}
    assert fields.items() >= SECURE.items()
    assert "default-src 'none'" in fields["content-security-policy"]
