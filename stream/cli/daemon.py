"""``usage-stream daemon`` and ``usage-stream check-config``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from stream.cli.basics import EXIT_CODES, FILE, show_json, show_note
from stream.daemon.config import check_presence, load_settings, read_settings, settings_of
from stream.records.privacy import spell_name

__all__ = ["check_command", "daemon_command"]

Command = Callable[..., Any]


def add_config_options(command: Command) -> Command:
    """Add ``--config``, and a flag for each setting that a flag can set."""
    for setting in reversed(list(settings_of())):
        command = click.option(
            setting.flag,
            metavar="VALUE",
            help=f"{setting.help} Also {setting.variable}.",
        )(command)
    return click.option(
        "--config",
        "path",
        metavar="FILE",
        type=FILE,
        required=True,
        envvar="USAGE_STREAM_CONFIG",
        help="The configuration, in TOML.",
    )(command)


def given_flags(flags: dict[str, str | None]) -> dict[str, str]:
    """Return the flags that were given, by the keys that they set."""
    found = {setting.key: flags[setting.key.replace(".", "_")] for setting in settings_of()}
    return {key: value for key, value in found.items() if value is not None}


def read_clock() -> int:
    """Return Unix seconds; SOURCE_DATE_EPOCH makes them stand still."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(fixed) if fixed.isdecimal() else int(time.time())


@click.command("daemon", epilog=EXIT_CODES)
@add_config_options
def daemon_command(path: Path, **flags: str | None) -> None:
    """Take pages in as they land, for months; serve metrics, the report and a page at /.

    The configuration names the sources: [[watch]] directories whose pages are taken in as they
    land, [[poll]] accounts that are asked for their usage, and [[pace]] directories of fixtures
    that are replayed in event time. SIGTERM and SIGINT drain, checkpoint, write the report, and
    exit 0; SIGHUP and POST /-/reload load the configuration again. A flag goes over a variable,
    that over the file, that over the default.

    \b
    Example of a configuration:
      state = "state.db"
      report = "report.json"
      dead_letters = "dead-letters"
      [[watch]]
      path = "pages"
      [http]
      listen = "127.0.0.1:9464"
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.daemon.lifecycle import run_daemon  # noqa: PLC0415 -- 200 ms that only this needs

    run_daemon(partial(load_settings, path, os.environ, given_flags(flags)), read_clock)


@click.command("check-config", epilog=EXIT_CODES)
@add_config_options
def check_command(path: Path, **flags: str | None) -> None:
    """Check a daemon's configuration, and print what comes of file, variables and flags as JSON.

    All that is wrong is listed, a line for each key's path, variable or flag; exit 78. That
    directories are there and can be written is checked too, so run it as the daemon's user.
    Paths in the file are relative to its directory, those of variables and flags to where the
    command runs. A duration is a number of seconds, or a text as "5m".
    """
    settings, problems = read_settings(path, os.environ, given_flags(flags))
    check_presence(settings, problems)
    home, here = spell_name(str(path.parent.absolute())), spell_name(str(Path.cwd()))
    show_note(
        f"paths in {spell_name(str(path))} are relative to {home}, "
        f"those of variables and flags to {here}"
    )
    problems.raise_all()
    show_json(msgspec.to_builtins(settings, enc_hook=lambda path: spell_name(str(path))))
