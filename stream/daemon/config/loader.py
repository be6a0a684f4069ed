"""Load the daemon's settings: a flag over a variable over the file over the default."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.inspect import type_info

from stream.daemon.config.checks import check_settings
from stream.daemon.config.conversion import ARRAYS, SECTIONS, Text, convert_tables
from stream.daemon.config.problems import Problems
from stream.daemon.config.settings import Settings
from stream.providers.prices.choice import DEFAULT
from stream.records.errors import BadConfiguration

__all__ = ["Setting", "load_settings", "read_settings", "settings_of"]

PATHS: Final = ("path", "evidence", "key_file", "out")
"""What of a source or an export is a path."""
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
        elif field.name not in ARRAYS:
            yield Setting(section, field.name, field.type.extra_json_schema["description"])


def load_settings(path: Path, variables: Mapping[str, str], flags: Mapping[str, str]) -> Settings:
    """Load and check the settings; ``flags`` are values by key.

    Paths in the file are relative to its directory, those of variables and flags to where the
    command runs.

    Raises:
        BadConfiguration: with each key's path, what was found and what was expected.
    """
    settings, problems = read_settings(path, variables, flags)
    problems.raise_all()
    return settings


def read_settings(
    path: Path, variables: Mapping[str, str], flags: Mapping[str, str]
) -> tuple[Settings, Problems]:
    """Read the settings, as :func:`load_settings`, and all that is wrong with them.

    Raises:
        BadConfiguration: the file cannot be read, or is no TOML.
    """
    tables = read_toml(path)
    problems = Problems(path)
    anchor_paths(tables, path.parent)
    for setting in settings_of():
        for value, place in (
            (variables.get(setting.variable), setting.variable),
            (flags.get(setting.key), setting.flag),
        ):
            if value is not None:
                put_setting(tables, setting, value)
                problems.places[setting.key] = place
    settings = convert_tables(tables, problems)
    check_settings(settings, problems)
    return settings, problems


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
    price_file = () if tables.get("prices") == DEFAULT else ("prices",)
    one_of: list[tuple[Any, tuple[str, ...]]] = [
        (tables, ("state", "report", "dead_letters", *price_file)),
        (tables.get("http"), ("token_file", "tls_cert", "tls_key")),
    ]
    for name in ARRAYS:
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
