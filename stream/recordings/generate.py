"""Generated sets: a capture, or a directory of fixtures, with what must come out beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from stream.figures.expectations import FILE as EXPECTATIONS
from stream.recordings.synth.pages import DeliveryCounts, Generator, SynthPage
from stream.recordings.synth.shape import Shape
from stream.records.capture_line import line_of
from stream.records.chains import PRIMARY
from stream.records.privacy import spell_name
from stream.sinks.atomic import atomic_file, open_together
from stream.sinks.captures import capture_file
from stream.sinks.directory import atomic_directory
from stream.sources.captures import expectations_beside

__all__ = ["GeneratedSet", "capture_line_of", "generate_set"]

HEAD: Final = """# Generated fixtures

No figure in here was ever used: they were drawn from a seed. `expectations.json` has what must come
out, from the numbers that were drawn, and `CHECKSUMS.sha256` the digest of every other file.

"""


class GeneratedSet(Struct, rename="camel"):
    """What was made: ``bytes`` as they are stored, ``records`` that must come out.

    ``last_observed`` is when the last walk was made, in Unix seconds.
    """

    out: str
    seed: int
    endpoints: tuple[str, ...]
    walks: int
    delivered: DeliveryCounts
    records: int
    bytes: int
    last_observed: int


async def generate_set(shape: Shape, out: Path, on_page: Callable[[], None]) -> GeneratedSet:
    """Make what the shape asks for, as a stream: a page is written before the next is made.

    Raises:
        Unavailable: the store cannot be written; what stood at ``out`` before is still there.
    """
    generator = Generator(shape)
    write = write_capture if shape.capture else write_fixtures
    size = await write(generator, out, on_page)
    return GeneratedSet(
        spell_name(str(out)),
        shape.seed,
        shape.endpoints,
        shape.walks,
        generator.counts,
        generator.records,
        size,
        generator.last_observed // 1_000_000,
    )


async def write_capture(generator: Generator, out: Path, on_page: Callable[[], None]) -> int:
    """Write a capture, and its expectations beside it; return the capture's size."""
    async with open_together() as files:
        expectations = await files.enter_async_context(atomic_file(expectations_beside(out)))
        capture = await files.enter_async_context(capture_file(out))
        for page in generator.pages():
            on_page()
            await capture.write(capture_line_of(page))
        await expectations.write(generator.expectations())
    return capture.bytes


def capture_line_of(page: SynthPage) -> bytes:
    """Write a page as a line of a capture."""
    return line_of(page.endpoint.key, PRIMARY, page.observed_at, page.request, page.payload)


async def write_fixtures(generator: Generator, out: Path, on_page: Callable[[], None]) -> int:
    """Write a directory that ``verify`` finds nothing wrong with; return the size of its files."""
    registered: list[str] = []
    async with atomic_directory(out) as drawer:
        for page in generator.pages():
            name = fixture_name(page)
            registered.append(f"- `{name}`\n")
            await drawer.put(name, page.payload)
            on_page()
        await drawer.put(EXPECTATIONS, generator.expectations())
        await drawer.put("ENDPOINTS.md", (HEAD + "".join(registered)).encode())
    return drawer.bytes


def fixture_name(page: SynthPage) -> str:
    """Name a page as fixtures are named."""
    suffix = "" if page.number == 1 else f"_page{page.number}"
    return f"{page.endpoint.key.replace('/', '_')}_fixture{suffix}.json"
