"""The twin as a command and on a socket: who may set its faults, and how it starts and ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from stream.recordings.twin import Twin, TwinAnswer, parse_faults
from stream.recordings.twin.server import listen_on, run_clock, twin_app
from stream.records.errors import Unavailable
from tests.support.running import PLAIN, run
from tests.support.twins import KEY, NOW, ask, twin_at


async def call(
    twin: Twin, method: str, path: str, *, host: str = "127.0.0.1", **options: Any
) -> httpx2.Response:
    """Ask the twin's app without a socket, as a client at an address."""
    transport = httpx2.ASGITransport(twin_app(twin), client=(host, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://twin") as client:
        return await client.request(method, path, **options)


async def test_an_answer_goes_over_the_wire_as_it_is() -> None:
    """Status, headers and body are the twin's, for any path and method; the query is untouched."""
    query = f"start_time={NOW - 86_400}&group_by[]=model&models=a%2Cb"
    for method, target in (
        ("GET", f"/v1/organization/usage/completions?{query}"),
        ("GET", "/v1/organization/none%2Fhere"),
        ("DELETE", "/v1/organization/projects"),
    ):
        twin = twin_at()
        found = await call(twin, method, target, headers=KEY)
        expected: TwinAnswer = twin_at().answer(method, target, KEY)
        assert (found.status_code, found.content) == (expected.status, expected.body)
        assert dict(found.headers) == expected.headers
        assert twin.requests[-1].query == target.partition("?")[2]


async def test_faults_are_set_from_this_machine_alone() -> None:
    """Faults and requests are for loopback; what is no fault is refused, and changes nothing."""
    twin = twin_at(faults=parse_faults("500:0.5"))
    for method, path in (
        ("POST", "/twin/faults"),
        ("GET", "/twin/faults"),
        ("GET", "/twin/requests"),
    ):
        for host in ("192.0.2.1", "nobody"):
            assert (await call(twin, method, path, host=host, content="429")).status_code == 403
    for content, status in (("none", 400), (b"\xff", 400), ("5" * 70_000, 413), ("503", 200)):
        before = twin.faults
        found = await call(twin, "POST", "/twin/faults", host="::1", content=content)
        assert found.status_code == status
        assert (twin.faults == before) == (status != 200)
    assert (await call(twin, "GET", "/twin/faults")).json() == {"fault": [{"kind": "503"}]}
    ask(twin, "users")
    (note,) = (await call(twin, "GET", "/twin/requests")).json()
    assert (note["path"], note["status"]) == ("/v1/organization/users", 503)


def test_a_clock_runs_so_many_times_as_fast() -> None:
    """The twin's clock starts where it is told to, and goes on at its speed."""
    real = 100.0
    clock = run_clock(NOW, 60, lambda: real)
    assert clock() == NOW
    real += 2.5
    assert clock() == NOW + 150


def test_an_address_in_use_is_named() -> None:
    """A port that somebody has, and a host that is none, cannot be listened on."""
    with listen_on("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        code, output, errors = run(["twin", "--listen", f"127.0.0.1:{port}"])
        assert (code, output) == (69, "")
        assert f"127.0.0.1:{port}" in errors
    with pytest.raises(Unavailable, match="cannot be listened on"):
        listen_on("host.invalid", 0)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--listen", "9465"], 2),
        (["--listen", "127.0.0.1:70000"], 2),
        (["--speed", "-1"], 2),
        (["--start", "noon"], 2),
        (["--faults", "everything"], 78),
        (["--faults", "500:9"], 78),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], code: int) -> None:
    """An option that is wrong ends the command before it listens."""
    found, output, errors = run(["twin", *arguments])
    assert (found, output) == (code, "")
    assert len(errors.splitlines()[-1]) > 20


def test_a_script_of_faults_must_be_text(tmp_path: Path) -> None:
    """A file that is there is read as a script; one that is no text cannot be."""
    path = tmp_path / "faults.toml"
    path.write_bytes(b"\xff\xfe")
    assert run(["twin", "--faults", str(path)])[0] == 69


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(number: signal.Signals, tmp_path: Path) -> None:
    """The first line says where it listens; a signal ends it with 0, also while it hangs."""
    script = tmp_path / "faults.toml"
    script.write_text('[[fault]]\nkind = "hang"\npath = "users"\n', "utf-8")
    command = [sys.executable, "-m", "stream", "twin", "--listen", "[::1]:0", "--key", "sk-own"]
    with subprocess.Popen(
        [*command, "--faults", str(script), "--seed", "7"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=PLAIN,
    ) as child:
        assert child.stdout is not None
        place = json.loads(child.stdout.readline())
        assert place["baseUrl"] == f"{place['listening']}/v1"
        assert (place["keys"], place["seed"], place["speed"]) == (["sk-own"], 7, 1.0)
        headers = {"authorization": "Bearer sk-own"}
        found = httpx2.get(f"{place['baseUrl']}/organization/projects", headers=headers)
        assert found.status_code == 200
        port = int(place["listening"].rpartition(":")[2])
        with socket.create_connection(("::1", port)) as hanging:
            hanging.sendall(b"GET /v1/organization/users HTTP/1.1\r\nhost: twin\r\n\r\n")
            while not httpx2.get(f"{place['listening']}/twin/requests").text.count("users"):
                pass
            child.send_signal(number)
            left = child.communicate()
    assert (child.returncode, *left) == (0, "", "")
