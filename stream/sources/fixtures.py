"""Fixture directories: chains found by file name, and read a few small files at a time."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import aiofiles.os

from stream.endpoints import ENDPOINTS, LISTS, Endpoint, ObjectList
from stream.errors import BadInput, Unavailable
from stream.figures import PageEntry
from stream.privacy import masked_text, shielded
from stream.records import Chain

__all__ = [
    "Fixture",
    "FixtureChain",
    "discover",
    "is_input",
    "parse_name",
    "read_chain",
    "read_regular",
    "recall",
]

COMPANIONS: Final = frozenset(
    {"CHECKSUMS.sha256", "ENDPOINTS.md", "README.md", "expectations.json"}
)
"""What may stand beside fixtures without being one."""

STEMS: Final[dict[str, Endpoint | ObjectList]] = {
    **{stem: endpoint for endpoint in ENDPOINTS.values() for stem in endpoint.stems},
    **{stem: entry for entry in LISTS.values() for stem in entry.stems},
}
LONGEST_FIRST: Final = sorted(STEMS, key=len, reverse=True)
REST: Final = re.compile(
    r"(?:_fixture)?(?:_(?P<label>[^_].*?))??(?:_page(?P<page>[0-9]+))?", re.ASCII | re.DOTALL
)

BATCH_FILES: Final = 32
BATCH_BYTES: Final = 1024 * 1024


class FixtureName(NamedTuple):
    """What a file name says: the registry's entry, the label, and the page's number."""

    entry: Endpoint | ObjectList
    label: str
    page: int


class Fixture(NamedTuple):
    """One page as it was read; ``error`` instead of a payload when the file cannot be a page."""

    name: str
    page: int
    payload: bytes
    sha256: str | None
    error: BadInput | None = None
    signature: str | None = None
    known: PageEntry | None = None
    """What durable state has of this page; with no payload it is all there is to know."""


class PageFile(NamedTuple):
    """Where a page is read from; ``path`` is ``None`` for one that only durable state still has."""

    page: int
    path: Path | None
    known: PageEntry | None = None


class FixtureChain(NamedTuple):
    """One chain's files in page order, and what is wrong with the set of them."""

    entry: Endpoint | ObjectList
    chain: Chain
    files: list[PageFile]
    faults: list[tuple[int, str, BadInput]]
    missing: list[int]


def parse_name(name: str) -> FixtureName | None:
    """Read a file name; ``None`` when it is no fixture's. The longest registered name wins."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or suffix != "json":
        return None
    for known in LONGEST_FIRST:
        if stem.startswith(known):
            match = REST.fullmatch(stem, len(known))
            if match:
                label = os.fsencode(match["label"] or "primary").decode(errors="backslashreplace")
                label = shielded(label)
                return FixtureName(STEMS[known], label, int(match["page"] or 1))
    return None


def is_input(name: str) -> bool:
    """Tell whether a file of that name is read, or checked, in a fixture directory."""
    return name in COMPANIONS or parse_name(name) is not None


def discover(directory: Path) -> tuple[list[FixtureChain], list[str]]:
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
            key = parsed.entry.key if isinstance(parsed.entry, Endpoint) else parsed.entry.name
            entries_of[key] = parsed.entry
            files[key, parsed.label][parsed.page].append(name)
        elif name not in COMPANIONS and not is_directory:
            unknown.append(name)
    return [
        chain_of(directory, entries_of[key], Chain(key, label), files[key, label])
        for key, label in sorted(files)
    ], unknown


def chain_of(
    directory: Path, entry: Endpoint | ObjectList, chain: Chain, pages: dict[int, list[str]]
) -> FixtureChain:
    """Put a chain's files in order, and name two files for one page, a page 0, and gaps."""
    faults = []
    for number, names in sorted(pages.items()):
        if number < 1:
            zero = "found page 0, expected pages from 1 on"
            faults += [(number, name, BadInput("page_number", zero)) for name in names]
        elif len(names) > 1:
            rivals = f"found two files for page {number} ({' and '.join(names)}), expected one"
            faults += [(number, name, BadInput("two_files", rivals)) for name in names]
    files = [
        PageFile(number, directory / names[0])
        for number, names in sorted(pages.items())
        if len(names) == 1 and number > 0
    ]
    last = max(pages)
    missing = [number for number in range(1, min(last, len(pages) + 1)) if number not in pages]
    return FixtureChain(entry, chain, files, faults, missing[:1])


