"""The API over HTTP: one request, and all of its reply or none; nothing else imports httpx2.

What httpx2 raises never leaves here, not even as a cause: its frames hold the headers.
"""

from __future__ import annotations

import ipaddress
import re
import zlib
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import anyio

from stream import __version__
from stream.records.errors import BadConfiguration, BadInput, Unavailable
from stream.records.privacy import one_line
from stream.sources.api.asking import Reply
from stream.sources.api.key import AdminKey
from stream.sources.api.refusals import shorten_text
from stream.sources.compression import Compression, expand, join_pieces

if TYPE_CHECKING:
    import httpx2

__all__ = ["OPENAI_URL", "HttpTransport", "Timeouts"]

OPENAI_URL: Final = "https://api.openai.com/v1"
CONNECTIONS: Final = 8
IDLE_SECONDS: Final = 60.0
GZIP: Final = Compression("gzip", lambda: zlib.decompressobj(wbits=31), 1 << 13)
NAME: Final = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
PRINTABLE: Final = re.compile(r"[\x21-\x7e]{1,1000}", re.ASCII)
LONGEST_REASON: Final = 120
WORDS: Final = {
    "ConnectTimeout": "no connection in time",
    "ConnectError": "cannot connect",
    "ProxyError": "the proxy refuses",
    "ReadTimeout": "nothing came in time",
    "WriteTimeout": "the request could not be sent in time",
    "ReadError": "the connection broke",
    "WriteError": "the connection broke",
    "RemoteProtocolError": "the reply was cut, or is no HTTP",
}
"""What happened, by the class of the exception."""


class Timeouts(NamedTuple):
    """Seconds: for a connection, for the next bytes to come, and for the reply as a whole."""

    connect: float = 10.0
    read: float = 60.0
    whole: float = 120.0


USUAL_TIMEOUTS: Final = Timeouts()


class HttpTransport:
    """Asks below ``base_url`` with the key; connections are kept until :meth:`aclose`.

    TLS is verified, redirects are never followed, and no cookie is kept. Proxies are as the
    environment says, but for plain HTTP, which stays on this machine.
    """

    def __init__(
        self,
        base_url: str,
        key: AdminKey,
        organization: str | None,
        *,
        max_bytes: int,
        timeouts: Timeouts = USUAL_TIMEOUTS,
    ) -> None:
        """Make a transport; nothing is connected yet.

        Raises:
            BadConfiguration: the URL is neither https nor on this machine, or the organization
                cannot stand in a header.
        """
        self._base_url = check_url(base_url)
        if organization is not None and not NAME.fullmatch(organization):
            raise BadConfiguration("the organization has blanks or characters that no id has")
        self._key = key
        self._organization = organization
        self._max_bytes = max_bytes
        self._timeouts = timeouts
        self._client: httpx2.AsyncClient | None = None

    async def get(self, path: str, parameters: list[tuple[str, str]]) -> Reply:
        """Ask for a path below the base URL.

        Raises:
            Unavailable: there is no connection, or no whole reply in time, or one of more than
                ``max_bytes`` bytes (packed or not), or one that cannot be unpacked.
            BadConfiguration: the proxy or the certificates of the environment cannot be used.
        """
        import httpx2  # noqa: PLC0415 -- 160 ms that only who asks the API needs

        client = self._client = self._client or self._open()
        reply: Reply | None = None
        try:
            with anyio.fail_after(self._timeouts.whole):
                reply = await self._exchange(client, path, parameters)
        except BadInput as error:
            reason = error.message
        except TimeoutError:
            reason = f"no whole reply in {self._timeouts.whole:g} seconds"
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            reason = explain_fault(error)
        if reply is None:  # raised here, where no frame of httpx2 hangs on it
            raise Unavailable(f"{self._base_url}{one_line(path)}: {reason}")
        return reply

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    def _open(self) -> httpx2.AsyncClient:
        """Make the client.

        Raises:
            BadConfiguration: as :meth:`get`.
        """
        import httpx2  # noqa: PLC0415 -- 160 ms that only who asks the API needs

        connect, read, _ = self._timeouts
        reason = ""
        try:
            return httpx2.AsyncClient(
                timeout=httpx2.Timeout(read, connect=connect, pool=None),
                limits=httpx2.Limits(
                    max_connections=CONNECTIONS,
                    max_keepalive_connections=CONNECTIONS,
                    keepalive_expiry=IDLE_SECONDS,
                ),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                trust_env=self._base_url.startswith("https:"),
            )
        except (ImportError, ValueError, OSError, httpx2.InvalidURL) as error:
            reason = one_line(str(error))
        raise BadConfiguration(f"the environment's proxy or certificates cannot be used: {reason}")

    async def _exchange(
        self, client: httpx2.AsyncClient, path: str, parameters: list[tuple[str, str]]
    ) -> Reply:
        """Send the request and read the reply.

        Raises:
            BadInput: the reply is too large, or cannot be unpacked.
            httpx2.HTTPError, OSError: there is none.
        """
        headers = {
            "accept": "application/json",
            "accept-encoding": "gzip",
            "authorization": f"Bearer {self._key.reveal()}",
            "user-agent": f"usage-stream/{__version__}",
        }
        if self._organization is not None:
            headers["openai-organization"] = self._organization
        url = f"{self._base_url}{path}"
        async with client.stream("GET", url, params=tuple(parameters), headers=headers) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            packed = bytearray()
            async for chunk in response.aiter_raw():
                packed += chunk
                if len(packed) > self._max_bytes:
                    raise BadInput("size", f"a reply of more than {self._max_bytes} bytes")
        body = unpack_body(bytes(packed), found.get("content-encoding", ""), self._max_bytes)
        return Reply(response.status_code, found, body)


def unpack_body(packed: bytes, coding: str, most: int) -> bytes:
    """Return a body as it is meant, of ``most`` bytes at most.

    Raises:
        BadInput: it is larger, broken, cut, or packed in a way that was not asked for.
    """
    coding = coding.strip().lower()
    if coding in {"", "identity"} or not packed:
        return packed
    if coding not in {"gzip", "x-gzip"}:
        raise BadInput("coding", f"a reply packed as {one_line(coding[:20])}, expected gzip")
    return join_pieces(expand([packed], GZIP), most)


def check_url(url: str) -> str:
    """Return a base URL without a slash at its end.

    Raises:
        BadConfiguration: it is not https, but for plain HTTP to this machine, or has more in it
            than scheme, host, port and path.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    wrong = "@" in parts.netloc or parts.query or parts.fragment or not PRINTABLE.fullmatch(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not host or wrong or not is_safe:
        raise BadConfiguration(
            f"found the base URL {shorten_text(one_line(url), 100)}, expected https://HOST/PATH "
            "(or http:// to this machine), since the key goes there"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def explain_fault(error: Exception) -> str:
    """Say why there was no reply."""
    words = WORDS.get(type(error).__name__, "no reply")
    text = shorten_text(one_line(str(error)), LONGEST_REASON)
    return f"{words} ({text})" if text else words
