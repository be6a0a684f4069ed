"""How far an account has been asked: for each endpoint and list what is whole, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct, field

from stream.records.errors import BadInput
from stream.sources.api.query import Query
from stream.sources.api.ranges import Range

__all__ = ["OpenWalk", "Progress", "read_progress", "write_progress"]


class OpenWalk(Struct):
    """A walk that is under way: it keeps its query, as cursors are bound to that.

    ``revision`` is when it began, in microseconds since 1970, and later than that of any other walk
    of the part; ``begun_at`` is when it really began, by the earlier of our clock and the
    provider's, in Unix seconds.
    """

    query: Query
    revision: int
    is_live: bool
    begun_at: float


class Progress(Struct):
    """How far one endpoint, or one list, has been asked. Times are in Unix seconds.

    ``settled_ranges`` will not be asked for again, and below ``floor`` the provider answers
    nothing. ``live_at`` is when the newest windows, or the list, were last asked for and whole;
    ``revision`` is that of the newest walk, and ``digest`` tells what the last live one said.
    ``projects`` are those that a list of them named as active. Of one that fails, ``attempts``
    counts how often, ``rest_until`` is when it is tried again, ``refusal`` the kind and ``message``
    the words of what is wrong.
    """

    settled_ranges: list[Range] = []
    floor: int = 0
    live_at: float = 0.0
    revision: int = 0
    digest: int = 0
    projects: list[str] = []
    walk: OpenWalk | None = None
    attempts: int = 0
    rest_until: float = 0.0
    refusal: str = ""
    message: str = ""


class SavedProgress(Struct):
    """What is kept between two runs."""

    parts: dict[str, Progress] = field(default_factory=dict)
    version: int = 1


DECODE: Final = msgspec.json.Decoder(SavedProgress).decode


def write_progress(parts: Mapping[str, Progress]) -> bytes:
    """Write what is kept, as JSON."""
    return msgspec.json.encode(SavedProgress(dict(sorted(parts.items()))))


def read_progress(saved: bytes | None, name: str) -> dict[str, Progress]:
    """Read what was kept; nothing is known where that is ``None``.

    Raises:
        BadInput: it is damaged; ``name`` says which file that is.
    """
    if saved is None:
        return {}
    try:
        found = DECODE(saved)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"found {error}, expected what this program wrote: remove the file to ask anew"
        raise BadInput("progress", message).name_place(name) from None
    if found.version != 1:
        message = f"found version {found.version}, expected 1: this program is too old for it"
        raise BadInput("progress", message).name_place(name)
    return found.parts
