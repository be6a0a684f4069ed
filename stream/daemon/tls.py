"""A connection over TLS: it has a deadline for its handshake, and few may be at theirs."""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from typing import Any, Final, Protocol

__all__ = ["TlsConnection"]

HANDSHAKES: Final = 128
"""How many connections may be at their handshake; with one more the eldest goes."""
GOODBYE_SECONDS: Final = 2.0
"""How long the other side may take to say that it has seen the end."""


class Inner(Protocol):
    """A connection that is protected: ``transport`` is there when it has begun."""

    transport: Any
    carrier: asyncio.Transport | None

    def note_sent(self) -> None:
        """Take notice that the socket has taken everything."""


class TlsConnection(SSLProtocol):
    """Protects a connection, which begins when the handshake has been made."""

    def __init__(
        self,
        inner: Inner,
        context: ssl.SSLContext,
        handshakes: list[TlsConnection],
        seconds: float,
    ) -> None:
        """Protect ``inner``; those in ``handshakes`` are at theirs, for ``seconds`` each."""
        super().__init__(
            asyncio.get_running_loop(),
            inner,  # type: ignore[arg-type]  # it is asyncio's protocol too
            context,
            None,  # type: ignore[arg-type]  # nobody waits for the handshake
            server_side=True,
            ssl_handshake_timeout=seconds,  # type: ignore[arg-type]  # a float does
            ssl_shutdown_timeout=GOODBYE_SECONDS,
        )
        self.inner = inner
        self.handshakes = handshakes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as asyncio calls it
        """Begin the handshake, and make room."""
        self.handshakes[:] = [one for one in self.handshakes if one.is_waiting]
        if len(self.handshakes) >= HANDSHAKES:
            eldest = self.handshakes.pop(0).inner.carrier
            assert eldest is not None  # noqa: S101 -- what waits has begun
            eldest.abort()
        self.inner.carrier = transport
        self.handshakes.append(self)
        transport.set_write_buffer_limits(high=0)  # resume_writing says that everything has left
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wait no more."""
        if self in self.handshakes:
            self.handshakes.remove(self)
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Go on; the socket has taken everything that it was given."""
        super().resume_writing()
        if not self.is_waiting:
            self.inner.note_sent()

    @property
    def is_waiting(self) -> bool:
        """Whether the handshake has not been made."""
        return self.inner.transport is None
