"""A consumer that is slow makes the producers wait: the channel fills, and memory does not."""

from __future__ import annotations

import tracemalloc
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from stream.records.delivery import Delivery
from stream.sources.channel import Channel
from stream.sources.directory import Directory
from stream.sources.settling import Patience
from stream.sources.source import ReadOptions
from tests.support.pages import bucket, page, put, used

PAGES = 600
CAPACITY = 4

pytestmark = pytest.mark.anyio


async def test_the_channel_stays_at_its_capacity(tmp_path: Path) -> None:
    """With a consumer that takes a page only when the channel is full, memory stays flat."""
    rows = [used(index, model="m" * 200) for index in range(200)]
    for number in range(1, PAGES + 1):
        name = "usage_completions.json" if number == 1 else f"usage_completions_page{number}.json"
        put(tmp_path, name, page(bucket(*rows), cursor=str(number)))
    directory = Directory(tmp_path, "", {}, ReadOptions(2**20), Patience(1, 60))
    depths, peaks = [], []

    async def produce(channel: Channel[Delivery]) -> None:
        await directory.look(channel.send)
        channel.end()

    with closing(Channel[Delivery](CAPACITY)) as channel:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(produce, channel)
            tracemalloc.start()
            taken = 0
            async for _ in channel:
                taken += 1
                # Slower than the source, whatever it does.
                while channel.depth < CAPACITY and taken < PAGES - CAPACITY:  # noqa: ASYNC110 -- a channel tells nobody that it is full
                    await anyio.sleep(0.001)
                depths.append(channel.depth)
                peaks.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
    assert taken == PAGES
    assert set(depths[: PAGES - CAPACITY - 1]) == {CAPACITY}
    assert channel.blocked_seconds > 0
    assert max(peaks[300:]) < 1.5 * max(peaks[50:300])


async def test_large_pages_wait_for_each_other() -> None:
    """Pages that wait have eight MiB together, or one of them has more; all of them come."""
    sizes = [3 << 20, 4 << 20, 3 << 20, 20 << 20, 1, 9 << 20]
    waiting: list[list[int]] = []
    with closing(Channel[int](100, lambda size: size)) as channel:

        async def produce() -> None:
            for size in sizes:
                await channel.send(size)
            channel.end()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(produce)
            taken: list[int] = []
            await anyio.wait_all_tasks_blocked()
            waiting.append(sizes[: channel.depth])
            async for size in channel:
                taken.append(size)
                await anyio.wait_all_tasks_blocked()
                waiting.append(sizes[len(taken) : len(taken) + channel.depth])
    assert taken == sizes
    assert all(sum(some) <= 8 << 20 or len(some) == 1 for some in waiting)
    assert waiting[0] == sizes[:2]
    assert channel.blocked_seconds > 0


async def test_who_gives_up_sending_takes_no_room() -> None:
    """A producer that is cancelled while it waits leaves the room to others."""
    with closing(Channel[int](1, lambda size: size)) as channel:
        await channel.send(5 << 20)
        with anyio.move_on_after(0):
            await channel.send(1 << 20)
        with anyio.move_on_after(0):
            await channel.send(5 << 20)
        assert await channel.receive() == 5 << 20
        await channel.send(8 << 20)
        assert channel.depth == 1
