"""Load the daemon's settings: a flag over a variable over the file over the default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.inspect import type_info

from stream.config.daemon import MAX_PORT, Http, Log, Pace, Settings, Watch
from stream.errors import BadConfiguration

__all__ = ["Setting", "load", "settings_of", "token_of"]

SECTIONS: Final[dict[str, type[Struct]]] = {"http": Http, "log": Log}
SOURCES: Final[dict[str, type[Struct]]] = {"watch": Watch, "pace": Pace}
VARIABLE: Final = "USAGE_STREAM_"
LARGEST: Final = 1024 * 1024
SHORTEST_TOKEN: Final = 16
UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`(?: - at `(.*)`)?", re.DOTALL)
MISSING: Final = re.compile(r"Object missing required field `(.*)`(?: - at `(.*)`)?", re.DOTALL)
OTHER: Final = re.compile(r"(.*) - at `(.*)`", re.DOTALL)


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


def load(path: Path, variables: Mapping[str, str], flags: Mapping[str, str]) -> Settings:
    """Load and check the settings; ``flags`` are values by key.

    Paths in the file are relative to its directory, those of variables and flags to where the
    command runs.

    Raises:
        BadConfiguration: with the key's path, what was found and what was expected.
    """
    tables = read_toml(path)
    places = {setting.key: f"{path}: {setting.key}" for setting in settings_of()}
    anchored(tables, path.parent)
    for setting in settings_of():
        for value, place in (
            (variables.get(setting.variable), setting.variable),
            (flags.get(setting.key), setting.flag),
        ):
            if value is not None:
                put(tables, setting, value)
                places[setting.key] = place
    settings = converted(tables, path, places)
    check(settings, path, places)
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
            raise BadConfiguration(f"{path}: found more than {LARGEST} bytes, expected settings")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise BadConfiguration(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise BadConfiguration(f"{path}: found broken TOML ({error})") from None


def anchored(tables: dict[str, Any], directory: Path) -> None:
    """Make the paths in a file relative to its directory."""
    one_of: list[tuple[Any, tuple[str, ...]]] = [
        (tables, ("state", "report", "dead_letters")),
        (tables.get("http"), ("token_file",)),
    ]
    for name in SOURCES:
        found = tables.get(name)
        one_of += [(table, ("path",)) for table in (found if isinstance(found, list) else [])]
    for table, names in one_of:
        for name in names:
            if isinstance(table, dict) and isinstance(table.get(name), str) and table[name]:
                table[name] = str(directory / table[name])


def put(tables: dict[str, Any], setting: Setting, text: str) -> None:
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


def converted(tables: dict[str, Any], path: Path, places: Mapping[str, str]) -> Settings:
    """Turn plain values into settings.

    Raises:
        BadConfiguration: a key is unknown or missing, or its value is of the wrong type.
    """
    made: dict[str, Any] = {}
    for name, value in tables.items():
        if name in SECTIONS:
            made[name] = convert(value, SECTIONS[name], name, path, places)
        elif name in SOURCES:
            if not isinstance(value, list):
                raise BadConfiguration(f"{path}: {name}: expected tables, as in [[{name}]]")
            made[name] = tuple(
                convert(one, SOURCES[name], f"{name}[{index}]", path, places)
                for index, one in enumerate(value)
            )
    plain = {name: value for name, value in tables.items() if name not in made}
    settings: Settings = convert(plain, Settings, "", path, places)
    return msgspec.structs.replace(settings, **made)


def convert(value: Any, struct: Any, key: str, path: Path, places: Mapping[str, str]) -> Any:
    """Convert one table, its texts from outside the file first."""
    if not isinstance(value, dict):
        raise BadConfiguration(f"{path}: {key}: expected a table, as in [{key}]")
    types = {field.name: field.type for field in msgspec.structs.fields(struct)}
    for name, text in value.items():
        if isinstance(text, Text) and name in types:
            full = f"{key}.{name}" if key else name
            try:
                value[name] = msgspec.convert(str(text), types[name], strict=False, dec_hook=hook)
            except msgspec.ValidationError as error:
                raise BadConfiguration(f"{places[full]}: {error}") from None
            if isinstance(value[name], Path):
                value[name] = str(value[name])
    try:
        return msgspec.convert(value, struct, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise BadConfiguration(explained(str(error), key, path, places)) from None


def hook(kind: type, value: Any) -> Any:
    """Make a path of a text."""
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError(f"Expected a path, got `{type(value).__name__}`")


def explained(message: str, key: str, path: Path, places: Mapping[str, str]) -> str:
    """Say what is wrong, with the key's path in front."""

    def full(inside: str | None, name: str = "") -> str:
        parts = (key, (inside or "$").removeprefix("$").removeprefix("."), name)
        return ".".join(part for part in parts if part)

    if match := UNKNOWN.fullmatch(message):
        name = full(match[2], match[1])
        return f"{path}: {name}: found an unknown key; see usage-stream daemon --help"
    if match := MISSING.fullmatch(message):
        return f"{path}: {full(match[2], match[1])}: found nothing, expected a value"
    if match := OTHER.fullmatch(message):
        found = full(match[2])
        return f"{places.get(found, f'{path}: {found}')}: {match[1]}"
    return f"{path}: {key}: {message}" if key else f"{path}: {message}"


def check(settings: Settings, path: Path, places: Mapping[str, str]) -> None:
    """See that the settings go together.

    Raises:
        BadConfiguration: they do not.
    """
    sources: list[Watch | Pace] = [*settings.watch, *settings.pace]
    if not sources:
        raise BadConfiguration(f"{path}: watch: found no source, expected [[watch]] or [[pace]]")
    names = [one.name for one in sources]
    for name in names:
        if names.count(name) > 1:
            said = f'two sources named "{name}"' if name else "two sources without a name"
            raise BadConfiguration(
                f"{path}: watch: found {said}; give each its own, as state knows pages by it"
            )
    for index, pace in enumerate(settings.pace):
        if not pace.rate:
            raise BadConfiguration(f"{path}: pace[{index}].speed: expected more than 0, as in 1d/s")
    outputs = [settings.state, settings.report, settings.dead_letters / "dead_letters.ndjson"]
    if len({one.absolute() for one in outputs}) < len(outputs):
        raise BadConfiguration(
            f"{path}: report: state, report and dead letters must not be one file"
        )
    http = settings.http
    if http.address[1] > MAX_PORT:
        raise BadConfiguration(f"{places['http.listen']}: expected a port up to {MAX_PORT}")
    if http.token_file is not None:
        token_of(http.token_file)
    elif not http.loopback and not http.allow_anonymous:
        raise BadConfiguration(
            f"{places['http.listen']}: {http.listen} can be reached from other machines; "
            "set http.token_file, or http.allow_anonymous = true"
        )


def token_of(path: Path) -> bytes:
    """Return the bearer token in a file.

    Raises:
        BadConfiguration: it cannot be read, or holds no token.
    """
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise BadConfiguration(
            f"http.token_file: {path}: cannot be read ({error.strerror})"
        ) from None
    if len(token) < SHORTEST_TOKEN or not re.fullmatch(rb"[A-Za-z0-9._~+/=-]+", token):
        raise BadConfiguration(
            f"http.token_file: {path}: expected a token of {SHORTEST_TOKEN} or more letters, "
            "digits and ._~+/=-"
        )
    return token
