"""A capture becomes a directory of fixtures, where fixtures can hold what it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import aiofiles.os
import msgspec

from stream.figures.expectations import FILE as EXPECTATIONS
from stream.pipeline import Observer
from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS
from stream.recordings.convert.chains import Chains, Conversion, expectations_at
from stream.records.chains import PRIMARY, Chain
from stream.records.errors import BadInput
from stream.records.privacy import spell_name
from stream.sinks.directory import atomic_directory
from stream.sources.captures import expectations_beside
from stream.sources.discovery import FixtureName, parse_name
from stream.sources.envelope import Envelope, decode_envelope
from stream.sources.lines import CaptureReader, Line
from stream.sources.names import REQUEST

__all__ = ["to_fixtures"]

LONGEST_NAME: Final = 255


async def to_fixtures(
    capture: Path, out: Path, max_page_bytes: int, observer: Observer
) -> Conversion:
    """Write a capture as a directory of fixtures, with its checksums.

    Raises:
        BadInput: a line is no page, or something that fixtures cannot hold; nothing is written.
        Unavailable: the capture cannot be read, or the directory not written.
    """
    expected = expectations_at(expectations_beside(capture))
    unfolding = FixtureMaker(spell_name(capture.name))
    async with atomic_directory(out) as drawer:
        with open_capture(capture, max_page_bytes) as reader:
            read = aiofiles.os.wrap(reader.read_lines)
            while lines := await read():
                for line in lines:
                    name, content = unfolding.fixture_of(line)
                    await drawer.put(name, content)
                    observer.on_page(name)
        if not unfolding.chains.pages:
            raise BadInput("no_pages", "found no pages, expected some").name_place(unfolding.name)
        if expected is not None:
            await drawer.put(EXPECTATIONS, expected)
        if (request := unfolding.request_of_all()) is not None:
            await drawer.put(REQUEST, request)
    followed = unfolding.chains
    return Conversion(spell_name(str(out)), len(followed), followed.pages, expected is not None)


def open_capture(capture: Path, max_page_bytes: int) -> CaptureReader:
    """Open a capture.

    Raises:
        BadInput: it is no regular file.
        Unavailable: it is gone, or may not be read.
    """
    try:
        return CaptureReader(capture, max_page_bytes)
    except BadInput as error:
        raise error.name_place(spell_name(capture.name)) from None


class FixtureMaker:
    """Makes a fixture of each line, as long as fixtures can hold what the lines say."""

    def __init__(self, name: str) -> None:
        """Start before the first line; ``name`` is the capture's."""
        self.name = name
        self.chains = Chains()
        self._views: dict[str, str] = {}
        self._revisions: dict[str, int] = {}

    def fixture_of(self, line: Line) -> tuple[str, bytes]:
        """Return the name and the content of a line's fixture.

        Raises:
            BadInput: the line is no page, or fixtures cannot hold it beside those before it.
        """
        try:
            if line.error:
                raise line.error
            envelope = decode_envelope(*line.pieces)
            entry, label = envelope.entry, envelope.label
            chain = Chain(entry.key, label)
            self._compare(envelope, chain)
            number = self.chains.add(chain, envelope.payload, envelope.cursor)
            return name_of(entry, label, number), envelope.payload + b"\n"
        except BadInput as error:
            raise error.name_place(f"{self.name} (line {line.number})") from None

    def _compare(self, envelope: Envelope, chain: Chain) -> None:
        """See that all lines of an endpoint are of one revision, and of one view.

        Raises:
            BadInput: they are not, and fixtures could not tell.
        """
        first = self._revisions.setdefault(chain.endpoint, envelope.revision)
        if first != envelope.revision:
            raise BadInput(
                "revisions",
                f"found another time than in the lines of {chain.endpoint} before, "
                "expected one: fixtures hold one revision",
                path="$.observed_at",
            )
        if self._views.setdefault(chain.endpoint, envelope.view) != envelope.view:
            raise BadInput(
                "views",
                f"found other groups or filters than in the lines of {chain.endpoint} before, "
                f"expected one view: {REQUEST} says it of an endpoint",
                path="$.request",
            )

    def request_of_all(self) -> bytes | None:
        """Return what goes beside the fixtures: what they were asked with, where it is known."""
        known = {
            endpoint: msgspec.Raw(view.encode())
            for endpoint, view in self._views.items()
            if view and endpoint in ENDPOINTS
        }
        if not known:
            return None
        return msgspec.json.format(msgspec.json.encode(known, order="sorted")) + b"\n"


def name_of(entry: Endpoint | ObjectList, label: str, page: int) -> str:
    """Return a fixture's file name, which reads back as what it was made of.

    Raises:
        BadInput: the label cannot be a part of it.
    """
    stem = entry.key.replace("/", "_") if isinstance(entry, Endpoint) else entry.stems[0]
    named = "" if label == PRIMARY else f"_{label}"
    name = f"{stem}_fixture{named}{f'_page{page}' if page > 1 else ''}.json"
    usable = name.isprintable() and not {"/", "\\"} & set(name)
    if (
        not usable
        or len(os.fsencode(name)) > LONGEST_NAME
        or parse_name(name) != FixtureName(entry, label, page)
    ):
        shown = spell_name(label)
        raise BadInput(
            "label", f'found "{shown}", expected what a file\'s name can hold', path="$.label"
        )
    return name
