"""What a file is whose name does not say it: looked at once, at its start.

A file that holds pages is read, whatever it is called; of any other the reason is said why it is
left out. What the program itself has written is no input, and nothing to speak of.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from stream.decode.foreign import foreign_answer, foreign_bytes
from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.errors import BadInput, Unavailable
from stream.sources.contents import TOKEN, entry_near, is_json, trim
from stream.sources.expansion import ExpandedFile
from stream.sources.names import NAMES_WANTED

__all__ = ["Recognition", "recognise_file"]

HEAD: Final = 1 << 16
ENVELOPE: Final = re.compile(rb'"page"\s*:\s*\{')
PAGE: Final = rb'"object"\s*:\s*"(?:page|list|bucket)"|"data"\s*:\s*\[|"start_time"'
"""Compiled by ``re`` when a file is looked into; the start is quicker so."""
REPORT: Final = rb'(?s)\{\s*"metadata"\s*:\s*\{\s*"version"\s*:.{0,200}"generatedAt"'  # as PAGE
CLOSINGS: Final = {b"{": b"}", b"[": b"]"}
STATE: Final = b"SQLite format 3\0"

EXPECTED: Final = f"expected pages, or a name as {NAMES_WANTED}"


class Recognition(msgspec.Struct, frozen=True):
    """What a file is: one that holds pages, of an endpoint if its rows say it, or none, and why.

    What the program has written itself is none, without a reason.
    """

    reason: str = ""
    entry: Endpoint | ObjectList | None = None
    holds_pages: bool = False


def recognise_file(path: Path, named: Endpoint | ObjectList | None = None) -> Recognition:
    """Look at a file's start; its name has ``named`` an endpoint or a list, or none."""
    try:
        head = head_of(path)
    except BadInput as error:
        return Recognition(error.message)
    except Unavailable as error:
        return Recognition(str(error).rpartition(": ")[2])
    return recognise_head(trim(head), named)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, expanded.

    Raises:
        BadInput: it is no regular file, or does not expand.
        Unavailable: it cannot be read.
    """
    file = ExpandedFile(path)
    try:
        head = b""
        for piece in file.pieces:
            head += piece[:HEAD]
            if len(head) >= HEAD:
                break
        return head
    finally:
        file.close()


def recognise_head(head: bytes, named: Endpoint | ObjectList | None) -> Recognition:
    """Say what a file is that starts so."""
    if head.startswith(STATE) or re.match(REPORT, head):
        return Recognition()
    if not head:
        return Recognition(f"found nothing in it, {EXPECTED}")
    is_open = head.startswith((b"{", b"["))
    foreign = foreign_json(head) if is_open and b"\0" not in head else foreign_bytes(head)
    if foreign is not None or not is_open:
        return Recognition(foreign.message if foreign else f"found no JSON, {EXPECTED}")
    entry = entry_near(head)
    if entry is None and not ENVELOPE.search(head):
        entry = named
        if not re.search(PAGE, head):
            return Recognition(f"found no page in it, {EXPECTED}")
        if entry is None:
            unnamed = "found a page whose rows do not say of which endpoint they are"
            return Recognition(f"{unnamed}, {EXPECTED}")
    return Recognition("", entry, holds_pages=True)


def foreign_json(head: bytes) -> BadInput | None:
    """Say what JSON is that is known to be something else, by the first document in it."""
    first = first_document(head)
    try:
        value = msgspec.json.decode(first)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict) or isinstance(value.get("page"), dict):
        return None
    foreign = foreign_answer(value)
    if foreign is None and value.get("error") is not None and first == head:
        return BadInput("error_body", "found an error body of the API, expected a page")
    return foreign


def first_document(head: bytes) -> bytes:
    """Return the first document of a file that starts so; if it goes on, as far as is known."""
    if is_json(head):
        return head
    closing: list[bytes] = []
    known = head
    for token in re.finditer(TOKEN, head):
        if token[0] in CLOSINGS:
            closing.append(CLOSINGS[token[0]])
        elif token[0] in {b"}", b"]"}:
            if not closing or closing.pop() != token[0]:
                break
            known = head[: token.end()] + b"".join(reversed(closing))
            if not closing:
                break
    return known
