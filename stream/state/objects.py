"""The organization's objects, gathered from the pages of its lists.

Lists are walked again and again, so pages of walks are not kept: what those of a list say is added
up, by id. What was defined once stays defined, as its usage stays. Pages of which nobody knows when
they were fetched are kept one by one, as a changed file takes back what it said before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.msgpack import decode, encode

from stream.providers.endpoint import Kind

__all__ = ["ListPlace", "ObjectPages", "Objects", "Reference"]

Reference = tuple[Kind, str]
ListPlace = tuple[str, str, str, int]
"""A page of a list: the list's name, the source and the part that it stands in, and where there."""
Definitions = dict[str | None, frozenset[Reference]]
"""What each element of a list refers to, by its id."""
ObjectPages = dict[ListPlace, Definitions]
"""What each page of a list defines, and refers to."""
WALKED: Final = -1
"""Where what all walks over a list have said is kept, in the place of a page."""


class NameClaim(Struct, frozen=True, array_like=True):
    """What a page calls a project; of several claims the latest walk's holds.

    Of one moment it is the last name in the order of texts, wherever that stands.
    """

    revision: int
    place: ListPlace
    name: str

    @property
    def rank(self) -> tuple[int, str, ListPlace]:
        """What orders claims."""
        return self.revision, self.name, self.place


class SavedList(Struct, array_like=True):
    """A page, or what walks over a list have said, as a state file has it."""

    place: ListPlace
    elements: list[tuple[str | None, list[Reference]]]
    claims: list[tuple[str, NameClaim]] = []


class Objects:
    """What each list has said: its walks together, and each page that has no revision."""

    def __init__(self) -> None:
        """Start with no list."""
        self.pages: ObjectPages = {}
        self.has_changed = False
        """Whether a checkpoint has not seen all of it yet."""
        self._claims: dict[ListPlace, dict[str, NameClaim]] = {}
        self._names: dict[str, str] | None = None

    def take(
        self,
        place: ListPlace,
        elements: Iterable[tuple[str | None, frozenset[Reference], str | None]],
        revision: int = 0,
    ) -> None:
        """Take a page of a list; without a revision it is in the place of what it said before."""
        kept = (place[0], "", "", WALKED) if revision else place
        if not revision:
            self.pages[kept], self._claims[kept] = {}, {}
            self.has_changed, self._names = True, None
        known, claims = self.pages.setdefault(kept, {}), self._claims.setdefault(kept, {})
        for one, references, name in elements:
            before = known.get(one)
            if before is None or not references <= before:
                known[one] = (before or frozenset()) | references
                self.has_changed = True
            if one is not None and name is not None:
                claim = NameClaim(revision, place, name)
                if one not in claims or claims[one].rank < claim.rank:
                    claims[one], self.has_changed, self._names = claim, True, None

    def freeze_pages(self) -> ObjectPages:
        """Return what has been gathered; nothing in it changes afterwards."""
        return {place: dict(elements) for place, elements in self.pages.items()}

    @property
    def project_names(self) -> Mapping[str, str]:
        """The name of each project by its id, as the latest walk has it that has one."""
        if self._names is None:
            held: dict[str, NameClaim] = {}
            for claims in self._claims.values():
                for one, claim in claims.items():
                    held[one] = max(held.get(one, claim), claim, key=lambda found: found.rank)
            self._names = {one: held[one].name for one in sorted(held)}
        return self._names

    def saved_objects(self) -> bytes:
        """Return what has been gathered, for a state file."""
        return encode(
            [
                SavedList(
                    place,
                    [(one, sorted(elements[one])) for one in sorted(elements, key=order_of)],
                    sorted(self._claims.get(place, {}).items()),
                )
                for place, elements in sorted(self.pages.items())
            ]
        )

    def restore(self, saved: bytes) -> None:
        """Take over what :meth:`saved_objects` returned; a file without lists has no byte of it.

        A page says that in the place of what it said before, and walks say it beside that.
        """
        for found in decode(saved, type=list[SavedList]) if saved else ():
            if found.place[-1] != WALKED:
                self.pages[found.place], self._claims[found.place] = {}, {}
            known = self.pages.setdefault(found.place, {})
            for one, references in found.elements:
                known[one] = known.get(one, frozenset()).union(references)
            claims = self._claims.setdefault(found.place, {})
            for name, claim in found.claims:
                claims[name] = max(claims.get(name, claim), claim, key=lambda one: one.rank)
        self.has_changed, self._names = False, None


def order_of(one: str | None) -> tuple[bool, str]:
    """Order ids, what has none first."""
    return one is not None, one or ""
