"""A twin of the API, as a process on loopback, for as long as a test needs it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["TwinServer", "poll_table", "twin_server"]

PATIENCE = 30


class TwinServer(NamedTuple):
    """Where it answers, and the key that it takes."""

    base_url: str
    key: str
    pid: int

    def set_faults(self, text: str) -> None:
        """Say what goes wrong from now on."""
        self._open("faults", text.encode())

    def requests(self) -> list[dict[str, Any]]:
        """Return what it was asked."""
        found: list[dict[str, Any]] = json.loads(self._open("requests", None))
        return found

    def _open(self, name: str, body: bytes | None) -> bytes:
        url = f"{self.base_url.removesuffix('/v1')}/twin/{name}"
        with urllib.request.urlopen(url, body, timeout=PATIENCE) as answer:  # noqa: S310 -- the twin's own
            content: bytes = answer.read()
        return content


@contextmanager
def twin_server(*options: str) -> Iterator[TwinServer]:
    """Run a twin with these options; it is ended by its id."""
    command = [sys.executable, "-m", "stream", "twin", "--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            place = json.loads(process.stdout.readline())
            yield TwinServer(place["baseUrl"], place["keys"][0], process.pid)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def poll_table(place: Path, twin: TwinServer, since: str, *more: str, key: str = "") -> str:
    """Write a ``[[poll]]`` that asks a twin, with a key's file and evidence in ``place``."""
    path = place / "key"
    path.write_text(key or twin.key, "utf-8")
    path.chmod(0o600)
    lines = [
        "[[poll]]",
        'name = "acme"',
        f'base_url = "{twin.base_url}"',
        'key_file = "key"',
        'evidence = "evidence"',
        f'since = "{since}"',
        *more,
    ]
    return "\n".join(lines)
