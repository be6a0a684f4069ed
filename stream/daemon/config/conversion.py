"""Plain values become settings, key by key, so that all that is wrong is found at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.inspect import type_info
from msgspec.structs import FieldInfo

from stream.daemon.config.budget import BudgetSettings
from stream.daemon.config.exports import ExportSettings
from stream.daemon.config.poll import PollSettings
from stream.daemon.config.problems import Problems
from stream.daemon.config.settings import Http, Log, PaceSettings, Settings, WatchSettings
from stream.daemon.config.wording import describe_type, is_duration, show_value
from stream.records.durations import seconds_of

__all__ = ["ARRAYS", "SECTIONS", "Text", "convert_tables"]

SECTIONS: Final[dict[str, type[Struct]]] = {"http": Http, "log": Log}
ARRAYS: Final[dict[str, type[Struct]]] = {
    "watch": WatchSettings,
    "pace": PaceSettings,
    "poll": PollSettings,
    "budget": BudgetSettings,
    "export": ExportSettings,
}
"""Tables of which there may be several, as in ``[[watch]]``."""


class Text(str):
    """A value that was given as text, whatever its type is to be."""

    __slots__ = ()


def convert_tables(tables: dict[str, Any], problems: Problems) -> Settings:
    """Turn plain values into settings; a bad value leaves the default, or an empty one."""
    plain = {name: one for name, one in tables.items() if name not in SECTIONS | ARRAYS}
    made = convert_table(plain, Settings, "", problems)
    for name, struct in SECTIONS.items():
        if name in tables:
            made[name] = struct(**convert_table(tables[name], struct, name, problems))
    for name, struct in ARRAYS.items():
        found = tables.get(name, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            wanted = f"expected tables, as in [[{name}]]"
            problems.note_bad(name, f"found {show_value(found)}, {wanted}")
            continue
        made[name] = tuple(
            struct(**convert_table(one, struct, f"{name}[{index}]", problems))
            for index, one in enumerate(found)
        )
    return Settings(**made)


def convert_table(table: Any, struct: type[Struct], key: str, problems: Problems) -> dict[str, Any]:
    """Convert the values of one table; of those that are none, what is wrong is noted."""
    if not isinstance(table, dict):
        problems.note_bad(key, f"found {show_value(table)}, expected a table, as in [{key}]")
        return {}
    inside = f"{key}." if key else ""
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    for name in table:
        if name not in fields:
            wanted = f"expected one of {', '.join(fields)}"
            problems.note(f"{inside}{name}", f"found an unknown key, {wanted}")
    made: dict[str, Any] = {}
    for name, field in fields.items():
        place = f"{inside}{name}"
        if name in table:
            made[name] = convert_value(table[name], field, place, problems)
        elif field.required:
            wanted = describe_type(type_info(field.type))
            problems.note_bad(place, f"found nothing, expected {wanted}")
            made[name] = default_of(field)
    return made


def convert_value(value: Any, field: FieldInfo, key: str, problems: Problems) -> Any:
    """Convert one value; what came from outside the file is text, whatever it is to be.

    A duration may be a number of seconds, or a text.
    """
    kind = type_info(field.type)
    plain: Any = str(value) if isinstance(value, Text) else value
    try:
        if isinstance(value, str) and is_duration(kind) and value[-1:].isalpha():
            plain = seconds_of(value)
        return msgspec.convert(
            plain, field.type, strict=not isinstance(value, Text), dec_hook=make_path
        )
    except ValueError:  # a ValidationError is one
        problems.note_bad(key, f"found {show_value(value)}, expected {describe_type(kind)}")
        return default_of(field)


def default_of(field: FieldInfo) -> Any:
    """Return what stands for a value that is none, to look on: the default, or an empty one."""
    if field.default is not NODEFAULT:
        return field.default
    return Path() if Path in (field.type, *get_args(field.type)) else ""


def make_path(kind: type, value: Any) -> Any:
    """Make a path of a text."""
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError
