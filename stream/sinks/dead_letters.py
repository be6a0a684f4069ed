"""Dead letters: what could not be counted, set aside with its reason, its secrets masked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from stream.errors import BadInput
from stream.privacy import masked_json, one_line
from stream.records import Chain
from stream.sinks.atomic import atomic_file, write_pieces

__all__ = ["FILE", "DeadLetter", "letter_of", "masked_page", "write_letters"]

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


def letter_of(
    chain: Chain,
    page: tuple[int, str, str | None],
    error: BadInput,
    rows: int,
    content: Any,
) -> bytes:
    """Write a dead letter as a line of JSON; ``page`` is its number, name and digest."""
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
    return msgspec.json.encode(letter) + b"\n"


async def write_letters(directory: Path, letters: Iterable[bytes]) -> None:
    """Write ``dead_letters.ndjson``, whole or not at all.

    Raises:
        Unavailable: it cannot be written.
    """
    async with atomic_file(directory / FILE) as file:
        await write_pieces(file, letters)


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
