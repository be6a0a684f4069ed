"""Load the daemon's settings: a flag over a variable over the file over the default."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.inspect import type_info

from stream.daemon.config.checks import check_settings
from stream.daemon.config.poll import PollSettings
from stream.daemon.config.settings import Http, Log, PaceSettings, Settings, WatchSettings
from stream.daemon.config.wording import describe_type, show_value
from stream.records.errors import BadConfiguration

__all__ = ["Setting", "load_settings", "settings_of"]

SECTIONS: Final[dict[str, type[Struct]]] = {"http": Http, "log": Log}
SOURCES: Final[dict[str, type[Struct]]] = {
    "watch": WatchSettings,
    "pace": PaceSettings,
    "poll": PollSettings,
}
PATHS: Final = ("path", "evidence", "key_file")
"""What of a source is a path."""
VARIABLE: Final = "USAGE_STREAM_"
LARGEST: Final = 1024 * 1024


class Setting(NamedTuple):
    """A key that a variable and a flag can set too."""

    section: str
    name: str
    help: str

    @property
    def key(self) -> str:
        """Its path in the file: ``http.listen``."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def variable(self) -> str:
        """The variable that sets it: ``USAGE_STREAM_HTTP_LISTEN``."""
        return VARIABLE + self.key.replace(".", "_").upper()

    @property
    def flag(self) -> str:
        """The flag that sets it: ``--http-listen``."""
        return "--" + self.key.replace(".", "-").replace("_", "-")


def settings_of(struct: type[Struct] = Settings, section: str = "") -> Iterator[Setting]:
    """Yield every key that holds one value, or a list of texts."""
    for field in type_info(struct).fields:  # type: ignore[attr-defined]  # it is a struct's
        if field.name in SECTIONS:
            yield from settings_of(SECTIONS[field.name], field.name)
        elif field.name not in SOURCES:
            yield Setting(section, field.name, field.type.extra_json_schema["description"])


def load_settings(path: Path, variables: Mapping[str, str], flags: Mapping[str, str]) -> Settings:
    """Load and check the settings; ``flags`` are values by key.

    Paths in the file are relative to its directory, those of variables and flags to where the
    command runs.

    Raises:
        BadConfiguration: with the key's path, what was found and what was expected.
    """
    tables = read_toml(path)
    places = {setting.key: f"{path}: {setting.key}" for setting in settings_of()}
    anchor_paths(tables, path.parent)
    for setting in settings_of():
        for value, place in (
            (variables.get(setting.variable), setting.variable),
            (flags.get(setting.key), setting.flag),
        ):
            if value is not None:
                put_setting(tables, setting, value)
                places[setting.key] = place
    settings = convert_tables(tables, path, places)
    check_settings(settings, path, places)
    return settings


def read_toml(path: Path) -> dict[str, Any]:
    """Read the file as plain values.

    Raises:
        BadConfiguration: it cannot be read, or is no TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise BadConfiguration(f"{path}: found more than {LARGEST} bytes, expected a few")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise BadConfiguration(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise BadConfiguration(f"{path}: found broken TOML ({error})") from None


def anchor_paths(tables: dict[str, Any], directory: Path) -> None:
    """Make the paths in a file relative to its directory."""
    one_of: list[tuple[Any, tuple[str, ...]]] = [
        (tables, ("state", "report", "dead_letters")),
        (tables.get("http"), ("token_file",)),
    ]
    for name in SOURCES:
        found = tables.get(name)
        one_of += [(table, PATHS) for table in (found if isinstance(found, list) else [])]
    for table, names in one_of:
        for name in names:
            if isinstance(table, dict) and isinstance(table.get(name), str) and table[name]:
                table[name] = str(directory / table[name])


def put_setting(tables: dict[str, Any], setting: Setting, text: str) -> None:
    """Put what a variable or a flag says in the place of what the file says."""
    table = tables.setdefault(setting.section, {}) if setting.section else tables
    if not isinstance(table, dict):
        return  # the file is wrong there, which is said below
    table[setting.name] = (
        [one.strip() for one in text.split(",") if one.strip()]
        if setting.name == "hosts"
        else Text(text)
    )


class Text(str):
    """A value that was given as text, whatever its type is to be."""

    __slots__ = ()


def convert_tables(tables: dict[str, Any], path: Path, places: Mapping[str, str]) -> Settings:
    """Turn plain values into settings.

    Raises:
        BadConfiguration: a key is unknown or missing, or its value is of the wrong type.
    """
    made: dict[str, Any] = {}
    for name, struct in SECTIONS.items():
        if name in tables:
            made[name] = struct(**convert_table(tables.pop(name), struct, name, path, places))
    for name, struct in SOURCES.items():
        found = tables.pop(name, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise BadConfiguration(
                f"{path}: {name}: found {show_value(found)}, expected tables, as in [[{name}]]"
            )
        made[name] = tuple(
            struct(**convert_table(one, struct, f"{name}[{index}]", path, places))
            for index, one in enumerate(found)
        )
    return Settings(**convert_table(tables, Settings, "", path, places), **made)


def convert_table(
    table: Any, struct: type[Struct], key: str, path: Path, places: Mapping[str, str]
) -> dict[str, Any]:
    """Convert the values of one table.

    Raises:
        BadConfiguration: a key is unknown or missing, or its value is of the wrong type.
    """
    if not isinstance(table, dict):
        raise BadConfiguration(
            f"{path}: {key}: found {show_value(table)}, expected a table, as in [{key}]"
        )
    inside = f"{key}." if key else ""
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    for name in table:
        if name not in fields:
            raise BadConfiguration(
                f"{path}: {inside}{name}: found an unknown key, expected one of {', '.join(fields)}"
            )
    made: dict[str, Any] = {}
    for name, field in fields.items():
        if name in table:
            place = places.get(f"{inside}{name}", f"{path}: {inside}{name}")
            made[name] = convert_value(table[name], field.type, place)
        elif field.required:
            wanted = describe_type(type_info(field.type))
            raise BadConfiguration(f"{path}: {inside}{name}: found nothing, expected {wanted}")
    return made


def convert_value(value: Any, kind: Any, place: str) -> Any:
    """Convert one value; what came from outside the file is text, whatever it is to be.

    Raises:
        BadConfiguration: it is none of that type.
    """
    try:
        if isinstance(value, Text):
            return msgspec.convert(str(value), kind, strict=False, dec_hook=make_path)
        return msgspec.convert(value, kind, dec_hook=make_path)
    except msgspec.ValidationError:
        wanted = describe_type(type_info(kind))
        raise BadConfiguration(f"{place}: found {show_value(value)}, expected {wanted}") from None


def make_path(kind: type, value: Any) -> Any:
    """Make a path of a text."""
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError
