"""Programs that run beside each other, each stopped by its own id."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["Ended", "choose_port", "run_program", "wait_until_answered"]

PATIENCE: Final = 60.0
STOP_SECONDS: Final = 30.0
BUSY_PAUSE: Final = 0.1


class Ended(Exception):
    """Raised when a program ends that should not, or does not answer."""


def choose_port(wanted: int) -> int:
    """Return a port of loopback: the wanted one, or any where that is taken."""
    for port in (wanted, 0):
        with socket.socket() as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen: int = found.getsockname()[1]
            return chosen
    raise Ended("no port is free")


@contextmanager
def run_program(command: Sequence[str | Path], log: Path) -> Iterator[Callable[[], None]]:
    """Run a program, out of reach of the terminal's signals; it is told to stop, and waited for.

    What is given sees that it still runs.

    Raises:
        Ended: it does not, by what is given.
    """
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )

    def check() -> None:
        if process.poll() is not None:
            last = log.read_text("utf-8", "replace")[-2_000:]
            raise Ended(f"{Path(command[0]).name} has ended ({process.returncode})\n{last}")

    try:
        yield check
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except BaseException:
            process.kill()
            process.wait()
            raise


def wait_until_answered(url: str, check: Callable[[], None]) -> None:
    """Wait until something answers.

    Raises:
        Ended: it does not, or its program has ended.
    """
    end = time.monotonic() + PATIENCE
    while True:
        check()
        try:
            urllib.request.urlopen(url, timeout=PATIENCE).close()  # noqa: S310 -- http on loopback
        except urllib.error.HTTPError as error:
            error.close()  # it answers
        except OSError as error:
            if time.monotonic() > end:
                raise Ended(f"{url} does not answer ({error})") from None
            time.sleep(BUSY_PAUSE)
            continue
        return
