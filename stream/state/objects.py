"""The organization's objects, gathered from the pages of its lists."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.msgpack import decode, encode

from stream.providers.endpoint import Kind

__all__ = ["ListPlace", "ObjectPages", "Objects", "Reference"]

Reference = tuple[Kind, str]
ListPlace = tuple[str, str, str, int]
"""A page of a list: the list's name, the source and the part that it stands in, and where there."""
ObjectPages = dict[ListPlace, dict[str | None, frozenset[Reference]]]
"""What each page of a list defines, and refers to."""
SavedObjects = list[tuple[ListPlace, list[tuple[str | None, list[Reference]]]]]


class Objects:
    """What each page of a list said last."""

    def __init__(self) -> None:
        """Start with no list."""
        self.pages: ObjectPages = {}
        self.has_changed = False
        """Whether a checkpoint has not seen all of it yet."""

    def take(
        self, place: ListPlace, elements: Iterable[tuple[str | None, frozenset[Reference]]]
    ) -> None:
        """Take a page of a list, in the place of what it said before."""
        known: dict[str | None, frozenset[Reference]] = {}
        for one, references in elements:
            known[one] = known.get(one, frozenset()) | references
        self.pages[place] = known
        self.has_changed = True

    def saved_objects(self) -> bytes:
        """Return what has been gathered, for a state file."""
        return encode(
            [
                (place, [(one, sorted(references)) for one, references in elements.items()])
                for place, elements in sorted(self.pages.items())
            ]
        )

    def restore(self, saved: bytes) -> None:
        """Take over what :meth:`saved_objects` returned."""
        for place, elements in decode(saved, type=SavedObjects):
            self.take(place, ((one, frozenset(found)) for one, found in elements))
        self.has_changed = False
