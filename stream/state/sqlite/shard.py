"""Shards: what one worker's windows come to, in a file of its own above the state they began with.

A shard is written by its worker alone. What counts of it is decided by the main process, which
copies it into the state file. Without a state file a worker has one only once something leaves its
memory: it is a scratch file then, from which the report is read.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from heapq import merge
from itertools import chain as chain_of
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from msgspec.structs import replace

from stream.records.chains import Chain
from stream.records.shares import Share
from stream.records.tally import SavedTally
from stream.records.windows import Slot, Snapshot, Window
from stream.state.saved_series import Span
from stream.state.saved_state import SavedState
from stream.state.sqlite.store import Store
from stream.state.windows import Glance, Place

__all__ = ["Shard"]


class Shard(Store):
    """A worker's own state file; what it does not have is looked for in ``base``."""

    def __init__(self, path: Path, base: Path, share: Share) -> None:
        """Open the shard, and the state file that it began with.

        Of the state file's windows it shows those of the ``share`` alone.

        Raises:
            Unavailable, BadInput: as :class:`Store`.
        """
        super().__init__(path)
        self._share = share
        try:
            self._base = Store(base, read_only=True)
        except BaseException:
            super().close()
            raise

    def close(self) -> None:
        """Let go of both files."""
        super().close()
        self._base.close()

    def load(self) -> SavedState:
        """Return what the base holds beside windows; counts begin at zero."""
        return replace(self._base.load(), tally=SavedTally())

    def glance(self, place: Place) -> Glance | None:
        """Return what is known of a window without reading its rows."""
        return super().glance(place) or self._base.glance(place)

    def recall(self, place: Place) -> Snapshot | None:
        """Return a window; ``None`` when it is not there."""
        return super().recall(place) or self._base.recall(place)

    def last_window(self, chain: Chain, moment: int) -> Window | None:
        """Return the last of a chain's windows that starts by a moment; a shard folds none."""
        return self._base.last_window(chain, moment)

    def scan(
        self, chain: Chain, span: Window | None, but: Container[Slot]
    ) -> Iterator[tuple[Slot, Snapshot]]:
        """Yield a chain's windows in order; a window of the shard hides the base's."""
        others = ForeignSlots(self._share.days(chain.endpoint), but)
        own, base = super().scan(chain, span, but), self._base.scan(chain, span, others)
        by_slot = itemgetter(0)
        for _, alike in groupby(merge(own, base, key=by_slot), by_slot):
            yield next(alike)  # equal slots: own comes first

    def slots(self, chain: Chain) -> Iterator[Slot]:
        """Yield the slots of a chain's windows, in order."""
        others = ForeignSlots(self._share.days(chain.endpoint), ())
        base = (slot for slot in self._base.slots(chain) if slot not in others)
        yield from (slot for slot, _ in groupby(merge(super().slots(chain), base)))

    def _write_windows(
        self, windows: Iterable[tuple[Place, Snapshot]], raised: Mapping[Place, int]
    ) -> set[Span]:
        """Put windows into the tables; one of the base is raised as a copy."""
        own = dict(raised)
        copies = []
        for place, revision in raised.items():
            found = self._base.recall(place) if super().glance(place) is None else None
            if found is not None:
                copies.append((place, found._replace(revision=revision)))
                del own[place]
        return super()._write_windows(chain_of(copies, windows), own)


class ForeignSlots:
    """The slots that are not this worker's to count, and some more."""

    def __init__(self, mine: Callable[[int], bool] | None, more: Container[Slot]) -> None:
        """Take ``mine``, which tells days that are; without it all are."""
        self._mine = mine
        self._more = more

    def __contains__(self, slot: object) -> bool:
        return slot in self._more or (
            self._mine is not None and isinstance(slot, Slot) and not self._mine(slot.window.start)
        )
