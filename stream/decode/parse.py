"""JSON as plain values, and the outside of a page or a list."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import msgspec

from stream.decode.foreign import foreign_answer, foreign_bytes
from stream.decode.values import (
    ABSENT,
    BYTE_ORDER_MARK,
    bad_value,
    describe_value,
    json_float,
    member_path,
)
from stream.records.errors import BadInput

__all__ = ["lone_surrogate", "object_head", "parse_object"]


LONG: Final = 1000
ANY: Final = msgspec.json.Decoder(float_hook=json_float)
SURROGATE: Final = "[\ud800-\udfff]"  # compiled by re when JSON is broken
ESCAPED: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_object(payload: bytes) -> dict[str, Any]:
    """Parse a file that must hold one JSON object; fractions stay exact.

    Raises:
        BadInput: it is empty, known to be something else, truncated, not UTF-8, nested too deeply,
            or no object.
    """
    payload = payload.removeprefix(BYTE_ORDER_MARK)
    if not payload.strip():
        raise BadInput("empty", "found an empty file, expected a JSON page")
    if payload.lstrip()[:1] != b"{" and (foreign := foreign_bytes(payload)) is not None:
        raise foreign
    try:
        root = plain_json(payload)
    except RecursionError:
        raise BadInput("nesting", "found JSON nested too deeply, expected a page") from None
    except UnicodeDecodeError:
        raise foreign_bytes(payload) or BadInput(
            "utf8", f"found invalid UTF-8{place_of_bad_text(payload)}, expected JSON"
        ) from None
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise broken_json(payload, str(error)) from None
    if not isinstance(root, dict):
        raise bad_value("type", "$", root, "a JSON object")
    return root


def broken_json(payload: bytes, why: str) -> BadInput:
    """Say what is wrong with JSON that cannot be read."""
    foreign = lone_surrogate(payload) or foreign_bytes(payload)
    return foreign or BadInput("json", f"found broken JSON ({why}), expected a page")


def lone_surrogate(payload: bytes) -> BadInput | None:
    """Say where JSON that cannot be read has half of a pair; ``None``: that is not why."""
    path = place_of_surrogate(payload) if ESCAPED.search(payload) else None
    if path is None:
        return None
    return BadInput("utf8", "found half of a surrogate pair, expected a text", path=path)


def place_of_surrogate(payload: bytes) -> str | None:
    """Return the JSON path of a text with a lone surrogate; ``None``: nobody knows."""
    import json  # noqa: PLC0415 -- 1 ms that only broken JSON needs

    try:
        stack = [("$", json.loads(payload, parse_int=json_int))]
    except (ValueError, RecursionError):
        return None
    while stack:
        path, value = stack.pop()
        if isinstance(value, str) and re.search(SURROGATE, value):
            return path
        if isinstance(value, dict):
            for name, inner in reversed(value.items()):
                if re.search(SURROGATE, name):
                    return path
                stack.append((member_path(path, name), inner))
        elif isinstance(value, list):
            stack += [(f"{path}[{at}]", inner) for at, inner in reversed([*enumerate(value)])]
    return None


def plain_json(payload: bytes) -> Any:
    """Decode JSON; an integer that msgspec cannot hold is read by the standard library instead.

    Raises:
        ValueError, RecursionError, msgspec.MsgspecError: it is no JSON.
    """
    try:
        return ANY.decode(payload)
    except msgspec.ValidationError:
        import json  # noqa: PLC0415 -- as above

        hooks: dict[str, Any] = {"parse_int": json_int, "parse_float": json_float}
        found = json.loads(payload.decode(), parse_constant=refuse_constant, **hooks)
        json.dumps(found, ensure_ascii=False, default=str).encode()  # half of a surrogate pair?
        return found


def refuse_constant(name: str) -> Any:
    """Refuse what Python takes for JSON, and is none."""
    raise ValueError(f"{name} is no JSON")


def json_int(literal: str) -> int | Decimal:
    """Keep an integer exact, of whatever length."""
    return int(literal) if len(literal) < LONG else Decimal(literal)


def place_of_bad_text(payload: bytes) -> str:
    """Say which byte is not UTF-8."""
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        return f" at byte {error.start}"
    return ""


def object_head(root: dict[str, Any], expected: str) -> tuple[list[Any], bool]:
    """Return (``data``, ``has_more``) of a page or a list.

    Where a page does not say whether there is more, its cursor does: there is more behind one.

    Raises:
        BadInput: it is an error body, another object, or lacks what a page must have.
    """
    foreign = foreign_answer(root)
    if foreign is not None:
        raise foreign
    if root.get("error") is not None:
        error = root["error"]
        said = error.get("message") if isinstance(error, dict) else error
        raise BadInput(
            "error_body",
            f"found an error body ({describe_value(said)}), expected {expected}",
            path="$.error",
        )
    shape = root.get("object")
    if shape not in ("page", "list", None):
        raise bad_value("type", "$.object", shape, '"page" or "list"')
    elements = root.get("data", ABSENT)
    if not isinstance(elements, list):
        raise bad_value("type", "$.data", elements, "an array")
    has_more = root.get("has_more")
    if has_more is None:
        has_more = any(root.get(name) for name in ("next_page", "next"))
    if not isinstance(has_more, bool):
        raise bad_value("type", "$.has_more", has_more, "true or false")
    return elements, has_more
