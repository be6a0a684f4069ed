"""How an answer is sent: as it is, packed with gzip, or not at all to who has it already.

As RFC 9110 has it (sections 8.8, 12.5.3 and 13.1.2). Tags are weak: they stand for what is said,
packed or not. A stream is packed as it is read, so its length is not known before.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Final, Literal, TypeAlias

import anyio
import anyio.to_thread
import xxhash
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from stream.sinks.metrics.exposition import Scrape
from stream.sinks.sections import LEVEL, join_sections, pack_section

__all__ = ["Compressor", "choose_coding", "has_tag", "make_tag"]

Coding: TypeAlias = Literal["gzip", "identity"]

GZIP: Final = 16 + zlib.MAX_WBITS
PACKERS: Final = 2
"""How many threads pack; checkpoints want others."""
TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
WEIGHT: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


def choose_coding(accepted: Iterable[str]) -> Coding | None:
    """Return what ``Accept-Encoding`` wants most, gzip first; ``None``: nothing that is spoken.

    A coding whose weight is none, is not accepted. Without the header nothing is packed.
    """
    weights: dict[str, float] = {}
    for one in ",".join(accepted).lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        if name:
            weights[name.removeprefix("x-")] = read_weight(parameters)
    others = weights.get("*")
    gzip = weights.get("gzip", others or 0.0)
    if gzip > 0 and gzip >= weights.get("identity", 0.0):
        return "gzip"
    plain = weights.get("identity", 1.0 if others is None else others)
    return "identity" if plain > 0 else None


def read_weight(parameters: list[str]) -> float:
    """Read the weight of a coding: 1 without any, and 0 where it is none."""
    if not parameters:
        return 1.0
    match = WEIGHT.fullmatch(parameters[0]) if len(parameters) == 1 else None
    return float(match[1]) if match else 0.0


def make_tag(content: bytes) -> str:
    """Make the weak tag of what has this content, or is known by it."""
    return f'W/"{xxhash.xxh3_128_hexdigest(content)}"'


def has_tag(headers: Headers, tag: str) -> bool:
    """Tell whether ``If-None-Match`` names a tag, weak or not, or any."""
    named = ",".join(headers.getlist("if-none-match"))
    return named.strip() == "*" or tag.removeprefix("W/") in TAG.findall(named)


class Compressor:
    """Answers in the coding that is wanted, packed in threads of its own."""

    def __init__(self) -> None:
        """Pack in a few threads."""
        self.threads = anyio.CapacityLimiter(PACKERS)

    async def answer_scrape(self, headers: Headers, scrape: Scrape) -> Response:
        """Answer a request that has these headers with metrics; only the machine is packed anew."""
        tag = make_tag(scrape.machine + scrape.digest)
        fields = {"etag": tag, "vary": "Accept, Accept-Encoding"}
        if (refusal := refuse(headers, tag, fields)) is not None:
            return refusal
        fields["content-type"] = scrape.content_type
        if choose_coding(headers.getlist("accept-encoding")) == "gzip":
            fields["content-encoding"] = "gzip"
            body = await anyio.to_thread.run_sync(pack_scrape, scrape, limiter=self.threads)
        else:
            body = b"".join([scrape.machine, *(one.plain for one in scrape.usage)])
        return Response(body, headers=fields)

    def answer_stream(
        self, headers: Headers, chunks: AsyncIterator[bytes], size: int, tag: str
    ) -> Response:
        """Answer a request that has these headers with JSON of ``size`` bytes, as it comes."""
        fields = {"etag": tag, "vary": "Accept-Encoding"}
        if (refusal := refuse(headers, tag, fields)) is not None:
            return refusal
        if choose_coding(headers.getlist("accept-encoding")) == "gzip":
            fields["content-encoding"] = "gzip"
            chunks = self.pack_stream(chunks)
        else:
            fields["content-length"] = str(size)
        return StreamingResponse(chunks, media_type="application/json", headers=fields)

    async def pack_stream(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield chunks packed, each as soon as there is something of it."""
        compressor = zlib.compressobj(LEVEL, wbits=GZIP)
        async for chunk in chunks:
            packed = await anyio.to_thread.run_sync(
                compressor.compress, chunk, limiter=self.threads
            )
            if packed:
                yield packed
        yield compressor.flush()


def refuse(headers: Headers, tag: str, fields: dict[str, str]) -> Response | None:
    """Answer who has it already, or accepts no coding that is spoken; ``None``: nobody of them."""
    if choose_coding(headers.getlist("accept-encoding")) is None:
        said = "only gzip is spoken, and what is not packed\n"
        return PlainTextResponse(said, 406, headers={"vary": fields["vary"]})
    return Response(status_code=304, headers=fields) if has_tag(headers, tag) else None


def pack_scrape(scrape: Scrape) -> bytes:
    """Pack metrics; usage is packed already."""
    return join_sections([pack_section(scrape.machine), *scrape.usage])
