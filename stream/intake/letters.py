"""Dead letters: what could not be counted, with its reason, and its secrets masked."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from stream.decode import Rejection
from stream.records.chains import Chain
from stream.records.digests import spell_digest
from stream.records.errors import BadInput
from stream.records.privacy import mask_json, one_line

__all__ = ["KEPT", "DeadLetter", "letter_of", "mask_page", "refusal_in", "rename_letter"]

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
    digest: str | None
    content: Any


def letter_of(chain: Chain, page: tuple[int, str, bytes], rejected: Rejection) -> bytes:
    """Write a dead letter as a line of JSON; ``page`` is its number, name and digest."""
    (number, name, digest), error = page, rejected.error
    path = None if error.path is None else one_line(error.path)
    letter = DeadLetter(
        chain.endpoint,
        chain.label,
        number,
        name,
        path,
        error.reason,
        one_line(error.message),
        rejected.rows,
        spell_digest(digest),
        rejected.content,
    )
    return msgspec.json.encode(letter) + b"\n"


def mask_page(payload: bytes) -> Any:
    """Return what an unusable page holds, masked.

    ``None`` when it is longer than 64 KiB, or no JSON, where nobody can tell what is a secret: the
    dead letter names the file and its digest, and the file is still there.
    """
    if len(payload) > KEPT:
        return None
    try:
        return mask_json(msgspec.json.decode(payload))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def rename_letter(letter: bytes, name: str) -> bytes:
    """Return a letter whose file is called otherwise by now."""
    return msgspec.json.encode({**msgspec.json.decode(letter), "fixture": name}) + b"\n"


def refusal_in(letter: bytes) -> BadInput:
    """Return what a run would have ended with that sets nothing aside."""
    found = msgspec.json.decode(letter)
    where = f"{found['fixture']} ({found['endpoint']}, label {found['label']})"
    return BadInput(found["reason"], found["message"], path=found["path"]).name_place(where)
