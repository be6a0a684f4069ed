"""Fixture directories: chains are found by file name, and joined with what is known of them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from stream.figures.expectations import FILE as EXPECTATIONS
from stream.intake.entries import PageEntry
from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import Chain, Origin
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import shielded
from stream.sources.files import Fixture, PageFile
from stream.sources.lines import is_capture

__all__ = [
    "Delivery",
    "FixtureChain",
    "discover",
    "entry_named",
    "is_input",
    "parse_name",
    "recall",
]

COMPANIONS: Final = frozenset({"CHECKSUMS.sha256", "ENDPOINTS.md", "README.md", EXPECTATIONS})
"""What may stand beside fixtures without being one."""

EXPECTED: Final = ".expectations.json"

STEMS: Final[dict[str, Endpoint | ObjectList]] = {
    **{stem: endpoint for endpoint in ENDPOINTS.values() for stem in endpoint.stems},
    **{stem: entry for entry in LISTS.values() for stem in entry.stems},
}
LONGEST_FIRST: Final = sorted(STEMS, key=len, reverse=True)
PRIMARY: Final = "primary"
"""The label of files that name none."""
REST: Final = re.compile(
    r"(?:_fixture)?(?:_(?P<label>[^_].*?))??(?:_page(?P<page>[0-9]+))?", re.ASCII | re.DOTALL
)


class FixtureName(NamedTuple):
    """What a file name says: the registry's entry, the label, and the page's number."""

    entry: Endpoint | ObjectList
    label: str
    page: int


class FixtureChain(NamedTuple):
    """One chain's files in page order, and what is wrong with the set of them, by page."""

    entry: Endpoint | ObjectList
    origin: Origin
    files: Sequence[PageFile] = ()
    faults: Mapping[int, list[tuple[str, BadInput]]] = MappingProxyType({})
    missing: Sequence[int] = ()

    @property
    def chain(self) -> Chain:
        """The chain, wherever its files are."""
        return self.origin.chain


class Delivery(NamedTuple):
    """A page on the channel; without one, the chain has no more pages for now.

    A page that is replayed again has its windows moved on by ``shift`` seconds, in loop ``loop``.
    ``gone``: the page's file is no longer there.
    """

    chain: FixtureChain
    page: Fixture | None
    shift: int = 0
    loop: int = 0
    gone: bool = False


def parse_name(name: str) -> FixtureName | None:
    """Read a file name; ``None`` when it is no fixture's. The longest registered name wins."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or suffix != "json":
        return None
    for known in LONGEST_FIRST:
        if stem.startswith(known):
            match = REST.fullmatch(stem, len(known))
            if match:
                label = match["label"]
                if label:
                    label = shielded(os.fsencode(label).decode(errors="backslashreplace"))
                return FixtureName(STEMS[known], label or PRIMARY, int(match["page"] or 1))
    return None


def is_input(name: str) -> bool:
    """Tell whether a file of that name is read, or checked, in a fixture directory."""
    return name in COMPANIONS or beside_capture(name) or parse_name(name) is not None


def beside_capture(name: str) -> bool:
    """Tell whether a file is a capture, or its expectations; another source reads those."""
    return is_capture(name) or name.endswith(EXPECTED)


def entry_named(key: str) -> Endpoint | ObjectList:
    """Return the registry's entry of a chain's endpoint or list."""
    return ENDPOINTS.get(key) or LISTS[key]


def discover(directory: Path, source: str = "") -> tuple[list[FixtureChain], list[str]]:
    """Find the chains of a directory; return them, and the names of files that are no fixtures.

    Raises:
        Unavailable: the directory is not there, or cannot be read.
    """
    try:
        with os.scandir(directory) as entries:
            found = sorted(
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".")
            )
    except OSError as error:
        raise Unavailable(f"{directory}: the directory cannot be read ({error.strerror})") from None
    files: defaultdict[tuple[str, str], dict[int, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    entries_of: dict[str, Endpoint | ObjectList] = {}
    unknown = []
    for name, is_directory in found:
        parsed = parse_name(name)
        if parsed is not None:
            key = parsed.entry.key
            entries_of[key] = parsed.entry
            files[key, parsed.label][parsed.page].append(name)
        elif not is_directory and not (name in COMPANIONS or beside_capture(name)):
            unknown.append(name)
    return [
        chain_of(
            directory,
            FixtureChain(entries_of[key], Origin(source, Chain(key, label))),
            files[key, label],
        )
        for key, label in sorted(files)
    ], unknown


def chain_of(directory: Path, chain: FixtureChain, pages: Mapping[int, list[str]]) -> FixtureChain:
    """Put a chain's files in order, and name two files for one page, a page 0, and gaps."""
    faults = {}
    for number, names in sorted(pages.items()):
        if number < 1:
            zero = "found page 0, expected pages from 1 on"
            faults[number] = [(name, BadInput("page_number", zero)) for name in names]
        elif len(names) > 1:
            rivals = f"found two files for page {number} ({' and '.join(names)}), expected one"
            faults[number] = [(name, BadInput("two_files", rivals)) for name in names]
    files = [
        PageFile(number, directory, names[0])
        for number, names in sorted(pages.items())
        if len(names) == 1 and number > 0
    ]
    last = max(pages)
    missing = [number for number in range(1, min(last, len(pages) + 1)) if number not in pages]
    return chain._replace(files=files, faults=faults, missing=missing[:1])


def recall(
    chains: list[FixtureChain], known: Mapping[Origin, Mapping[int, PageEntry]]
) -> list[FixtureChain]:
    """Add what durable state has: pages whose files are gone, and chains without any file."""
    found = {chain.origin: chain for chain in chains}
    for origin in known.keys() - found.keys():
        found[origin] = FixtureChain(entry_named(origin.chain.endpoint), origin)
    return [with_known(found[origin], known.get(origin, {})) for origin in sorted(found)]


def with_known(chain: FixtureChain, known: Mapping[int, PageEntry]) -> FixtureChain:
    """Add to a chain what durable state has of its pages."""
    if not known:
        return chain
    there = {file.page: file._replace(pages=known) for file in chain.files}
    files = [
        there.get(number) or PageFile(number, None, "", known)
        for number in sorted(there.keys() | known.keys())
    ]
    missing = [number for number in chain.missing if number not in known]
    return chain._replace(files=files, missing=missing)
