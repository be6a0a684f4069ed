"""The command line: one file for each command, and here what they end in."""

from __future__ import annotations

import gc
import signal
import sys
from contextlib import suppress
from typing import Final

import click

from stream import __version__
from stream.cli.capture import capture_command
from stream.cli.daemon import check_command, daemon_command
from stream.cli.export import export_command
from stream.cli.flink import flink_command
from stream.cli.generate import generate_command
from stream.cli.replay import replay_command
from stream.cli.shared import EXIT_CODES
from stream.cli.verify import verify_command
from stream.errors import Interrupted, UsageStreamError
from stream.privacy import one_line

__all__ = ["app", "run_command"]

BUG: Final = UsageStreamError.exit_code


@click.group(
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Turn the pages of the OpenAI usage and costs API into figures that can be trusted."""


for command in (
    replay_command,
    daemon_command,
    check_command,
    verify_command,
    capture_command,
    generate_command,
    export_command,
    flink_command,
):
    app.add_command(command)


def run_command(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code.

    Pages become many tuples at once, and hardly any cycles: at Python's own threshold (700) the
    cyclic collector took a third of a replay's time.
    """
    gc.set_threshold(100_000, 50, 100)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with app.make_context("usage-stream", list(given)) as context:
            app.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- each ends in a line and a code
        return explain(error)
    return 0


def explain(error: BaseException) -> int:
    """Say what ended the command, and return its exit code."""
    match error:
        case click.UsageError():
            error.show()
            return error.exit_code
        case Interrupted():
            return complain(str(error), 128 + error.signal_number)
        case KeyboardInterrupt():
            return complain(str(Interrupted(signal.SIGINT)), 128 + signal.SIGINT)
        case UsageStreamError():
            return complain(str(error), error.exit_code)
        case _ if sys.flags.dev_mode:
            raise error
    what = f"{type(error).__name__}: {error}"
    return complain(f"a bug ({what}); python -X dev -m stream shows where", BUG)


def complain(message: str, code: int) -> int:
    """Say what went wrong on stderr, in one line; where that is closed, the code has to do."""
    with suppress(OSError):
        click.echo(f"usage-stream: {one_line(message)}", err=True)
    return code
