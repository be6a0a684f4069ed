"""What systemd wants to hear: readiness, reloads, stops, and that the daemon is alive."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

__all__ = ["Notifier"]


class Notifier:
    """Sends datagrams to ``NOTIFY_SOCKET``, or nothing where there is none (sd_notify(3))."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        """Read where to send to, and how often the watchdog wants to hear."""
        address = variables.get("NOTIFY_SOCKET", "")
        self.address = f"\0{address[1:]}" if address.startswith("@") else address
        micros = variables.get("WATCHDOG_USEC", "")
        mine = variables.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = (
            int(micros) / 2_000_000 if mine and micros.isdecimal() and int(micros) else None
        )
        """Seconds from one sign of life to the next; ``None`` without a watchdog."""

    def tell(self, *lines: str) -> None:
        """Send lines; nobody listening is no error."""
        if not self.address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(0)
                sender.sendto("\n".join(lines).encode(), self.address)
        except OSError:
            return

    def tell_ready(self, status: str) -> None:
        """Say that the daemon runs."""
        self.tell("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")

    def tell_reloading(self) -> None:
        """Say that the configuration is loaded again; :meth:`tell_ready` ends it."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def tell_stopping(self) -> None:
        """Say that the daemon stops."""
        self.tell("STOPPING=1", "STATUS=stopping")

    def tell_alive(self, status: str) -> None:
        """Feed the watchdog."""
        self.tell("WATCHDOG=1", f"STATUS={status}")
