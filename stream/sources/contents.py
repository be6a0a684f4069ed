"""What a file holds, by its content: pages, in whatever shape they were saved.

A page stands alone, in an array, behind others, or on a line; an array of buckets, or of the
elements of a list, is a page whose outside was taken off. Which endpoint it is of, its rows say.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from stream.decode.values import BYTE_ORDER_MARK
from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.errors import BadInput

__all__ = [
    "TOKEN",
    "entry_in",
    "entry_near",
    "holds_documents",
    "is_bare",
    "is_envelope",
    "is_json",
    "is_page_file",
    "pages_in",
    "trim",
]

SEPARATOR: Final = b"\x1e"
"""What stands before each document of RFC 7464."""
BETWEEN: Final = b" \t\r\n" + SEPARATOR
OPENING: Final = re.compile(rb'\{\s*"(?:object"\s*:\s*"(?:page|list)"|data"\s*:)')
BOUNDARY: Final = re.compile(rb"\}[\s\x1e\xef\xbb\xbf]*+[\[{]")
"""Where one document ends, and another begins."""
ENTRIES: Final[dict[str, Endpoint | ObjectList]] = {
    **{endpoint.result: endpoint for endpoint in ENDPOINTS.values()},
    **{entry.element: entry for entry in LISTS.values() if entry.element},
}
"""What rows, and elements of lists, call themselves."""
KIND: Final = rb'"object"\s*:\s*"([a-z_.]+)"'
"""Compiled by ``re`` when a page's file does not say what is in it; the start is quicker so."""
TOKEN: Final = rb'(?s)"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\]]'  # as above
"""A bracket, or a text; one without an end goes to the end, so that no byte is looked at twice."""
BYTES_AN_ARRAY: Final = 64
"""A page has fewer arrays than one for so many bytes, or a closer look is taken."""
BUCKET: Final = (frozenset({"start_time"}), frozenset({"start_time_iso"}))


class KindOfRow(Struct, gc=False):
    """What a row says that it is."""

    object: str | None = None


class KindOfElement(Struct, gc=False):
    """What an element of a page says that it is, and its rows."""

    object: str | None = None
    results: list[KindOfRow] | None = None
    result: list[KindOfRow] | None = None


class KindOfPage(Struct, gc=False):
    """What the elements of a page say that they are."""

    elements: list[KindOfElement] = field(name="data")


ANY: Final = msgspec.json.Decoder(Raw)
MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
ELEMENTS: Final = msgspec.json.Decoder(list[Raw])
UNFAMILIAR: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def trim(content: bytes) -> bytes:
    """Take off what stands around documents: white space, and byte order marks."""
    content = content.strip(BETWEEN)
    while content.startswith(BYTE_ORDER_MARK):
        content = content.removeprefix(BYTE_ORDER_MARK).lstrip(BETWEEN)
    return content


def is_json(content: bytes) -> bool:
    """Tell whether something is one JSON document from end to end."""
    try:
        ANY.decode(content)
    except UNFAMILIAR:
        return False
    return True


