"""check-key: what a key may read, said in a table or in JSON, and never the key."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.providers.openai import ENDPOINTS, LISTS
from stream.sources.api.key import KEY_VARIABLE
from tests.support.api_server import ApiServer, serve_api, write_reply
from tests.support.running import PLAIN, run

CANARY = "odd canary key".replace(" ", "_")
LIST_NAMES = [entry.name for entry in LISTS.values() if entry.path]
PAGE = b'{"object":"page","data":[],"has_more":false,"next_page":null}'
EMPTY = b'{"object":"list","data":[],"has_more":false,"first_id":null,"last_id":null}'
ARCHIVED = {"id": "proj_old", "object": "organization.project", "status": "archived"}
ACTIVE = {"id": "proj_a", "object": "organization.project", "status": "active"}
SCOPES = json.dumps(
    {
        "error": {
            "message": "You have insufficient permissions for this operation. "
            "Missing scopes: api.usage.read.",
        }
    }
).encode()


def write_projects(*projects: dict[str, str]) -> bytes:
    """Write a page of projects."""
    shown = {"object": "list", "data": projects, "has_more": False, "last_id": "x"}
    return write_reply(json.dumps(shown).encode())


def answer_all(target: str) -> Iterable[bytes]:
    """Answer as the API does to a key that may read everything."""
    if target.startswith("/v1/organization/projects?"):
        return [write_projects(ARCHIVED, ACTIVE)]
    is_page = "/usage/" in target or "/costs" in target
    return [write_reply(PAGE if is_page else EMPTY)]


def refuse_some(status: str, body: bytes, *words: str) -> Callable[[str], Iterable[bytes]]:
    """Return what refuses the targets that have one of the words in them."""

    def answer(target: str) -> Iterable[bytes]:
        found = any(word in target for word in words)
        return [write_reply(body, status)] if found else answer_all(target)

    return answer


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a key, and no patience."""

    async def wait_for_nothing(_: float) -> None:
        """Let no time pass."""

    monkeypatch.setenv(KEY_VARIABLE, CANARY)
    monkeypatch.setattr("stream.cli.check_key.sleep", wait_for_nothing)


def check(server: ApiServer, *options: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Run check-key; return its exit code, what is said of each entry, and stderr."""
    code, output, errors = run(["check-key", "--base-url", server.url, *options])
    assert "canary" not in output + errors
    shown = json.loads(output) if output else {"permissions": []}
    return code, {one["entry"]: one for one in shown["permissions"]}, errors


def test_a_key_that_may_read_everything_is_0() -> None:
    """Each endpoint and list is asked for once, yesterday of it, and an active project's lists."""
    with serve_api(answer_all, keep_alive=True) as server:
        code, found, errors = check(server, "--now", "2026-11-28T12:00:00Z")
    assert (code, errors) == (0, "")
    assert found.keys() == {*ENDPOINTS, *LIST_NAMES}
    assert all(one["readable"] and one["reason"] is None for one in found.values())
    targets = [request.split(b" ", 2)[1].decode() for request in server.requests]
    assert len(targets) == len(set(targets)) == len(found)
    for target in targets:
        if "/usage/" in target or "/costs" in target:
            assert "start_time=1795737600&" in target
            assert "end_time=1795824000&" in target
    assert sum("/projects/proj_a/" in target for target in targets) == 3
    assert all(b"Bearer " + CANARY.encode() in request for request in server.requests)


def test_what_may_not_be_read_is_1_and_says_what_to_do() -> None:
    """A key that lacks a scope is real all the same."""
    with serve_api(refuse_some("403 No", SCOPES, "/usage/", "/costs"), keep_alive=True) as server:
        code, found, errors = check(server)
    assert (code, errors) == (1, "")
    assert not any(found[key]["readable"] for key in ENDPOINTS)
    assert "api.usage.read" in found["costs"]["reason"]
    assert "admin key" in found["costs"]["reason"]
    assert all(found[name]["readable"] for name in LIST_NAMES)


def test_a_key_without_the_list_of_projects_is_real() -> None:
    """403 there is the scope's fault; what stands in projects cannot be asked for."""
    with serve_api(
        refuse_some("403 No", SCOPES, "/organization/projects"), keep_alive=True
    ) as server:
        code, found, _ = check(server)
    assert code == 1
    assert found["projects"]["readable"] is False
    assert found["costs"]["readable"] is True
    assert found["api_keys"]["readable"] is None
    assert "no active project" in found["api_keys"]["reason"]


def test_a_key_that_is_refused_is_77() -> None:
    """Nothing else is asked, and the end of the key, which the API shows, is not."""
    body = b'{"error":{"message":"Incorrect API key provided: odd***_key"}}'
    with serve_api(refuse_some("401 No", body, "/"), keep_alive=True) as server:
        code, found, errors = check(server)
    assert (code, found) == (77, {})
    (line,) = errors.splitlines()
    assert "does not accept the key" in line
    assert "_key" not in line
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["500 Oops", "429 Slow", "404 No", "302 Away"])
def test_no_answer_says_nothing_of_the_key(status: str) -> None:
    """It is 69 where nobody could say whether the key is one; what passes is tried again."""
    with serve_api(refuse_some(status, b"{}", "/"), keep_alive=True) as server:
        code, found, errors = check(server)
    assert (code, found) == (69, {})
    assert len(errors.splitlines()) == 1
    assert len(server.requests) == (3 if status[0] == "5" or status.startswith("429") else 1)
    assert run(["check-key", "--base-url", server.url])[0] == 69


