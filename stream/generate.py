"""Generated sets: a capture, or a directory of fixtures, with what must come out beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import anyio
from msgspec import Struct

from stream.sinks.atomic import atomic_file
from stream.sinks.directory import Drawer, atomic_directory
from stream.sinks.packing import ENDINGS, ending_of, packed
from stream.synth.pages import Counted, Generator, Page
from stream.synth.shape import Shape

__all__ = ["Generated", "expectations_of", "generate", "is_capture"]

EXPECTATIONS: Final = "expectations.json"
HEAD: Final = """# Generated fixtures

No figure in here was ever used: they were drawn from a seed. `expectations.json` has what must come
out, from the numbers that were drawn, and `CHECKSUMS.sha256` the digest of every other file.

"""


class Generated(Struct, rename="camel"):
    """What was made: ``bytes`` as they are stored, ``records`` that must come out.

    ``last_observed`` is when the last walk was made, in Unix seconds.
    """

    out: str
    seed: int
    endpoints: tuple[str, ...]
    walks: int
    delivered: Counted
    records: int
    bytes: int
    last_observed: int


def is_capture(out: Path) -> bool:
    """Tell from the name whether a capture is wanted, or a directory."""
    return ending_of(out.name) is not None


def expectations_of(capture: Path) -> Path:
    """Return where a capture's expectations stand."""
    ending = ending_of(capture.name) or ENDINGS[0]
    return capture.with_name(capture.name.removesuffix(ending) + f".{EXPECTATIONS}")


async def generate(shape: Shape, out: Path, on_page: Callable[[], None]) -> Generated:
    """Make what the shape asks for, as a stream: a page is written before the next is made.

    Raises:
        Unavailable: the store cannot be written; what stood at ``out`` before is still there.
    """
    generator = Generator(shape)
    write = write_capture if shape.capture else write_fixtures
    size = await write(generator, out, on_page)
    return Generated(
        str(out),
        shape.seed,
        shape.endpoints,
        shape.walks,
        generator.counted,
        generator.records,
        size,
        generator.last_observed // 1_000_000,
    )


async def write_capture(generator: Generator, out: Path, on_page: Callable[[], None]) -> int:
    """Write a capture, and its expectations beside it; return the capture's size."""
    size = 0
    async with AsyncExitStack() as stack:
        expectations = await stack.enter_async_context(atomic_file(expectations_of(out)))
        capture = await stack.enter_async_context(atomic_file(out))
        for piece in packed(ending_of(out.name) or "", lines(generator, on_page)):
            await capture.write(piece)
            size += len(piece)
        await expectations.write(generator.expectations())
        await anyio.lowlevel.checkpoint()
        with anyio.CancelScope(shield=True):  # both files, or none
            await stack.aclose()
    return size


def lines(generator: Generator, on_page: Callable[[], None]) -> Iterator[bytes]:
    """Yield each page as a line."""
    for page in generator.pages():
        on_page()
        yield page.line()


async def write_fixtures(generator: Generator, out: Path, on_page: Callable[[], None]) -> int:
    """Write a directory that ``verify`` finds nothing wrong with; return the size of its files."""
    sums: list[str] = []

    async def put(drawer: Drawer, name: str, content: bytes) -> None:
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        await drawer.put(name, content)

    registered: list[str] = []
    async with atomic_directory(out) as drawer:
        for page in generator.pages():
            name = fixture_name(page)
            registered.append(f"- `{name}`\n")
            await put(drawer, name, page.payload)
            on_page()
        await put(drawer, EXPECTATIONS, generator.expectations())
        await put(drawer, "ENDPOINTS.md", (HEAD + "".join(registered)).encode())
        await drawer.put("CHECKSUMS.sha256", "".join(sums).encode())
    return drawer.bytes


def fixture_name(page: Page) -> str:
    """Name a page as fixtures are named."""
    suffix = "" if page.number == 1 else f"_page{page.number}"
    return f"{page.endpoint.key.replace('/', '_')}_fixture{suffix}.json"
