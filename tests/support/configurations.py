"""Configurations, in etc/config.toml: what comes of them, or why they are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.pages import put
from tests.support.running import run

BASE = """
state = "state.db"
report = "report.json"
dead_letters = "dead"
"""
WATCH = '[[watch]]\npath = "pages"\n'
SECONDS = "expected seconds from 0.01 to 31536000, or a time, such as 90s, 5m, 12h or 7d"


def checked(text: str | bytes, *flags: str) -> tuple[int, str, list[str]]:
    """Check a configuration; return the exit code, stdout, and what is wrong, a line for each.

    What it may watch, ``pages``, ``a`` and ``b``, is there. What paths are relative to is said
    first, unless the file is none.
    """
    put(Path("etc"), "config.toml", text)
    for name in ("pages", "a", "b"):
        Path("etc", name).mkdir(exist_ok=True)
    code, output, errors = run(["check-config", "--config", "etc/config.toml", *flags])
    lines = errors.splitlines()
    assert all(line.startswith("usage-stream: ") for line in lines)
    found = [line.removeprefix("usage-stream: ") for line in lines]
    here = Path.cwd()
    note = (
        f"paths in etc/config.toml are relative to {here}/etc, "
        f"those of variables and flags to {here}"
    )
    return code, output, found[found[:1] == [note] :]


def settings(text: str, *flags: str) -> dict[str, Any]:
    """Return what comes of a good configuration, by key."""
    code, output, problems = checked(text, *flags)
    assert (code, problems) == (0, [])
    found: dict[str, Any] = json.loads(output)
    return found | {
        f"{section}.{name}": value
        for section in ("http", "log")
        for name, value in found[section].items()
    }


def refused(text: str | bytes, *flags: str) -> str:
    """Return why a configuration is refused, where one thing is wrong."""
    (problem,) = problems_of(text, *flags)
    return problem


def problems_of(text: str | bytes, *flags: str) -> list[str]:
    """Return all that is wrong with a configuration."""
    code, output, problems = checked(text, *flags)
    assert (code, output) == (78, "")
    return problems


def in_file(key: str, value: Any) -> str:
    """Write a configuration that has a value for a key."""
    line = f"{key.rpartition('.')[2]} = {json.dumps(value)}\n"
    plain = "".join(one for one in BASE.splitlines(keepends=True) if one.split(" =")[0] != key)
    if "." in key:
        return f"{plain}[{key.partition('.')[0]}]\n{line}{WATCH}"
    return f"{plain}{line}{WATCH}"


MONTHLY = 'monthly = "5 usd"\n'

BAD_FILES: dict[str, tuple[str | bytes, str]] = {
    "broken": ("state = ", "found broken TOML (Invalid value (at end of document))"),
    "deep": ("a = " + "[" * 100_000, "found broken TOML (maximum recursion depth exceeded"),
    "no text": (b"# \xff", "found broken TOML ('utf-8' codec can't decode byte 0xff"),
    "large": (b"#" * 1_048_577, "found more than 1048576 bytes, expected a few"),
    "unknown": (f"{BASE}stat = 1\n{WATCH}", "stat: found an unknown key, expected one of state, "),
    "unknown in http": (
        f"{BASE}{WATCH}[http]\nport = 1\n",
        "http.port: found an unknown key, expected one of listen, hosts, token_file, tls_c",
    ),
    "unknown in log": (
        f"{BASE}{WATCH}[log]\nfile = 1\n",
        "log.file: found an unknown key, expected one of level, format",
    ),
    "unknown in watch": (
        f'{BASE}{WATCH}[[watch]]\npath = "b"\nname = "b"\nglob = "*"\n',
        "watch[1].glob: found an unknown key, expected one of path, name",
    ),
    "unknown in pace": (
        f'{BASE}[[pace]]\npath = "b"\nspeed = "1d/s"\nrate = 1\n',
        "pace[0].rate: found an unknown key, expected one of path, speed, name, loop",
    ),
    "missing": (
        f'state = "s"\ndead_letters = "d"\n{WATCH}',
        "report: found nothing, expected a path",
    ),
    "missing in watch": (
        f'{BASE}[[watch]]\nname = "a"\n',
        "watch[0].path: found nothing, expected a path",
    ),
    "missing in pace": (
        f'{BASE}[[pace]]\npath = "a"\n',
        "pace[0].speed: found nothing, expected event time for a second, such as 1d/s",
    ),
    "no section": (f"http = 9464\n{BASE}{WATCH}", "http: found 9464, expected a table, as in"),
    "no tables": (
        f'watch = "pages"\n{BASE}',
        'watch: found "pages", expected tables, as in [[watch]]',
    ),
    "not all tables": (f"pace = [1]\n{BASE}", "pace: found [1], expected tables, as in [[pace]]"),
    "huge": (
        f"series_limit = 0x{'f' * 5000}\n{BASE}{WATCH}",
        "series_limit: found a number of thousands of digits, expected a whole number from 1",
    ),
    "no source": (BASE, "watch: found no source, expected [[watch]], [[poll]] or [[pace]]"),
    "two names": (
        f'{BASE}{WATCH}name = "a"\n[[pace]]\npath = "b"\nname = "a"\nspeed = "1d/s"\n',
        'watch: found two sources named "a", expected a name for each',
    ),
    "no names": (
        f'{BASE}{WATCH}[[watch]]\npath = "b"\n',
        "watch: found two sources without a name, expected a name for each",
    ),
    "bad name": (
        f'{BASE}{WATCH}name = "a b"\n',
        'watch[0].name: found "a b", expected up to 100 letters, digits and ._-',
    ),
    "no speed": (
        f'{BASE}[[pace]]\npath = "a"\nspeed = "fast"\n',
        'pace[0].speed: found "fast", expected event time for a second, such as 1d/s',
    ),
    "standing still": (
        f'{BASE}[[pace]]\npath = "a"\nspeed = "0d/s"\n',
        'pace[0].speed: found "0d/s", expected more than 0',
    ),
    "no loop": (
        f'{BASE}[[pace]]\npath = "a"\nspeed = "1d/s"\nloop = "yes"\n',
        'pace[0].loop: found "yes", expected true or false',
    ),
    **{
        f"budget, {line}": (f"{BASE}{WATCH}[[budget]]\n{MONTHLY}{line}\n", f"budget[0].{message}")
        for line, message in (
            ("limit = 1", "limit: found an unknown key, expected one of monthly, project, warn"),
            ("project = 1", "project: found 1, expected a project's id or name, of up to 200"),
            ('project = ""', 'project: found "", expected a project\'s id or name, of up to 200'),
            ('project = " "', 'project: found " ", expected a project, or no such key'),
            ('project = "__all__"', 'project: found "__all__", expected a project, or no such key'),
            ("warn = 0.5", "warn: found 0.5, expected up to 10 shares from 0 to 10, as [0.5, 1.0]"),
            ("warn = [0.0]", "warn: found [0.0], expected up to 10 shares from 0 to 10"),
            ("warn = [11.0]", "warn: found [11.0], expected up to 10 shares from 0 to 10"),
            ("warn = [0.8, 0.5]", "warn: found 0.8, 0.5, expected shares in rising order"),
            ("warn = [0.5, 0.5]", "warn: found 0.5, 0.5, expected shares in rising order"),
            ("warn = [nan]", "warn: found "),
        )
    },
    **{
        f"a month for {monthly}": (
            f'{BASE}{WATCH}[[budget]]\nmonthly = "{monthly}"\n',
            f'budget[0].monthly: found "{monthly}", expected {wanted}',
        )
        for monthly, wanted in (
            ("500", 'an amount and its currency, such as "500 usd"'),
            ("-5 usd", 'an amount and its currency, such as "500 usd"'),
            ("1e3 usd", 'an amount and its currency, such as "500 usd"'),
            ("5 dollars", 'an amount and its currency, such as "500 usd"'),
            ("0.00 usd", "more than 0"),
            ("500 zzz", 'a currency of ISO 4217, such as "500 usd"'),
        )
    },
    "no monthly": (f"{BASE}{WATCH}[[budget]]\n", "budget[0].monthly: found nothing, expected an"),
    "two budgets": (
        f"{BASE}{WATCH}[[budget]]\n{MONTHLY}[[budget]]\n" + 'monthly = "7 USD"\n',
        "budget[1]: is for the same as budget[0], expected one budget in a currency",
    ),
}

BAD_VALUES: list[tuple[str, Any, str]] = [
    ("state", "", 'found "", expected a path'),
    ("report", "\0", 'found "etc/\\u0000", expected a path'),
    ("dead_letters", 1, "found 1, expected a path"),
    ("report", "state.db", "found etc/state.db, which is state too, expected a file of its own"),
    (
        "state",
        "dead/../dead/dead_letters.ndjson",
        "dead_letters: found etc/dead/dead_letters.ndjson, which is state too",
    ),
    ("details", "yes", 'found "yes", expected true or false'),
    ("channel_capacity", 0, "found 0, expected a whole number from 1 to 1000000"),
    ("memory", 16, "found 16, expected a size, such as 512MB, 1GB or 64MiB"),
    ("memory", "16", 'found "16", expected a size, such as 512MB'),
    ("max_page_bytes", 1.5, "found 1.5, expected a whole number from 1 to 1099511627776"),
    ("series_limit", 2**63, "found 9223372036854775808, expected a whole number from 1 to 1000000"),
    ("series_limit", True, "found true, expected a whole number from 1 to 1000000"),
    ("checkpoint_seconds", "abc", f'found "abc", {SECONDS}'),
    ("stop_seconds", 0, f"found 0, {SECONDS}"),
    ("report_seconds", 1e9, f"found 1000000000.0, {SECONDS}"),
    ("prices", "", 'found "", expected "default", or a file with prices'),
    ("prices", "none.toml", "etc/none.toml: cannot be read (No such file or directory)"),
    ("prices", "token", "etc/token: found broken TOML ("),
    ("http.listen", "9464", 'found "9464", expected HOST:PORT, such as 127.0.0.1:9464'),
    ("http.listen", "::1:9464", 'found "::1:9464", expected HOST:PORT, such as 127.0.0.1:9464'),
    ("http.listen", "localhost:70000", 'found "localhost:70000", expected a port up to 65535'),
    ("http.hosts", "a", 'found "a", expected a list of names, without ports'),
    ("http.hosts", ["a:80"], 'found ["a:80"], expected a list of names, without ports'),
    ("http.token_file", [], "found [], expected a path"),
    ("http.token_file", "none", "etc/none: cannot be read (No such file or directory)"),
    ("http.token_file", "../etc", "etc/../etc: cannot be read (Is a directory)"),
    ("log.level", "loud", 'found "loud", expected one of "debug", "error", "info", "warning"'),
    ("log.format", "xml", 'found "xml", expected one of "auto", "json", "text"'),
    ("log.format", "x" * 200, f'found "{"x" * 79}…, expected one of "auto", "json", "text"'),
]

BAD_TEXTS = [
    ("checkpoint_seconds", "soon", f'found "soon", {SECONDS}'),
    ("details", "", 'found "", expected true or false'),
    ("max_page_bytes", "1.5", 'found "1.5", expected a whole number from 1 to 1099511627776'),
    ("report", "etc/state.db", "found etc/state.db, which is state too"),
    ("http.listen", "[::]:1", 'found "[::]:1", which other machines can reach, expected http.'),
    ("http.hosts", "a,b:1", 'found ["a", "b:1"], expected a list of names, without ports'),
    ("prices", "none", "none: cannot be read (No such file or directory)"),
    ("http.token_file", "none", "none: cannot be read (No such file or directory)"),
    ("log.level", "loud", 'found "loud", expected one of "debug",'),
]
"""What variables and flags may say wrongly: a key, the text, the message."""
