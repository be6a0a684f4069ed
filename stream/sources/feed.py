"""The producers: one for each chain and capture, of which a bounded number reads at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import anyio
from msgspec.structs import replace

from stream.intake.entries import CaptureEntry
from stream.intake.reading import Captured, LineDelivery
from stream.records.errors import BadInput
from stream.records.shares import ALL
from stream.sources.captures import read_capture
from stream.sources.channel import Channel
from stream.sources.files import read_pages
from stream.sources.fixtures import Delivery, FixtureChain
from stream.sources.lines import Capture, Line

__all__ = ["Inputs", "produce_all"]

CHAINS_AT_ONCE: Final = 4


class Inputs(NamedTuple):
    """What is to be read."""

    chains: list[FixtureChain]
    captures: list[Capture]


async def produce_all(
    inputs: Inputs,
    channel: Channel[Delivery | LineDelivery],
    intake: Captured,
    max_bytes: int,
) -> None:
    """Read a bounded number of chains at once; a chain that waits for its turn holds no page."""
    turns = anyio.Semaphore(CHAINS_AT_ONCE)
    # One of several workers gives each page its digest, and all where dead letters name it.
    digests = ALL.digests if intake.tolerant else intake.share.digests
    intake.recall_captures({capture.source for capture in inputs.captures})
    async with anyio.create_task_group() as producers:
        for chain in inputs.chains:
            await turns.acquire()
            producers.start_soon(produce, chain, channel, max_bytes, turns, digests)
        for capture in inputs.captures:
            await turns.acquire()
            entry = intake.open_capture(capture)
            if entry is None:
                turns.release()
            else:
                producers.start_soon(produce_lines, capture, entry, channel, max_bytes, turns)
    channel.end()


async def produce_lines(
    capture: Capture,
    entry: CaptureEntry,
    channel: Channel[Delivery | LineDelivery],
    max_bytes: int,
    turns: anyio.Semaphore,
) -> None:
    """Put the lines of a capture into the channel in order, then its end."""
    try:
        async for line in read_capture(capture, max_bytes, replace(entry)):
            await channel.send(LineDelivery(capture, line))
    except BadInput as error:
        error.at(capture.name)
        lost = Line(entry.line + 1, entry.offset, b"", error)
        await channel.send(LineDelivery(capture, lost))
    finally:
        turns.release()


async def produce(
    chain: FixtureChain,
    channel: Channel[Delivery | LineDelivery],
    max_bytes: int,
    turns: anyio.Semaphore,
    digests: Callable[[int], bool],
) -> None:
    """Walk one chain: put its pages into the channel in order, then its end."""
    try:
        async for page in read_pages(chain.files, max_bytes, digests):
            await channel.send(Delivery(chain, page))
        await channel.send(Delivery(chain, None))
    finally:
        turns.release()
