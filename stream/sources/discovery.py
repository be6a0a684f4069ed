"""What a directory of fixtures holds: chains, found by file names, and faults among the files."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import PRIMARY, Chain
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import shield_value
from stream.sources.captures import Capture, captures_in, is_capture
from stream.sources.files import EXPECTATIONS, PageFile

__all__ = [
    "FixtureChain",
    "FixtureName",
    "captures_alone",
    "discover_chains",
    "is_input",
    "parse_name",
]

COMPANIONS: Final = frozenset({"CHECKSUMS.sha256", "ENDPOINTS.md", "README.md", EXPECTATIONS})
"""What may stand beside fixtures without being one."""

EXPECTED: Final = ".expectations.json"

STEMS: Final[dict[str, Endpoint | ObjectList]] = {
    **{stem: endpoint for endpoint in ENDPOINTS.values() for stem in endpoint.stems},
    **{stem: entry for entry in LISTS.values() for stem in entry.stems},
}
LONGEST_FIRST: Final = sorted(STEMS, key=len, reverse=True)
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

    chain: Chain
    directory: Path
    files: Sequence[PageFile] = ()
    faults: Mapping[int, list[tuple[str, BadInput]]] = MappingProxyType({})
    missing_pages: Sequence[int] = ()


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
                    label = shield_value(os.fsencode(label).decode(errors="backslashreplace"))
                return FixtureName(STEMS[known], label or PRIMARY, int(match["page"] or 1))
    return None


def is_input(name: str) -> bool:
    """Tell whether a file of that name is read, or checked, in a fixture directory."""
    return name in COMPANIONS or beside_capture(name) or parse_name(name) is not None


def beside_capture(name: str) -> bool:
    """Tell whether a file is a capture, or its expectations; another source reads those."""
    return is_capture(name) or name.endswith(EXPECTED)


def discover_chains(directory: Path) -> tuple[list[FixtureChain], list[str]]:
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
    unknown = []
    for name, is_directory in found:
        parsed = parse_name(name)
        if parsed is not None:
            key = parsed.entry.key
            files[key, parsed.label][parsed.page].append(name)
        elif not is_directory and not (name in COMPANIONS or beside_capture(name)):
            unknown.append(name)
    return [
        chain_of(
            FixtureChain(Chain(key, label), directory),
            files[key, label],
        )
        for key, label in sorted(files)
    ], unknown


def chain_of(chain: FixtureChain, pages: Mapping[int, list[str]]) -> FixtureChain:
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
        PageFile(number, chain.directory, names[0])
        for number, names in sorted(pages.items())
        if len(names) == 1 and number > 0
    ]
    last = max(pages)
    missing = [number for number in range(1, min(last, len(pages) + 1)) if number not in pages]
    return chain._replace(files=files, faults=faults, missing_pages=missing[:1])


def captures_alone(place: Path) -> list[Capture]:
    """Return the captures in a directory, for one who reads no fixtures.

    Raises:
        BadInput: there are fixtures too, which a replay would count.
        Unavailable: the directory cannot be read.
    """
    captures = captures_in(place)
    for name in sorted(os.listdir(place)) if place.is_dir() else ():  # noqa: PTH208 -- only names are wanted
        if parse_name(name) is not None:
            wanted = "expected captures alone: usage-stream capture makes one of fixtures"
            raise BadInput("captures", f"found {name}, which is a fixture; {wanted}").name_place(
                str(place)
            )
    return captures
