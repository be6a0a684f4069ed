"""The daemon's configuration: what goes over what, and what is refused, with which words."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from stream.daemon.config import PollSettings, Setting, load_settings, settings_of, token_of
from stream.providers.openai import ENDPOINTS
from tests.support.configurations import (
    BAD_FILES,
    BAD_TEXTS,
    BAD_VALUES,
    BASE,
    SECONDS,
    WATCH,
    in_file,
    refused,
    settings,
)
from tests.support.pages import DAY, put
from tests.support.places import DEPLOY
from tests.support.running import run

TOKEN = "0123456789abcdef"
SETTINGS = {setting.key: setting for setting in settings_of()}
TLS = {"http.tls_cert", "http.tls_key"}
"""Keys that go together, and want real files."""
# A value that is no default for each key, as the file has it.
OTHERS: dict[str, Any] = {
    "state": "other.db",
    "report": "other.json",
    "dead_letters": "others",
    "details": True,
    "channel_capacity": 7,
    "max_page_bytes": 1000,
    "memory": "64KiB",
    "checkpoint_pages": 8,
    "checkpoint_seconds": 0.25,
    "report_seconds": 9.5,
    "settle_seconds": 2.0,
    "rescan_seconds": 3.0,
    "walk_seconds": 2.5,
    "give_up_seconds": 4.0,
    "stop_seconds": 6.0,
    "series_limit": 10,
    "retention": 2_592_000.0,
    "retention_drops": True,
    "prices": "prices.toml",
    "http.listen": "[::1]:1234",
    "http.hosts": ["a.example", "b.example"],
    "http.token_file": "token",
    "http.tls_cert": "cert.pem",
    "http.tls_key": "key.pem",
    "http.allow_anonymous": True,
    "log.level": "debug",
    "log.format": "json",
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory without the file, which is in ``etc``; both have a token."""
    (tmp_path / "etc").mkdir()
    for directory in (tmp_path, tmp_path / "etc"):
        put(directory, "token", TOKEN)
        put(directory, "prices.toml", "default = false\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def as_text(value: Any) -> str:
    """Write a value as variables and flags have it."""
    return ", ".join(value) if isinstance(value, list) else str(value).replace("True", "true")


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused(name: str) -> None:
    """What is wrong is named by file and key, with what was found and what was expected."""
    text, message = BAD_FILES[name]
    assert refused(text).startswith(f"etc/config.toml: {message}")


@pytest.mark.parametrize(("key", "value", "message"), BAD_VALUES)
def test_a_bad_value_is_refused(key: str, value: Any, message: str) -> None:
    """What is wrong with a value is named by the key that has it."""
    place = "" if message.startswith("dead_letters") else f"{key}: "
    assert refused(in_file(key, value)).startswith(f"etc/config.toml: {place}{message}")


@pytest.mark.parametrize(("key", "text", "message"), BAD_TEXTS)
@pytest.mark.parametrize("by", ["variable", "flag"])
def test_a_bad_variable_or_flag_is_named(
    by: str, key: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a variable or a flag says wrongly is named by it, and not by the file."""
    setting = SETTINGS[key]
    if by == "variable":
        monkeypatch.setenv(setting.variable, text)
        assert refused(BASE + WATCH).startswith(f"{setting.variable}: {message}")
    else:
        assert refused(BASE + WATCH, setting.flag, text).startswith(f"{setting.flag}: {message}")


def test_a_file_that_cannot_be_read_is_refused(place: Path) -> None:
    """A missing file, and a directory in its place, are configuration errors."""
    code, output, errors = run(["check-config", "--config", "none.toml"])
    assert (code, output) == (78, "")
    assert errors == "usage-stream: none.toml: cannot be read (No such file or directory)\n"
    code, output, errors = run(["check-config", "--config", str(place)])
    assert (code, output) == (78, "")
    assert errors == f"usage-stream: {place}: cannot be read (Is a directory)\n"


def test_without_a_file_the_command_is_misused() -> None:
    """The file must be named, by flag or variable."""
    assert run(["check-config"])[0] == 2


def test_the_file_can_be_named_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """USAGE_STREAM_CONFIG names the file as --config does."""
    put(Path("etc"), "config.toml", BASE + WATCH)
    Path("etc", "pages").mkdir()
    monkeypatch.setenv("USAGE_STREAM_CONFIG", "etc/config.toml")
    assert run(["check-config"])[0] == 0


def test_there_is_a_value_to_try_for_every_key() -> None:
    """The tests of each setting leave none out."""
    assert OTHERS.keys() == SETTINGS.keys()


@pytest.mark.parametrize("key", sorted(SETTINGS.keys() - TLS))
def test_a_flag_goes_over_a_variable_over_the_file_over_the_default(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each key, the nearest of the four that says something is heeded."""
    setting, other = SETTINGS[key], OTHERS[key]
    path = key in {"state", "report", "dead_letters", "prices", "http.token_file"}
    default = settings(BASE + WATCH)[key]
    assert default != other
    said = settings(in_file(key, other))
    assert said[key] == (f"etc/{other}" if path else other)
    monkeypatch.setenv(setting.variable, as_text(other))
    assert settings(BASE + WATCH)[key] == other
    if key != "http.token_file":
        others = {"http.hosts": ["c"], "retention": 777_600.0, "memory": "2gib"}
        if key == "prices":
            put(Path(), "here", "default = false\n")
        last = "here" if path else others.get(key, default)
        assert settings(BASE + WATCH, setting.flag, as_text(last).lower())[key] == last
    else:
        put(Path(), "here", TOKEN)
        assert settings(BASE + WATCH, setting.flag, "here")[key] == "here"


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_is_in_the_help(setting: Setting) -> None:
    """Each setting has a flag, a variable, and a sentence that says what it does."""
    shown = " ".join(run(["daemon", "--help"])[1].split())
    assert setting.help.endswith(".")
    assert f"{setting.flag} VALUE {setting.help} Also {setting.variable}." in shown


def test_paths_of_sources_are_relative_to_the_file(place: Path) -> None:
    """A relative path in the file is one from the file's directory; an absolute one stays."""
    text = f'{WATCH}[[pace]]\npath = "{place}/etc/a"\nname = "demo"\nspeed = "1d/s"\n'
    found = settings(BASE + text)
    assert found["watch"][0]["path"] == "etc/pages"
    assert found["pace"][0]["path"] == f"{place}/etc/a"
    assert found["state"] == "etc/state.db"


def test_an_account_is_shown_as_it_is_asked() -> None:
    """What comes of a ``[[poll]]`` has every key, paths from the file's directory, and no key."""
    put(Path("etc"), "key", "")
    text = '[[poll]]\nname = "acme"\nsince = "2026-10-01"\nevidence = "kept"\nkey_file = "key"\n'
    (found,) = settings(BASE + text)["poll"]
    assert found.keys() == {field.name for field in msgspec.structs.fields(PollSettings)}
    assert (found["evidence"], found["key_file"]) == ("etc/kept", "etc/key")
    assert (found["width"], found["every"], found["costs_settle"]) == ("1h", 300, 3 * DAY)
    assert len(found["endpoints"]) == len(ENDPOINTS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "since: found nothing, expected a day, such as 2026-10-01"),
        ('since = "October"', 'since: found "October", expected a day, such as 2026-10-01'),
        ('since = "2026-02-30"', 'since: found "2026-02-30", expected a day'),
        ('name = "a/b"', 'name: found "a/b", expected up to 100 letters, digits and ._-'),
        ('provider = "acme"', 'provider: found "acme", expected '),
        (
            'keep = "long"',
            'keep: found "long", expected seconds from 0 to 3153600000, or a time, such as',
        ),
        ('endpoints = ["usage/none"]', 'endpoints: found ["usage/none"], expected '),
        ('width = "5m"', 'width: found "5m", expected one of "1d", "1h", "1m"'),
        ('every = "0s"', f'every: found "0s", {SECONDS}'),
        ("costs_every = true", f"costs_every: found true, {SECONDS}"),
        ('costs_every = "60"', f'costs_every: found "60", {SECONDS}'),
        ("lists_every = 0", f"lists_every: found 0, {SECONDS}"),
        ('settle = "1w"', 'settle: found "1w", expected seconds from 0 to 3153600000, or'),
        ('costs_settle = ""', 'costs_settle: found "", expected seconds from 0 to 3153600000, or'),
        ("settle = -1", "settle: found -1, expected seconds from 0 to 3153600000, or"),
        ('lists = "no"', 'lists: found "no", expected true or false'),
        ("requests_per_minute = 0", "requests_per_minute: found 0, expected a whole number from 1"),
        ("burst = 1001", "burst: found 1001, expected a whole number from 1 to 1000"),
        ("key_file = 1", "key_file: found 1, expected a path"),
        ('evidence = ""', 'evidence: found "", expected a path'),
        ('key = "sk"', "key: found an unknown key, expected one of name, provider, since, "),
    ],
)
def test_a_bad_account_is_refused(line: str, message: str) -> None:
    """What is wrong with a ``[[poll]]`` is named by its key, with what was expected."""
    lines = {"since": 'since = "2026-10-01"', "evidence": 'evidence = "kept"'}
    lines[line.partition(" ")[0] or "since"] = line
    text = "\n".join(["[[poll]]", *lines.values(), ""])
    assert refused(BASE + text).startswith(f"etc/config.toml: poll[0].{message}")


