"""An answer, and what faults make of it."""

from __future__ import annotations

import gzip
import zlib
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final, NamedTuple

from stream.recordings.twin.faults import RETRY_FORMS, Fault
from stream.recordings.twin.query import TwinRefusal

__all__ = ["TwinAnswer", "bend_list", "refuse_at_once", "spoil_answer"]

JSON: Final = "application/json"
ELSEWHERE: Final = "https://elsewhere.example.com"
HANG: Final = 3600.0
LONG: Final = 3600
USUAL_FORMS: Final = 4
MIB: Final = 1 << 20
BOMB: Final = 256
HTML: Final = b"<!doctype html><title>Just a moment...</title><h1>Please stand by</h1>\n"
MESSAGES: Final = {
    408: "Request timed out.",
    409: "The request conflicts with another one. Please try again.",
    429: "Rate limit reached for requests. Please try again later.",
    503: "The engine is currently overloaded, please try again later.",
}


class TwinAnswer(NamedTuple):
    """An answer: ``hang`` is how many seconds pass before it; ``cut``: the body ends early.

    The names of ``headers`` are in lower case. The body is what comes, which is less than
    ``content-length`` says where it is cut.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    hang: float | None = None
    cut: bool = False


def make_answer(status: int, body: bytes, kind: str = JSON, **headers: str) -> TwinAnswer:
    """Make an answer; an underscore in a header's name is a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return TwinAnswer(status, {"content-type": kind, **named}, body)


def refuse_at_once(
    faults: list[Fault], path: str, parameters: dict[str, list[str]], now: float
) -> TwinAnswer | None:
    """Return what is answered in place of everything else, if one of the faults asks for it."""
    for fault in faults:
        refusal = refusal_of(fault.rule.kind, parameters, now)
        if refusal is not None:
            return make_answer(refusal.status, refusal.body())
        answer = answer_instead(fault, path, now)
        if answer is not None:
            return answer
    return None


def refusal_of(kind: str, parameters: dict[str, list[str]], now: float) -> TwinRefusal | None:
    """Return the refusal that a kind of fault stands for."""
    match kind:
        case "revoked":
            return TwinRefusal(401, "The API key has been revoked.", None, "invalid_api_key")
        case "scope":
            message = "You have insufficient permissions for this operation. Missing scopes: api."
            return TwinRefusal(403, f"{message}usage.read.", kind="server_error")
        case "expired" if "page" in parameters:
            return TwinRefusal(400, "The page token has expired.", "page", "invalid_page_token")
        case "future":
            ends = parameters.get("end_time", [])
            if any(one.isdecimal() and int(one) > now for one in ends):
                return TwinRefusal(400, "'end_time' is in the future.", "end_time")
    return None


def answer_instead(fault: Fault, path: str, now: float) -> TwinAnswer | None:
    """Return the answer that a fault puts in the place of the right one, if it does."""
    rule, drawn = fault
    match rule.kind:
        case "project":
            return refuse_with(500, {})
        case "html":
            return make_answer(int(rule.form or 200), HTML, "text/html; charset=utf-8")
        case "error":
            return make_answer(200, refuse_with(500, {}).body)
        case "redirect":
            return make_answer(302, b"", location=f"{ELSEWHERE}{path}")
        case status if status.isdecimal():
            drawn_form = RETRY_FORMS[drawn % USUAL_FORMS] if status == "429" else "none"
            wait = int(rule.read_seconds(1 + drawn % 20))
            return refuse_with(int(status), retry_headers(rule.form or drawn_form, wait, now))
    return None


def refuse_with(status: int, headers: dict[str, str]) -> TwinAnswer:
    """Answer with an error of the server, or one that passes."""
    message = MESSAGES.get(status, "The server had an error while processing your request.")
    kind = "requests" if status == 429 else "server_error"  # noqa: PLR2004 -- too many requests
    code = "rate_limit_exceeded" if status == 429 else None  # noqa: PLR2004 -- as above
    return TwinAnswer(
        status,
        {"content-type": JSON, **headers},
        TwinRefusal(status, message, None, code, kind).body(),
    )


def retry_headers(form: str, wait: int, now: float) -> dict[str, str]:
    """Say when to come again, in one of the forms that clients have to know."""
    match form:
        case "seconds":
            return {"retry-after": str(wait)}
        case "date":
            return {"retry-after": formatdate(int(now) + wait, usegmt=True)}
        case "ms":
            return {"retry-after-ms": str(wait * 1000)}
        case "long":
            return {"retry-after": str(max(wait, LONG))}
        case "odd":
            return {"retry-after": "soon"}
    return {}


def bend_list(page: dict[str, Any], faults: list[Fault], after: str | None) -> None:
    """Change how a page of a list goes on; ``after`` is what it was asked with."""
    for rule, _ in faults:
        match rule.kind:
            case "repeat" if page["has_more"]:
                page["last_id"] = after or page["first_id"]
            case "no-cursor" if page["has_more"]:
                page["last_id"] = None
            case "endless" if not page["has_more"]:
                page["has_more"], page["last_id"] = True, page["last_id"] or after
            case "overrun" if not page["has_more"] and page["data"]:
                page["has_more"] = True


def spoil_answer(answer: TwinAnswer, faults: list[Fault]) -> TwinAnswer:
    """Change what of an answer is seen on the wire."""
    for rule, _ in faults:
        match rule.kind:
            case "type":
                answer.headers["content-type"] = "text/plain; charset=utf-8"
            case "gzip":
                answer.headers["content-encoding"] = "gzip"
                answer = answer._replace(body=gzip.compress(answer.body, mtime=0))
            case "bomb":
                answer.headers["content-encoding"] = "gzip"
                answer = answer._replace(body=pack_blanks(int(rule.form or BOMB)))
            case "hang":
                answer = answer._replace(hang=rule.read_seconds(HANG))
            case "cut":
                answer = answer._replace(cut=True)
    answer.headers["content-length"] = str(len(answer.body))
    return answer._replace(body=answer.body[: len(answer.body) // 2]) if answer.cut else answer


@lru_cache(2)
def pack_blanks(size: int) -> bytes:
    """Return so many MiB of blanks as gzip packs them: a thousandth of it, or less."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blanks = b" " * MIB
    return b"".join([*(packer.compress(blanks) for _ in range(size)), packer.flush()])
