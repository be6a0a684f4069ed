"""JSON as plain values, and the outside of a page or a list."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import msgspec

from stream.decode.values import bad_value, describe_value, json_float
from stream.records.errors import BadInput

__all__ = ["object_head", "parse_object"]

LONG: Final = 1000
ANY: Final = msgspec.json.Decoder(float_hook=json_float)


def parse_object(payload: bytes) -> dict[str, Any]:
    """Parse a file that must hold one JSON object; fractions stay exact.

    Raises:
        BadInput: it is empty, HTML, truncated, not UTF-8, nested too deeply, or no object.
    """
    if not payload.strip():
        raise BadInput("empty", "found an empty file, expected a JSON page")
    if payload.lstrip()[:1] == b"<":
        raise BadInput("html", "found HTML or XML, expected a JSON page")
    try:
        root = plain_json(payload)
    except RecursionError:
        raise BadInput("nesting", "found JSON nested too deeply, expected a page") from None
    except UnicodeDecodeError:
        raise BadInput(
            "utf8", f"found invalid UTF-8{place_of_bad_text(payload)}, expected JSON"
        ) from None
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise BadInput("json", f"found broken JSON ({error}), expected a page") from None
    if not isinstance(root, dict):
        raise bad_value("type", "$", root, "a JSON object")
    return root


def plain_json(payload: bytes) -> Any:
    """Decode JSON; an integer that msgspec cannot hold is read by the standard library instead.

    Raises:
        ValueError, RecursionError, msgspec.MsgspecError: it is no JSON.
    """
    try:
        return ANY.decode(payload)
    except msgspec.ValidationError:
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

    Today's pages always say whether there is more; the older ``list`` shape may be silent.

    Raises:
        BadInput: it is an error body, another object, or lacks what a page must have.
    """
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
    elements = root.get("data")
    if not isinstance(elements, list):
        raise bad_value("type", "$.data", elements, "an array")
    has_more = root.get("has_more", False if shape == "list" else None)
    if not isinstance(has_more, bool):
        raise bad_value("type", "$.has_more", has_more, "true or false")
    return elements, has_more