def test_service_variables_of_a_cluster_are_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kubernetes sets for a Service named usage-stream is no setting."""
    plain = settings(BASE + WATCH)
    address = "tcp://10.0.0.1:9464"
    for name, value in {
        "PORT": address,
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "9464",
        "SERVICE_PORT_HTTP": "9464",
        "PORT_9464_TCP": address,
        "PORT_9464_TCP_PROTO": "tcp",
        "PORT_9464_TCP_PORT": "9464",
        "PORT_9464_TCP_ADDR": "10.0.0.1",
    }.items():
        monkeypatch.setenv(f"USAGE_STREAM_{name}", value)
    assert settings(BASE + WATCH) == plain


@pytest.mark.parametrize(
    "content",
    ["", "\n", TOKEN[:-1], "a token with spaces", f"{TOKEN}\n{TOKEN}", "ü" * 16, "a" * 4097],
    ids=["empty", "blank", "short", "spaces", "two", "no letters", "long"],
)
def test_a_file_without_a_token_is_refused(content: str) -> None:
    """A token has 16 or more letters, digits and marks; what the file holds is not quoted."""
    put(Path("etc"), "token", content)
    message = "found no token in it, expected 16 or more letters, digits and ._~+/=-"
    said = refused(in_file("http.token_file", "token"))
    assert said == f"etc/config.toml: http.token_file: etc/token: {message}"


def test_a_token_may_be_read_by_a_group() -> None:
    """A file of mode 0440, as a mounted secret has, with a line end, holds a token."""
    put(Path("etc"), "token", f"{TOKEN}\n").chmod(0o440)
    assert settings(in_file("http.token_file", "token"))["http.token_file"] == "etc/token"
    assert token_of(Path("etc/token")) == TOKEN.encode()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_loopback_wants_no_token(host: str) -> None:
    """What only this machine can ask is served to anyone."""
    assert settings(in_file("http.listen", f"{host}:9464"))["http.listen"] == f"{host}:9464"


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3", "[::]", "usage.example"])  # noqa: S104 -- what is refused
def test_beyond_loopback_a_token_is_wanted(host: str) -> None:
    """Other machines may ask with a token, or when it is said that anyone may."""
    listen = in_file("http.listen", f"{host}:9464")
    message = f'http.listen: found "{host}:9464", which other machines can reach, expected'
    assert refused(listen).startswith(f"etc/config.toml: {message}")
    assert settings(listen, "--http-token-file", "token")["http.token_file"] == "token"
    assert settings(listen, "--http-allow-anonymous", "true")["http.allow_anonymous"] is True


DEPLOYED = {
    "systemd": (DEPLOY / "usage-stream.toml").read_text("utf-8"),
    "compose": (DEPLOY / "compose" / "usage-stream.toml").read_text("utf-8"),
    "kubernetes": yaml.safe_load((DEPLOY / "kubernetes" / "configmap.yaml").read_text("utf-8"))[
        "data"
    ]["usage-stream.toml"],
}


@pytest.mark.parametrize("name", DEPLOYED)
def test_what_is_deployed_is_a_configuration(name: str) -> None:
    """Each configuration in deploy/ loads, and says what its file says."""
    text = DEPLOYED[name]
    given = {"http.token_file": "token"} if "\ntoken_file" in text else {}
    found = load_settings(put(Path("etc"), "config.toml", text), {}, given)
    plain = tomllib.loads(text)
    assert found.http.listen == plain["http"]["listen"]
    assert str(found.state) == plain["state"]
    assert len(found.watch) + len(found.pace) == 1


def test_the_export_in_the_example_has_the_defaults() -> None:
    """What it shows is what holds without it, but for a service, and a file of another format."""
    found = re.search(r"(?m)^# (\[\[export\]\]\n(^# .*\n)+)", DEPLOYED["systemd"])
    assert found is not None
    lines = found[1].replace("\n# ", "\n").splitlines()
    keys = ("service", "out")
    kept = "\n".join(one for one in lines if not one.startswith(keys))
    shown = settings(f"{BASE}{WATCH}{kept}")["export"]
    assert shown == settings(f'{BASE}{WATCH}[[export]]\nformat = "postgres"')["export"]
    assert {one.partition(" ")[0] for one in lines[1:]} == shown[0].keys()


def test_the_values_that_are_shown_in_the_example_are_the_defaults() -> None:
    """What the deployed example shows behind a # is what holds without it."""
    text = re.sub(
        r"(?m)^# \[\[(poll|budget|export)\]\]\n(^#.*\n)+", "", DEPLOYED["systemd"]
    )  # examples of their own
    shown = text.replace("\n# ", "\n")
    lines = [line for line in shown.splitlines() if not line or "=" in line or line[0] == "["]
    left_out = ("hosts", "Keys", "tls_", "retention ", "prices ")
    lines = [line for line in lines if not line.startswith(left_out)]
    with_them = load_settings(put(Path("etc"), "config.toml", "\n".join(lines)), {}, {})
    assert "channel_capacity" in tomllib.loads("\n".join(lines))
    assert with_them == load_settings(put(Path("etc"), "config.toml", text), {}, {})
