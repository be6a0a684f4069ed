"""What is no page of usage, recognised: what it is instead, and what to do about it.

Asked only of what cannot be read, or is read field by field anyway; the hot path pays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stream.records.errors import BadInput

__all__ = ["foreign_answer", "foreign_bytes"]

EXPECTED: Final = "expected the JSON of the usage API"
UTF_32: Final = (b"\xff\xfe\0\0", b"\0\0\xfe\xff", b"{\0\0\0", b"[\0\0\0")
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff", b"{\0", b"\0{", b"[\0", b"\0[")
MAGIC: Final = {
    b"\x1f\x8b": ("gzip", "gzip", "unpack it once"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd", "unpack it once"),
    b"PK\x03\x04": ("zip", "a ZIP archive", "unpack it"),
    b"BZh": ("bzip2", "bzip2", "unpack it, or pack it with gzip or zstd"),
    b"\xfd7zXZ": ("xz", "xz", "unpack it, or pack it with gzip or zstd"),
    b"SQLite format 3": ("sqlite", "an SQLite database", "export its pages as JSON"),
    b"PAR1": ("parquet", "Parquet", "export its pages as JSON"),
}
HTTP: Final = (
    rb"(?:[<>*] )?(?:HTTP/[0-9.]+ [0-9]{3}|GET /)|[*>] [^\n]*\n"
    rb"|(?i:date|server|connection|cache-control|content-[a-z]+|x-[a-z-]+|openai-[a-z-]+): "
)
CELL: Final = rb'"?[\w .()$/-]{0,60}"?'
CSV: Final = rb'(?=["A-Za-z_])' + CELL + rb"(?:[,;\t]" + CELL + rb")+\r?(?:\n|$)"
TEXTS: Final = {
    HTTP: (
        "http",
        "an HTTP dump, with its headers",
        "save the body alone (curl without -i)",
    ),
    rb"<": ("html", "HTML or XML", "ask the API, not the site"),
    CSV: ("csv", "CSV, as the dashboard exports it", "ask the API for its pages"),
}
"""Compiled by ``re`` when something is read that is no page; the start is quicker so."""
HEAD: Final = 4096
PLAIN_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]{0,40}"  # as TEXTS

LEGACY: Final = frozenset(
    {"current_usage_usd", "ft_data", "dalle_api_data", "whisper_api_data", "tts_api_data"}
)
BILLING: Final = frozenset(
    {"total_usage", "hard_limit_usd", "total_granted", "grants", "access_until"}
)
ARCHIVE: Final = frozenset({"creator", "pages", "entries"})
"""What a HAR file has in its log."""
DEEPEST: Final = 4
"""How many members a page may be wrapped in, to be looked for."""
THEIRS: Final = frozenset({"workspace", "workspace_member", "user", "invite", "api_key"})
"""What the other provider's lists call their elements, as ``type``."""
THEIR_ROWS: Final = frozenset({"starting_at", "core_metrics"})
"""What the other provider's buckets and rows have, and those of no endpoint here."""
UNREAD: Final = {
    "organization.admin_api_key": "a list of admin API keys",
    "organization.audit_log": "a list of audit logs",
    "organization.invite": "a list of invites",
    "project.rate_limit": "a list of rate limits",
}


def foreign_bytes(payload: bytes) -> BadInput | None:
    """Say what a file is that is no JSON; ``None``: nobody knows."""
    start = payload[:HEAD].lstrip()
    for magic, what in MAGIC.items():
        if start.startswith(magic):
            return refusal(*what)
    if start.startswith(UTF_32):
        return refusal("utf32", "UTF-32", "convert it: iconv -f UTF-32 -t UTF-8")
    if start.startswith(UTF_16):
        return refusal("utf16", "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8")
    at = payload.find(b"\0")
    if at >= 0:
        count = len(payload) - at - len(payload[at:].lstrip(b"\0"))
        found = f"{count} NUL bytes from byte {at} on"
        return refusal("nul", found, "remove them (a log that was truncated while it was written)")
    return next((refusal(*what) for text, what in TEXTS.items() if re.match(text, start)), None)


def foreign_answer(root: Mapping[str, Any]) -> BadInput | None:
    """Say what JSON is that is no page and no list of this API; ``None``: nobody knows."""
    elements = root.get("data")
    first = first_element(elements)
    log = root.get("log")
    if isinstance(log, dict) and not log.keys().isdisjoint(ARCHIVE):  # requests of a browser
        found = "a HAR file"
        return refusal("har", found, "take out what stands at log.entries[].response.content")
    if LEGACY & root.keys() or "n_context_tokens_total" in first:
        found = "an answer of the legacy /v1/usage"
        return refusal("legacy", found, "ask /v1/organization/usage/completions, …")
    if BILLING & root.keys() and not isinstance(elements, list):
        found = "an answer of the legacy /dashboard/billing"
        return refusal("legacy", found, "ask /v1/organization/costs")
    if THEIR_ROWS & first.keys() or root.get("type") == "error" or is_theirs(first):
        found = "an answer of Anthropic's API"
        return refusal("anthropic", found, "leave it out: it is not read yet")
    return foreign_elements(first) or (None if isinstance(elements, list) else wrapped_page(root))


def foreign_elements(first: Mapping[str, Any]) -> BadInput | None:
    """Say which list it is that begins so, and that is not read."""
    shape = first.get("object")
    if isinstance(shape, str) and shape in UNREAD:
        return refusal("unread_list", UNREAD[shape], "leave it out: no figure needs it")
    return None


def wrapped_page(root: Mapping[str, Any]) -> BadInput | None:
    """Say where a response has its page that a recorder has put something around."""
    path = next(paths_of_pages(root), None)
    if path is None:
        return None
    where = path.removeprefix(".")
    quoted = f"'{path}'" if "[" in path else path
    return refusal("wrapped", f"a response wrapped in {where}", f"take it out: jq {quoted}")


def paths_of_pages(value: Any, path: str = "") -> Iterator[str]:
    """Yield where pages or buckets stand in a value, as jq spells it; the first is enough."""
    if path and is_page(value):
        yield path
    elif path.count(".") < DEEPEST and isinstance(value, dict):
        for name, inner in value.items():
            if re.fullmatch(PLAIN_NAME, name):
                yield from paths_of_pages(inner, f"{path}.{name}")
    elif isinstance(value, list) and value:
        if path and is_bucket(value[0]):
            yield path
        elif isinstance(value[0], dict):
            yield from paths_of_pages(value[0], f"{path}[]")


def refusal(reason: str, found: str, remedy: str) -> BadInput:
    """Make the error for what is known to be something else."""
    return BadInput(reason, f"found {found}, {EXPECTED}: {remedy}")


def first_element(elements: Any) -> Mapping[str, Any]:
    """Return the first object of an array; an empty one where there is none."""
    if isinstance(elements, list) and elements and isinstance(elements[0], dict):
        return elements[0]
    return {}


def is_theirs(element: Mapping[str, Any]) -> bool:
    """Tell whether an element is of another provider's lists."""
    kind = element.get("type")
    return isinstance(kind, str) and kind in THEIRS and "object" not in element


def is_page(value: Any) -> bool:
    """Tell whether a member holds a page, as an object or as its text."""
    if isinstance(value, dict):
        return isinstance(value.get("data"), list)
    return isinstance(value, str) and value.lstrip().startswith("{") and '"data"' in value


def is_bucket(value: Any) -> bool:
    """Tell whether a value is a bucket."""
    return isinstance(value, dict) and "start_time" in value and "results" in value
