"""Personal data that no figure needs is taken out of an answer before it is kept.

Every other byte of a value stays as it came: an amount has more digits than a float.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from stream.records.privacy import is_private_name, shield_value

__all__ = ["mask_page"]

OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
ARRAY: Final = msgspec.json.Decoder(list[Raw])
MASK: Final = Raw(b'"***"')
NAMED: Final = b'"organization.project"'
"""What a project calls itself: its name is the one that figures are shown with."""
CURSORS: Final = frozenset({"next_page", "first_id", "last_id"})
DEEPEST: Final = 32


def mask_page(page: bytes) -> bytes:
    """Return a page, which is sound JSON, without names, addresses and secrets.

    A value that figures are told apart by has a digest in its place, as it has in the state.
    """
    return mask_value(page, 0)


def mask_value(written: bytes, depth: int) -> bytes:
    """Return a JSON value without what is private in it."""
    if depth > DEEPEST:
        return b"null"
    if written.startswith(b"{"):
        members = OBJECT.decode(written)
        is_project = bytes(members.get("object", b"")) == NAMED
        return msgspec.json.encode(
            {
                name: value
                if is_project and name == "name"
                else mask_member(name, bytes(value), depth + 1)
                for name, value in members.items()
            }
        )
    if written.startswith(b"["):
        return msgspec.json.encode(
            [Raw(mask_value(bytes(one), depth + 1)) for one in ARRAY.decode(written)]
        )
    if written.startswith(b'"'):
        text = msgspec.json.decode(written)
        shielded = shield_value(text)
        return written if shielded == text else msgspec.json.encode(shielded)
    return written


def mask_member(name: str, written: bytes, depth: int) -> Raw:
    """Return a member's value; a text is hidden where its name speaks of a person or a secret."""
    if written.startswith(b'"') and name in CURSORS:
        return Raw(written)
    if written.startswith(b'"') and is_private_name(name):
        return MASK
    return Raw(mask_value(written, depth))
