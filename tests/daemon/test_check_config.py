"""All that is wrong with a configuration is told at once, with what it names; and durations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.certificates import make_authority, make_certificate
from tests.support.configurations import (
    BASE,
    SECONDS,
    WATCH,
    checked,
    in_file,
    problems_of,
    refused,
    settings,
)
from tests.support.pages import DAY, put, put_all

BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()
"""Root is kept out of what is closed, as everybody is."""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a directory without the file, which is in ``etc``, beside a token."""
    put_all(tmp_path / "etc", {"token": "0123456789abcdef"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_that_is_wrong_is_listed() -> None:
    """Unknown, missing and bad values of all tables, and what does not go together: a line each."""
    text = """
stat = 1
report = "config.toml"
dead_letters = "dead"
checkpoint_seconds = "5 minutes"
series_limit = 0
[http]
listen = "0.0.0.0:9464"
port = 1
[log]
level = "loud"
[[watch]]
path = "pages"
name = "a b"
[[watch]]
name = "second"
[[pace]]
path = "a"
speed = "0d/s"
[[poll]]
name = "acme"
since = "2026-02-30"
every = "0s"
evidence = "pages/kept"
"""
    expected = [
        "stat: found an unknown key, expected one of ",
        "state: found nothing, expected a path",
        f'checkpoint_seconds: found "5 minutes", {SECONDS}',
        "series_limit: found 0, expected a whole number from 1",
        "http.port: found an unknown key, expected one of ",
        'log.level: found "loud", expected one of ',
        'watch[0].name: found "a b", expected up to 100 letters',
        "watch[1].path: found nothing, expected a path",
        f'poll[0].every: found "0s", {SECONDS}',
        'pace[0].speed: found "0d/s", expected more than 0',
        'poll[0].since: found "2026-02-30", expected a day',
        "report: found etc/config.toml, which is the configuration too, expected a file of its own",
        "poll[0].evidence: found etc/pages/kept, which is inside of watch[0].path, expected a ",
        'http.listen: found "0.0.0.0:9464", which other machines can reach, expected http.token',
    ]
    problems = [one.removeprefix("etc/config.toml: ") for one in problems_of(text)]
    assert len(problems) == len(expected)
    assert [one for one, wanted in zip(problems, expected, strict=True) if wanted not in one] == []


def test_a_daemon_lists_everything_too() -> None:
    """What a daemon is started with is refused as the check refuses it, before anything is made."""
    put(Path("etc"), "config.toml", in_file("report", "state.db") + "glob = 1\n")
    command = [sys.executable, "-m", "stream", "daemon", "--config", "etc/config.toml"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert ended.stderr.splitlines() == [
        (
            "usage-stream: etc/config.toml: watch[0].glob: found an unknown key, "
            "expected one of path, name, every, costs_every, lists_every"
        ),
        (
            "usage-stream: etc/config.toml: report: found etc/state.db, which is state too, "
            "expected a file of its own"
        ),
    ]
    assert sorted(one.name for one in Path("etc").iterdir()) == ["config.toml", "token"]


def test_problems_without_end_are_cut() -> None:
    """A file of another kind has any number of unknown keys; a hundred are told."""
    problems = problems_of(BASE + "".join(f"key{number} = 1\n" for number in range(150)) + WATCH)
    assert len(problems) == 101
    assert problems[-1] == "etc/config.toml: 50 more"


ACCOUNT = '[[poll]]\nname = "acme"\nsince = "2026-10-01"\nevidence = "{}"\n'
APART = "expected a place outside: what is in there is read as pages"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            in_file("state", "pages/s"),
            f"state: found etc/pages/s, which is inside of watch[0].path, {APART}",
        ),
        (
            in_file("report", "link/r"),
            "report: found etc/link/r, which is inside of watch[0].path, ",
        ),
        (
            in_file("dead_letters", "pages"),
            "dead_letters: found etc/pages/dead_letters.ndjson, which ",
        ),
        (
            in_file("state", "report.json/s"),
            "report: found etc/report.json, which cannot be beside state",
        ),
        (
            in_file("dead_letters", "state.db"),
            "dead_letters: found etc/state.db/dead_letters.ndjson, w",
        ),
        (
            in_file("report", "config.toml"),
            "report: found etc/config.toml, which is the configuration",
        ),
        (in_file("http.token_file", "token") + 'name = "a"\n', ""),
        (
            in_file("state", "a/s") + '[[pace]]\npath = "a"\nname = "p"\nspeed = "1d/s"\n',
            "state: found etc/a/s, which is inside of pace[0].path, ",
        ),
        (
            in_file("state", "kept/s") + ACCOUNT.format("kept"),
            "state: found etc/kept/s, which is inside of poll[0].evidence, ",
        ),
        (
            f'{BASE}{WATCH}[[watch]]\npath = "link"\nname = "b"\n',
            "watch[1].path: found etc/link, which is watch[0].path too, expected direct",
        ),
        (
            f'{BASE}[[watch]]\npath = "pages/sub"\nname = "b"\n{WATCH}',
            "watch[0].path: found etc/pages/sub, which is inside of watch[1].path, expected direct",
        ),
        (
            BASE + WATCH + ACCOUNT.format("pages/kept"),
            "poll[0].evidence: found etc/pages/kept, which is inside of watch[0].path, expected a",
        ),
        (
            BASE + WATCH + ACCOUNT.format("."),
            "watch[0].path: found etc/pages, which is inside of poll[0].evidence, exp",
        ),
        (
            BASE + ACCOUNT.format("a") + ACCOUNT.format("a/b").replace("acme", "other"),
            "poll[1].evidence: found etc/a/b, which is inside of poll[0].evidence, exp",
        ),
        (BASE + ACCOUNT.format("a") + ACCOUNT.format("a").replace("acme", "other"), ""),
    ],
)
def test_places_are_apart(text: str, message: str) -> None:
    """What is written is not read as pages and overwrites nothing; nothing is watched twice."""
    Path("etc", "pages", "sub").mkdir(parents=True)
    Path("etc", "link").symlink_to("pages")
    problems = checked(text)[2]
    assert [one for one in problems if one.startswith(f"etc/config.toml: {message}")] == problems[
        :1
    ]
    assert bool(problems) == bool(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f'{BASE}[[watch]]\npath = "none"\n',
            "watch[0].path: found etc/none, which is not there, ",
        ),
        (
            f'{BASE}[[watch]]\npath = "token"\n',
            "watch[0].path: found etc/token, which is none, exp",
        ),
        (
            f'{BASE}[[pace]]\npath = "none"\nspeed = "1d/s"\n',
            "pace[0].path: found etc/none, which is not there, expected a directory",
        ),
        (
            in_file("state", "token/s"),
            "state: found etc/token/s, but {}/etc/token is no directory, e",
        ),
        (
            in_file("report", "b"),
            "report: found etc/b, where something else stands, expected a regular",
        ),
        (
            BASE + WATCH + ACCOUNT.format("token/kept"),
            "poll[0].evidence: found etc/token/kept, but {}/etc/token is no directory, ex",
        ),
        (
            BASE + WATCH + ACCOUNT.format("kept") + 'key_file = "none"\n',
            "poll[0].key_file: found etc/none, which is not there, expected a file with",
        ),
        (BASE + WATCH + ACCOUNT.format("new/kept"), ""),
        (in_file("state", "new/s"), ""),
    ],
)
def test_what_is_named_is_there(text: str, message: str, place: Path) -> None:
    """Directories that are missing, and places that cannot be written, are named; none is made."""
    problems = checked(text)[2]
    wanted = [f"etc/config.toml: {message.format(place)}"] if message else []
    assert [one[: len(wanted[0])] for one in problems] == wanted
    assert not Path("etc", "new").exists()


