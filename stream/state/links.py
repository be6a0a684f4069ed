"""What pages say of their walks, held as bytes until a store has it: there may be a great many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, TypeAlias

import msgspec

from stream.records.chains import Chain, Link
from stream.records.delivery import Part

__all__ = ["HeldLinks", "Letters", "LinksOfWalk", "PagePlace", "WalkKey", "group_links"]

PagePlace: TypeAlias = tuple[Part, int]
"""A page: the part that it stands in, and where there."""
Letters: TypeAlias = tuple[Chain, list[bytes]]
"""A page's dead letters, and the chain that they are counted with."""
WalkKey: TypeAlias = tuple[Chain, int]
"""One pass over a chain: the chain, and its revision."""

LinksOfWalk: TypeAlias = tuple[WalkKey, Iterator[tuple[Part, Link]]]
"""A walk, and what its pages say, each with the part that it stands in."""

ENCODE: Final = msgspec.msgpack.Encoder().encode
DECODE: Final = msgspec.msgpack.Decoder(Link).decode


class HeldLinks:
    """Links by walk and page; a page that comes again takes the place of what it was."""

    def __init__(self) -> None:
        """Hold none."""
        self.packed_links: dict[WalkKey, dict[PagePlace, bytes]] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many links there are."""
        return self._count

    def put(self, part: Part, place: int, chain: Chain, link: Link) -> None:
        """Take a link."""
        walk = chain, link.revision
        links = self.packed_links.get(walk)
        if links is None:
            links = self.packed_links[walk] = {}
        links[part, place] = ENCODE(link)
        self._count += 1

    def update(self, other: HeldLinks) -> None:
        """Take all links of another."""
        for walk, links in other.packed_links.items():
            self.packed_links.setdefault(walk, {}).update(links)
        self._count += len(other)

    def forget(self, part: Part) -> None:
        """Drop the links of a part."""
        for links in self.packed_links.values():
            for key in [one for one in links if one[0] == part]:
                del links[key]

    def by_walk(self) -> Iterator[LinksOfWalk]:
        """Yield every walk, in order, with its links."""
        for walk in sorted(self.packed_links):
            links = self.packed_links[walk].items()
            yield walk, ((part, DECODE(packed)) for (part, _), packed in links)

    def rows(self) -> Iterator[tuple[Chain, Part, int, Link]]:
        """Yield every link, with its page, in the order of walks."""
        for walk in sorted(self.packed_links):
            for (part, place), packed in self.packed_links[walk].items():
                yield walk[0], part, place, DECODE(packed)


def group_links(links: Iterable[tuple[Chain, Part, Link]]) -> Iterator[LinksOfWalk]:
    """Yield links by walk, in whose order they come; to ask for the next ends the one before."""
    for walk, found in groupby(links, key=lambda one: (one[0], one[2].revision)):
        yield walk, ((part, link) for _, part, link in found)
