"""How a message about a setting says what was found, and what was expected."""

from __future__ import annotations

import json
from typing import Any, Final

from msgspec import inspect

__all__ = ["describe_type", "is_duration", "show_value"]

LONGEST: Final = 80
"""How much of a wrong value a message quotes."""


def show_value(value: Any) -> str:
    """Write what was found, as the file would have it; a long value is cut."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # an integer with more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def describe_type(kind: inspect.Type) -> str:  # noqa: PLR0911 -- one answer for each kind
    """Say what a value of a type may be."""
    match kind:
        case inspect.Metadata(extra_json_schema={"expected": str(said)}):
            return said
        case inspect.Metadata(
            extra_json_schema={"unit": str(unit)}, type=inspect.FloatType() as of
        ):
            return f"{unit} from {of.ge} to {of.le}, or a time, such as 90s, 5m, 12h or 7d"
        case inspect.Metadata(type=inner):
            return describe_type(inner)
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(json.dumps(value) for value in values)}"
        case inspect.UnionType(types=kinds):
            return describe_type(next(one for one in kinds if one != inspect.NoneType()))
        case inspect.VarTupleType(item_type=inner):
            return f"a list of {describe_type(inner).removeprefix('one of ')}"
        case inspect.StrType():
            return "a text"
        case _:
            return "a path"


def is_duration(kind: inspect.Type) -> bool:
    """Tell whether a value of a type may be written as a duration."""
    match kind:
        case inspect.Metadata(extra_json_schema={"unit": _}):
            return True
        case inspect.Metadata(type=inner):
            return is_duration(inner)
        case inspect.UnionType(types=kinds):
            return any(is_duration(one) for one in kinds)
        case _:
            return False