def is_page_file(content: bytes) -> bool:
    """Tell whether a file seems to be one page and nothing else: cheap, for every file is asked.

    A page's rows stand in arrays, so that another document can only begin where none is open: what
    is in them is not looked at. What only seems to be a page is refused by its decoder, and not
    misread.
    """
    if OPENING.match(content) is None:
        return False
    behind = 0
    for _ in range(len(content) // BYTES_AN_ARRAY + 2):
        start = content.find(b"[", behind)
        if start < 0:
            return BOUNDARY.search(content, behind) is None
        if BOUNDARY.search(content, behind, start + 1) is not None:
            return False
        behind = content.find(b"]", start)
        if behind < 0:
            return True
    return False


def entry_in(page: bytes, *, alone: bool = False) -> Endpoint | ObjectList | None:
    """Return the registry's entry that a page's rows name; ``None``: they do not say, or differ.

    ``alone``: each of them has to name it.
    """
    try:
        elements = msgspec.json.decode(page, type=KindOfPage).elements
    except UNFAMILIAR:
        return entry_near(page) if not alone else None
    rows = [one for each in elements for one in each.results or each.result or ()]
    kinds = {one.object for one in rows} or {one.object for one in elements}
    found = {ENTRIES[kind].key: ENTRIES[kind] for kind in kinds if kind in ENTRIES}
    if len(found) != 1 or (alone and None in kinds):
        return None
    return next(iter(found.values()))


def entry_near(content: bytes) -> Endpoint | ObjectList | None:
    """Return the first entry that something names which is no whole page."""
    for kind in re.finditer(KIND, content):
        found = ENTRIES.get(kind[1].decode())
        if found is not None:
            return found
    return None


def pages_in(content: bytes) -> list[bytes]:
    """Return the pages and envelopes of a file, each as JSON; what is broken is one of them.

    Raises:
        BadInput: an array is empty.
    """
    return [page for document in documents_in(trim(content)) for page in pages_of(document)]


def documents_in(content: bytes) -> list[bytes]:
    """Cut documents that stand behind each other; the last may be broken."""
    if is_json(content):
        return [content]
    found: list[bytes] = []
    depth = start = end = 0
    for token in re.finditer(TOKEN, content):
        if not depth and (token[0] not in {b"{", b"["} or trim(content[end : token.start()])):
            break
        if token[0] in {b"{", b"["}:
            start = start if depth else token.start()
            depth += 1
        elif token[0] in {b"}", b"]"}:
            depth -= 1
            if not depth:
                end = token.end()
                found.append(content[start:end])
    rest = trim(content[end:])
    return [*found, rest] if rest else found


def pages_of(document: bytes, depth: int = 0) -> list[bytes]:
    """Return the pages of one document.

    Raises:
        BadInput: it is an empty array.
    """
    if not document.startswith(b"["):
        return [page_around(b"[%b]" % document) if is_bucket(document) else document]
    try:
        elements = [bytes(one) for one in ELEMENTS.decode(document)]
    except UNFAMILIAR:
        return [document]
    if not elements:
        raise BadInput("empty", "found an empty array, expected a page, buckets or pages")
    if all(map(is_bucket, elements)):
        return [page_around(document)]
    if all(map(is_element, elements)):
        return [b'{"object":"list","data":%b,"has_more":false}' % document]
    if depth:
        return [document]
    return [page for one in elements for page in pages_of(one, depth + 1)]


def page_around(buckets: bytes) -> bytes:
    """Make a page of an array of buckets."""
    return b'{"object":"page","data":%b,"has_more":false,"next_page":null}' % buckets


def members_in(document: bytes) -> dict[str, Raw]:
    """Return an object's members; of what is no object there are none."""
    try:
        return MEMBERS.decode(document)
    except UNFAMILIAR:
        return {}


def is_bucket(document: bytes) -> bool:
    """Tell whether a document is a bucket, without a page around it."""
    members = members_in(document).keys()
    return any(one <= members for one in BUCKET) and bool({"results", "result"} & members)


def is_element(document: bytes) -> bool:
    """Tell whether a document is an element of a list."""
    kind = bytes(members_in(document).get("object", b"")).strip(b'"').decode(errors="replace")
    return isinstance(ENTRIES.get(kind), ObjectList)


def is_envelope(document: bytes) -> bool:
    """Tell whether a document is a page with an envelope around it."""
    members = members_in(document)
    return "data" not in members and bytes(members.get("page", b"")).startswith(b"{")


def holds_documents(head: bytes, *, is_lines: bool) -> bool:
    """Tell whether a file that starts so has to be read as a whole, and not line by line.

    ``is_lines``: its name says that it has lines.
    """
    line, end, rest = trim(head).partition(b"\n")
    line = line.strip(BETWEEN)
    if line.startswith(b"[") or head.lstrip().startswith(SEPARATOR):
        return True
    if not line.startswith(b"{") or is_json(line):
        return is_bucket(line)
    if line == b"{":  # of an object that goes on, and not of a line that was torn off
        return rest.lstrip(BETWEEN).startswith((b'"', b"}"))
    return BOUNDARY.search(line) is not None or (bool(end) and not is_lines)


def is_bare(document: bytes) -> bool:
    """Tell whether a document is a page without an envelope."""
    members = members_in(document)
    return "page" not in members and bytes(members.get("data", b"")).startswith(b"[")
