"""Who listens where, read from /proc: the sockets of a session's processes."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Listener", "listeners_of"]

LISTENS: Final = "0A"
"""The state of a socket that waits for others, as /proc/net/tcp writes it."""


class Listener(NamedTuple):
    """An address and a port at which somebody waits to be spoken to."""

    address: IPv4Address | IPv6Address
    port: int

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine reaches it."""
        mapped = getattr(self.address, "ipv4_mapped", None)
        return (mapped or self.address).is_loopback


def listeners_of(session: int) -> set[Listener]:
    """Return where the processes of a session listen; ``session`` is the id of its first."""
    held = set(sockets_of(session))
    return {listener for inode, listener in listening() if inode in held}


def sockets_of(session: int) -> Iterator[str]:
    """Yield the inodes of all sockets that the processes of a session hold."""
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            with suppress(OSError):
                if os.getsid(int(place.name)) == session:
                    for number in (place / "fd").iterdir():
                        with suppress(OSError):
                            kind, _, inode = str(number.readlink()).partition(":")
                            if kind == "socket":
                                yield inode.strip("[]")


def listening() -> Iterator[tuple[str, Listener]]:
    """Yield each listener of the machine, and the inode of its socket."""
    for name in ("tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text("ascii").splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == LISTENS:
                address, _, port = local.partition(":")
                yield rest[5], Listener(address_of(address), int(port, 16))


def address_of(text: str) -> IPv4Address | IPv6Address:
    """Read an address, of which /proc writes each four bytes as one number of this machine."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return ip_address(socket.inet_ntop(family, packed))
