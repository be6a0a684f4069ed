"""What does not work now, by source: said once when it begins, and once when it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from stream.daemon.events import Event, log_event
from stream.records.privacy import one_line

__all__ = ["KINDS", "Kind", "Trouble", "Troubles", "fields_of"]

Kind: TypeAlias = Literal["directory", "file", "chain", "key", "endpoint"]
KINDS: Final[tuple[Kind, ...]] = ("directory", "file", "chain", "key", "endpoint")
ENDED: Final[Mapping[Kind, Event]] = {
    "directory": "source_works",
    "file": "file_works",
    "chain": "chain_goes_on",
    "key": "key_accepted",
    "endpoint": "endpoint_works",
}
FIELDS: Final[Mapping[Kind, str]] = {
    "directory": "file",
    "file": "file",
    "chain": "chain",
    "endpoint": "endpoint",
}
"""In which field of a log line the thing's name stands; a key's name is that of its source."""


class Trouble(NamedTuple):
    """Something of a source that does not work: what kind of thing it is, its name, and why."""

    source: str
    kind: Kind
    name: str
    message: str


class Troubles:
    """Knows what does not work: directories, files that cannot be read, chains that stopped."""

    def __init__(self) -> None:
        """Know of no source yet."""
        self._found: dict[tuple[str, Kind], dict[str, str]] = {}

    def note(self, source: str, kind: Kind, found: Mapping[str, str]) -> list[Trouble]:
        """Take what is wrong with a source's things of a kind now; return what has begun."""
        known = self._found.get((source, kind), {})
        for one in [one for one in self.of_kind(kind, source) if one.name not in found]:
            said = f"{one.name}: works again" if kind in FIELDS else "the key is accepted again"
            log_event("info", ENDED[kind], said, **fields_of(one))
        self._found[source, kind] = {name: one_line(message) for name, message in found.items()}
        return [one for one in self.of_kind(kind, source) if one.name not in known]

    def forget(self, source: str) -> None:
        """Know nothing of a source any more, which the settings have no longer."""
        for kind in KINDS:
            for one in self.of_kind(kind, source):
                log_event("info", ENDED[kind], f"{source}: is no source any more", **fields_of(one))
            self._found.pop((source, kind), None)

    def of_kind(self, kind: Kind, source: str | None = None) -> Iterator[Trouble]:
        """Yield what is wrong with things of a kind, of all sources or of one, in order."""
        for (owner, one), found in sorted(self._found.items()):
            if one == kind and source in {None, owner}:
                for name, message in sorted(found.items()):
                    yield Trouble(owner, kind, name, message)

    def counts(self, kind: Kind) -> dict[str, int]:
        """Return how many things of a kind are in trouble, of each source that is known."""
        return {owner: len(found) for (owner, one), found in self._found.items() if one == kind}

    def __iter__(self) -> Iterator[Trouble]:
        """Yield everything that is wrong."""
        for kind in KINDS:
            yield from self.of_kind(kind)

    def sentences(self) -> list[str]:
        """Return what the report has to name; chains it names by itself."""
        return [f"{one.message}." for one in self if one.kind != "chain"]


def fields_of(trouble: Trouble) -> dict[str, str]:
    """Return what a log line has beside its sentence: the source, and the thing's name."""
    named = {FIELDS[trouble.kind]: trouble.name} if trouble.kind in FIELDS else {}
    return {"source": trouble.source, **named}
