"""Parts that are to be read again, as somebody has mended what was wrong with their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stream.intake.account import Account
from stream.records.delivery import Part
from stream.state.saved_state import Checkpoint
from stream.state.sqlite.store import Store

__all__ = ["retry_parts"]


def retry_parts(
    store: Store, parts: Iterable[Part], restart: Callable[[str, bytes], bytes]
) -> list[Part]:
    """Let parts be read from their start by whoever opens the state next; return which those are.

    What they brought counts until then, and what they bring again counts once. ``restart`` makes a
    part's position the one of a part of which nothing was read.

    Raises:
        BadInput, Unavailable: the state file is damaged, or cannot be written.
    """
    saved, account, found = store.load(), Account(), []
    account.restore(saved.parts, counted=True)
    for part in sorted(set(parts)):
        entry = account.find(part)
        if entry is not None:
            entry.position, entry.is_retried = restart(part.name, entry.position), True
            account.touch(part, entry)
            found.append(part)
    store.save(Checkpoint(account.changes(), {}, (), (), (), {}, None, saved.tally))
    return found
