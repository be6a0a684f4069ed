"""The pages that a capture's lines hold."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from stream.decode.foreign import foreign_bytes
from stream.records.chains import Chain
from stream.records.delivery import UNKNOWN_CHAIN, Page
from stream.records.errors import BadInput
from stream.sources.captures import Capture
from stream.sources.contents import entry_in, is_bare
from stream.sources.envelope import decode_envelope, foreign_line
from stream.sources.lines import Line
from stream.sources.names import NAMES_WANTED

__all__ = ["page_of"]

UNNAMED: Final = "found a page whose rows do not say of which endpoint they are"


def page_of(line: Line, capture: Capture) -> Page:
    """Return the page that a capture's line holds, or why there is none.

    A page without an envelope is of the endpoint that its rows name, or else of the capture's.
    """
    pieces, fault = line.pieces, line.error
    if fault is None:
        if not pieces or not pieces[0].startswith(b"{"):
            pieces = (line.content.lstrip(b"\0"),)
        try:
            one = decode_envelope(*pieces)
        except BadInput as error:
            content = b"".join(pieces)
            found = (entry_in(content) or capture.entry) if is_bare(content) else None
            if found is not None:
                chain = Chain(found.key, capture.label, capture.views.get(found.key, ""))
                page = Page(chain, line.number, content, final=line.final, is_bare=True)
                return replace(page, nul_bytes=line.nul_bytes)
            fault = fault_in(content, error)
        else:
            chain = Chain(one.entry.key, one.label, one.view)
            return Page(
                chain,
                line.number,
                one.payload,
                0,
                one.revision,
                one.cursor,
                None,
                line.final,
                nul_bytes=line.nul_bytes,
                ends_walk=one.ends_walk,
            )
    chain = Chain(UNKNOWN_CHAIN, capture.name)
    return Page(chain, line.number, b"", error=fault, final=line.final, nul_bytes=line.nul_bytes)


def fault_in(content: bytes, fault: BadInput) -> BadInput:
    """Say better what is wrong with a line that is no envelope, where that is known."""
    if is_bare(content):
        unnamed = BadInput("envelope", f"{UNNAMED}, expected a name as {NAMES_WANTED}")
        return foreign_line(content) or unnamed
    return foreign_bytes(content) or fault