@pytest.mark.needs_program("setpriv")
def test_what_may_not_be_read_or_written_is_named() -> None:
    """A directory that is closed to who checks is named as source and as place of an output."""
    Path("etc", "closed").mkdir(mode=0)
    put(Path("etc"), "config.toml", in_file("state", "closed/s").replace('"pages"', '"closed"'))
    command = [*BOUND, sys.executable, "-m", "stream", "check-config", "--config"]
    ended = subprocess.run(
        [*command, "etc/config.toml"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 78
    assert "which may not be read, expected a directory that may" in ended.stderr
    assert "may not be written, expected a directory that may" in ended.stderr


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("90s", 90), ("5m", 300), ("1.5h", 5400), ("7d", 7 * DAY), (0.25, 0.25), (12, 12)],
)
def test_a_duration_is_a_number_or_a_text(
    value: str | float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever seconds can be given a time with its unit can be, in a file and outside of it."""
    assert settings(in_file("report_seconds", value))["report_seconds"] == seconds
    assert settings(BASE + WATCH, "--stop-seconds", str(value))["stop_seconds"] == seconds
    monkeypatch.setenv("USAGE_STREAM_WALK_SECONDS", str(value))
    assert settings(BASE + WATCH)["walk_seconds"] == seconds
    line = f"costs_settle = {value!r}\nkeep = {value!r}\nlists_every = {value!r}\n"
    (poll,) = settings(BASE + ACCOUNT.format("kept") + line)["poll"]
    assert (poll["costs_settle"], poll["keep"], poll["lists_every"]) == (seconds,) * 3


def certified(*, cert: str = "cert.pem", key: str = "key.pem") -> str:
    """Write a configuration with a certificate and its key; an empty name stands for none."""
    lines = [f'{name} = "{file}"' for name, file in (("tls_cert", cert), ("tls_key", key)) if file]
    return "\n".join([BASE, "[http]", *lines, WATCH])


def test_a_certificate_goes_with_its_key(place: Path) -> None:
    """Both are wanted, must be readable, and must belong together; each fault is told."""
    authority = make_authority(place)
    made = make_certificate(authority, place / "etc")
    assert settings(certified())["http.tls_cert"] == "etc/cert.pem"
    flags = ("--http-tls-cert", "etc/cert.pem", "--http-tls-key", "etc/key.pem")
    assert settings(BASE + WATCH, *flags)["http.tls_key"] == "etc/key.pem"
    where = "etc/config.toml: http.tls_cert"
    assert refused(certified(cert="")) == (
        f"{where}: found nothing, expected the certificate of its key"
    )
    assert refused(certified(key="")) == (
        "etc/config.toml: http.tls_key: found nothing, expected the key of http.tls_cert"
    )
    said = refused(certified(key="none.pem"))
    assert said == f"{where}: etc/none.pem: cannot be read (No such file or directory)"
    wrong = f"{where}: found etc/cert.pem with the key etc/../ca-key.pem, expected a certificate"
    assert refused(certified(key="../ca-key.pem")).startswith(wrong)
    lock = ["openssl", "ec", "-aes128", "-passout", "pass:secret", "-in", str(made.key)]
    subprocess.run([*lock, "-out", "etc/locked.pem"], capture_output=True, check=True)
    assert "without a password" in refused(certified(key="locked.pem"))
    put(place / "etc", "cert.pem", "no certificate")
    assert refused(certified()).startswith(f"{where}: found etc/cert.pem with the key etc/key.pem")