def recall(
    chains: list[FixtureChain], known: Mapping[Chain, Mapping[int, PageEntry]]
) -> list[FixtureChain]:
    """Add what durable state has: pages whose files are gone, and chains without any file."""
    found = {chain.chain: chain for chain in chains}
    for name in sorted(known.keys() - found.keys()):
        entry = ENDPOINTS.get(name.endpoint) or LISTS[name.endpoint]
        found[name] = FixtureChain(entry, name, [], [], [])
    return [with_known(found[name], known.get(name, {})) for name in sorted(found)]


def with_known(chain: FixtureChain, known: Mapping[int, PageEntry]) -> FixtureChain:
    """Add to a chain what durable state has of its pages."""
    paths = {file.page: file.path for file in chain.files}
    files = [
        PageFile(number, paths.get(number), known.get(number))
        for number in sorted(paths.keys() | known.keys())
    ]
    missing = [number for number in chain.missing if number not in known]
    return chain._replace(files=files, missing=missing)


async def read_chain(chain: FixtureChain, max_bytes: int) -> AsyncIterator[Fixture]:
    """Read a chain's pages in order; small files share one hop to a thread.

    Raises:
        Unavailable: a file is gone, or may not be read.
    """
    read = aiofiles.os.wrap(read_batch)
    position = 0
    while position < len(chain.files):
        batch: list[Fixture] = await read(chain.files[position : position + BATCH_FILES], max_bytes)
        position += len(batch)
        while batch:
            yield batch.pop(0)


def spelled(name: str) -> str:
    """Return a file name as it may be written: bytes that are no UTF-8 escaped, secrets masked."""
    return masked_text(os.fsencode(name).decode(errors="backslashreplace"))


def read_batch(files: list[PageFile], max_bytes: int) -> list[Fixture]:
    """Read files until they come to :data:`BATCH_BYTES`; at least one."""
    batch: list[Fixture] = []
    total = 0
    for file in files:
        batch.append(read_page(file, max_bytes))
        total += len(batch[-1].payload)
        if total >= BATCH_BYTES:
            break
    return batch


def read_page(file: PageFile, max_bytes: int) -> Fixture:
    """Read a page, unless durable state has it as it is."""
    number, path, known = file
    if known is not None and (path is None or signature_of(path) == known.signature):
        return Fixture(known.name, number, b"", known.sha256, None, known.signature, known)
    if path is None:
        raise Unavailable(f"page {number} is gone")
    name, signature = spelled(path.name), signature_of(path)
    try:
        payload = read_regular(path, max_bytes)
    except BadInput as error:
        return Fixture(name, number, b"", None, error, None, known)
    digest = hashlib.sha256(payload).hexdigest()
    if known is not None and known.sha256 == digest:
        payload = b""
    return Fixture(name, number, payload, digest, None, signature, known)


def signature_of(path: Path) -> str | None:
    """Return what changes when a file is written again; ``None`` when it is not there."""
    try:
        status = path.lstat()
    except OSError:
        return None
    times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
    return f"{status.st_size}:{times}:{status.st_dev}:{status.st_ino}"


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most ``max_bytes``; a link is not followed, a FIFO not waited for.

    Raises:
        BadInput: it is no regular file, or too large.
        Unavailable: it is gone, or may not be read.
    """
    try:
        if stat.S_ISLNK(path.lstat().st_mode):
            raise BadInput("file", "found a symbolic link, expected a regular file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BadInput("file", "found no regular file, expected one")
            with open(descriptor, "rb", buffering=0, closefd=False) as file:
                payload = file.readall() if status.st_size <= max_bytes else b""
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be read ({error.strerror})") from None
    size = max(status.st_size, len(payload))
    if size > max_bytes:
        raise BadInput(
            "size", f"found {size} bytes, expected at most {max_bytes} (--max-page-bytes)"
        )
    return payload
