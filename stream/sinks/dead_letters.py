"""Dead letters: what could not be counted, set aside with its reason, its secrets masked."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec import Struct

from stream.errors import BadInput
from stream.privacy import masked_json, one_line
from stream.records import Chain
from stream.sinks.atomic import atomic_file, prepare, unwritable

__all__ = ["FILE", "DeadLetter", "DeadLetters", "masked_page"]

FILE: Final = "dead_letters.ndjson"
KEPT: Final = 64 * 1024


class DeadLetter(Struct, rename="camel", frozen=True):
    """A record, bucket or page that was set aside; ``fixture`` says where it stands whole."""

    endpoint: str
    label: str
    page: int
    fixture: str
    path: str | None
    reason: str
    message: str
    rows: int
    sha256: str | None
    content: Any


class DeadLetters:
    """Collects a run's dead letters on disk, and puts them in order at its end."""

    def __init__(self, directory: Path) -> None:
        """Write to ``dead_letters.ndjson`` in ``directory``.

        Raises:
            Unavailable: the directory cannot be made or written to.
        """
        self.path = directory / FILE
        prepare(self.path)
        try:
            self._spool: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115 -- lives as long as this
                dir=directory
            )
        except OSError as error:
            raise unwritable(self.path, error) from None
        self._places: list[tuple[tuple[Any, ...], int, int]] = []

    def put(
        self,
        chain: Chain,
        page: tuple[int, str, str | None],
        error: BadInput,
        rows: int,
        content: Any,
    ) -> None:
        """Set something aside.

        Raises:
            Unavailable: it cannot be written.
        """
        number, name, sha256 = page
        path = None if error.path is None else one_line(error.path)
        letter = DeadLetter(
            chain.endpoint,
            chain.label,
            number,
            name,
            path,
            error.reason,
            one_line(error.message),
            rows,
            sha256,
            content,
        )
        line = msgspec.json.encode(letter) + b"\n"
        order = (chain.endpoint, chain.label, number, name, len(self._places))
        try:
            self._places.append((order, self._spool.tell(), len(line)))
            self._spool.write(line)
        except OSError as problem:
            raise unwritable(self.path, problem) from None

    async def finish(self) -> None:
        """Write the file, in the order of chains and pages.

        Raises:
            Unavailable: it cannot be written.
        """
        async with atomic_file(self.path) as file:
            for _, start, length in sorted(self._places):
                self._spool.seek(start)
                await file.write(self._spool.read(length))

    def close(self) -> None:
        """Drop what has not been finished."""
        self._spool.close()


def masked_page(payload: bytes) -> Any:
    """Return what an unusable page holds, masked.

    ``None`` when it is longer than 64 KiB, or no JSON, where nobody can tell what is a secret: the
    dead letter names the file and its digest, and the file is still there.
    """
    if len(payload) > KEPT:
        return None
    try:
        return masked_json(msgspec.json.decode(payload))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
