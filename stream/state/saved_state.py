"""What a state file holds beside its windows, and what a checkpoint puts into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field

from stream.records.chains import Chain, Link
from stream.records.delivery import Part
from stream.records.tally import SavedTally
from stream.records.windows import Snapshot
from stream.state.links import Letters, PagePlace
from stream.state.windows import Place

if TYPE_CHECKING:  # only runs that store something import it
    from stream.state.saved_series import SavedFigures, SavedSeries

__all__ = ["Checkpoint", "SavedState"]


class Checkpoint(Struct, frozen=True):
    """What has changed since the last checkpoint; it is stored whole, or not at all.

    A part without an entry is forgotten, and so is what the pages of parts that are
    ``forgotten_parts`` said before. ``objects`` is ``None`` when no list has changed.
    ``raised_revisions`` are windows whose revision alone has changed. Without ``figures`` nobody
    has worked out what the days of these windows come to.
    """

    parts: Mapping[Part, bytes | None]
    letters: Mapping[PagePlace, Letters]
    forgotten_parts: Iterable[Part]
    links: Iterable[tuple[Chain, Part, int, Link]]
    snapshots: Iterable[tuple[Place, Snapshot]]
    raised_revisions: Mapping[Place, int]
    objects: bytes | None
    tally: SavedTally
    figures: SavedFigures | None = None


class SavedState(Struct, frozen=True):
    """What a state file holds beside its windows; ``chains`` are those that have windows."""

    parts: dict[Part, bytes] = {}
    chains: set[Chain] = set()
    objects: bytes = b""
    tally: SavedTally = field(default_factory=SavedTally)
    series: list[SavedSeries] = []
    former_chains: frozenset[Chain] = frozenset()
