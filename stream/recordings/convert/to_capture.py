"""A directory of fixtures becomes a capture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from stream.figures.expectations import FILE as EXPECTATIONS
from stream.pipeline import Observer
from stream.recordings.convert.chains import Chains, Conversion, expectations_at
from stream.records.capture_line import line_of
from stream.records.chains import Chain
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import spell_name
from stream.sinks.atomic import atomic_file, open_together
from stream.sinks.captures import capture_file
from stream.sources.captures import captures_in, expectations_beside
from stream.sources.digests import Digests
from stream.sources.discovery import FixtureChain, discover_chains
from stream.sources.files import read_pages, several_pages
from stream.sources.folder_views import Views

__all__ = ["to_capture"]


async def to_capture(  # noqa: PLR0913, PLR0917 -- what a capture says of pages, and their bounds
    directory: Path,
    out: Path,
    revision: int,
    views: Views | None,
    max_page_bytes: int,
    observer: Observer,
) -> Conversion:
    """Write a directory of fixtures as a capture of one walk for each chain.

    ``revision`` is when they were asked for, in microseconds since 1970, or 0. ``views`` are what
    they were asked with; ``None``: what a file beside them says, if there is one.

    Raises:
        BadInput: a page, or the set of pages, cannot be trusted; nothing is written.
        Unavailable: the fixtures cannot be read, or the capture not written.
    """
    chains = chains_in(directory, views, observer)
    observer.on_total(sum(len(chain.files) for chain in chains))
    expected = expectations_at(directory / EXPECTATIONS)
    beside = expectations_beside(out)
    if expected is None and beside.exists():
        raise Unavailable(f"{beside}: stands there already, and {directory} has no expectations")
    followed = Chains()
    async with open_together() as files:
        if expected is not None:
            copy = await files.enter_async_context(atomic_file(beside))
            await copy.write(expected)
        capture = await files.enter_async_context(capture_file(out))
        for chain in chains:
            async for line in lines_of(chain, followed, revision, max_page_bytes):
                observer.on_page(chain.chain.endpoint)
                await capture.write(line)
    return Conversion(spell_name(str(out)), len(followed), followed.pages, expected is not None)


def chains_in(directory: Path, views: Views | None, observer: Observer) -> list[FixtureChain]:
    """Find the chains of a directory, each with all its pages from 1 on, and with its view.

    Raises:
        BadInput: two files are one page, a page is missing, or there is none at all; or what says
            how they were asked for is broken, and ``views`` do not.
        Unavailable: the directory cannot be read.
    """
    survey = discover_chains(directory)
    chains = survey.chains if views is None else [put_view(one, views) for one in survey.chains]
    for fault in survey.request_faults if views is None else ():
        raise fault
    for capture in captures_in(directory):
        raise BadInput("file", "found a capture, expected fixtures alone").name_place(capture.name)
    for one in survey.left_out:
        observer.on_left_out(one.name, "its name is no fixture's")
    for chain in chains:
        for faults in chain.faults.values():
            name, error = faults[0]
            raise error.name_place(spell_name(name))
        for page in chain.missing_pages:
            found = f"found no page {page}, expected pages 1 to {chain.files[-1].page}"
            raise BadInput("gap", found).name_place(f"chain {chain.chain}")
    if not chains:
        raise BadInput("no_fixtures", f"found no fixtures in {directory}, expected some")
    return chains


def put_view(found: FixtureChain, views: Views) -> FixtureChain:
    """Return a chain with the view that its endpoint has."""
    endpoint = found.chain.endpoint
    return replace(found, chain=found.chain._replace(view=views.get(endpoint, "")))


def request_of(chain: Chain, cursor: str | None) -> dict[str, Any] | None:
    """Return the query of a chain's page, as its view and its cursor say; ``None``: not known."""
    if not chain.view:
        return None
    query: dict[str, Any] = msgspec.json.decode(chain.view)
    return query if cursor is None else {**query, "page": cursor}


async def lines_of(
    chain: FixtureChain, followed: Chains, revision: int, max_page_bytes: int
) -> AsyncIterator[bytes]:
    """Yield the lines of a chain's pages in order.

    Raises:
        BadInput: a file is no page, or one that the page before it does not lead to.
        Unavailable: a file cannot be read.
    """
    async for page in read_pages(chain.files, max_page_bytes, Digests(is_compared=True)):
        try:
            if page.error:
                raise page.error
            if not page.is_page:
                raise several_pages()
            request = request_of(chain.chain, followed.cursor_to(chain.chain))
            followed.add(chain.chain, page.content)
            yield line_of(chain.chain.endpoint, chain.chain.label, revision, request, page.content)
        except BadInput as error:
            where = f"{spell_name(page.file.name)} (page {page.file.page} of {chain.chain})"
            raise error.name_place(where) from None