def test_what_is_busy_for_long_is_unknown() -> None:
    """An endpoint that asks to wait for an hour is not waited for, and is neither yes nor no."""

    def answer(target: str) -> Iterable[bytes]:
        if "/costs" in target:
            return [write_reply(b"{}", "503 Busy", (("retry-after", "3600"),))]
        return answer_all(target)

    with serve_api(answer, keep_alive=True) as server:
        code, found, _ = check(server)
    assert code == 1
    assert found["costs"]["readable"] is None
    assert "503" in found["costs"]["reason"]
    assert sum(b"/costs" in request for request in server.requests) == 1


def test_a_key_file_goes_over_the_variable(tmp_path: Path) -> None:
    """And what is wrong with either is 78, before anything is asked."""
    place = tmp_path / "admin.key"
    place.write_text("another_canary_1\n", "utf-8")
    place.chmod(0o600)
    with serve_api(answer_all, keep_alive=True) as server:
        assert check(server, "--key-file", str(place), "--organization", "org-1")[0] == 0
        assert all(b"Bearer another_canary_1" in request for request in server.requests)
        assert all(b"organization: org-1" in request.lower() for request in server.requests)
        server.requests.clear()
        place.chmod(0o644)
        code, _, errors = check(server, "--key-file", str(place))
        assert (code, len(errors.splitlines())) == (78, 1)
        assert check(server, "--organization", "a b")[0] == 78
        os.environ[KEY_VARIABLE] = ""
        assert check(server)[0] == 78
    assert run(["check-key", "--base-url", "http://api.example/v1"])[0] == 78
    assert server.requests == []


def test_a_terminal_sees_a_table() -> None:
    """The table has a line for each entry, with what to do; --json is JSON there, too."""
    with serve_api(refuse_some("403 No", SCOPES, "/costs"), keep_alive=True) as server:
        drawn = draw(server)
        written = draw(server, "--json")
    assert "readable" in drawn
    assert "usage/completions" in drawn
    assert "api.usage.read" in drawn
    assert json.loads(written.partition("{")[1] + written.partition("{")[2])["key"] == "accepted"


def draw(server: ApiServer, *options: str) -> str:
    """Run check-key with its stdout on a terminal; return what that shows."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "stream", "check-key", "--base-url", server.url, *options],
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    )
    os.close(theirs)
    assert done.returncode == 1
    assert done.stderr == b""
    shown = bytearray()
    try:
        while piece := os.read(ours, 1 << 16):
            shown += piece
    except OSError:  # a terminal whose other side is gone
        pass
    os.close(ours)
    assert b"canary" not in shown
    return shown.decode().replace("\r\n", "\n")


def wait_for(happened: Callable[[], object]) -> None:
    """Wait until something has happened."""
    for _ in range(3_000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGINT])
def test_a_crash_and_an_interrupt_do_not_show_the_key(number: int) -> None:
    """Neither the list of processes nor Python's dump of its threads has the key in it."""
    servers: list[ApiServer] = []

    def never(_: str) -> Iterator[bytes]:
        servers[0].closing.wait()
        yield b""

    with serve_api(never, keep_alive=True) as server:
        servers.append(server)
        command = [sys.executable, "-X", "dev", "-m", "stream", "check-key"]
        with subprocess.Popen(
            [*command, "--base-url", server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**PLAIN, KEY_VARIABLE: CANARY},
        ) as running:
            wait_for(lambda: server.requests)
            line = Path(f"/proc/{running.pid}/cmdline").read_bytes()
            running.send_signal(number)
            output, errors = running.communicate()
    assert CANARY.encode() in server.requests[0]
    assert b"canary" not in line + output + errors
    if number == signal.SIGABRT:
        assert b"Fatal Python error: Aborted" in errors
        assert running.returncode == -signal.SIGABRT
    else:
        assert running.returncode == 130
