"""The command line: one file for each command, and here what they end in.

``check_key``, ``pull``, ``replay``, ``show``, ``daemon`` (with check-config), ``verify``,
``capture``, ``generate``, ``export``, ``state``, ``dead_letters``, ``flink`` and ``twin`` are the
commands; ``export`` has a file for each format. ``figure_source`` is what ``show`` and ``export``
read from, ``selection`` which days, endpoints and projects they are asked for, ``commands`` what
imports a command only when somebody asks for it.
``basics`` has the options that several commands take, ``account`` those of who asks the API,
``progress`` what people see on a terminal, ``standard_input`` and ``standard_output`` what ``-``
stands for, ``outputs`` what must not be written to, ``streams`` what keeps a full or closed stdout
from being a traceback.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Final

import click

from stream import __version__
from stream.cli.basics import EXIT_CODES, exit_code_of, show_summary
from stream.cli.commands import Commands
from stream.records.errors import BadConfiguration, Interrupted, UsageStreamError
from stream.records.memory import lacks_memory, no_memory
from stream.records.privacy import one_line

__all__ = ["app", "run_command"]

BUG: Final = UsageStreamError.exit_code
COMPLETE: Final = "_USAGE_STREAM_COMPLETE"
"""The variable by which a shell asks for its script, and later for what a word may become."""
FILES: Final = {
    "replay": "replay",
    "show": "show",
    "daemon": "daemon",
    "check-config": "daemon",
    "check-key": "check_key",
    "verify": "verify",
    "capture": "capture",
    "generate": "generate",
    "export": "export",
    "state": "state",
    "pull": "pull",
    "dead-letters": "dead_letters",
    "flink": "flink",
    "twin": "twin",
}
"""Where each command is."""


def show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print what a report of a fault needs: the version alone on a line, and where it runs."""
    if wanted and not context.resilient_parsing:
        import platform  # noqa: PLC0415 -- only this needs it

        place = import_module("stream").__path__[0]
        runs = f"Python {platform.python_version()}, {platform.platform()}"
        show_summary(f"{__version__}\n{runs}\n".encode() + os.fsencode(place))
        context.exit()


@click.group(
    commands=Commands("stream.cli", FILES),
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version, Python's, the platform and where the package is, and exit.",
)
def app() -> None:
    """Turn the pages of the OpenAI usage and costs API into figures that can be trusted."""


def run_command(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if asked := os.environ.get(COMPLETE):
            return complete_words(asked)
        with app.make_context("usage-stream", list(given)) as context:
            return invoke_app(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- each ends in a line and a code
        return explain_error(error)


def invoke_app(context: click.Context) -> int:
    """Run the command; return its exit code, when it is done."""
    try:
        app.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code or exit_code_of(context)
    return exit_code_of(context)


def complete_words(asked: str) -> int:
    """Print what a shell asks for: ``bash_source`` its script, ``bash_complete`` what may follow.

    Raises:
        click.UsageError: it is no shell that can be helped.
    """
    from click.shell_completion import shell_complete  # noqa: PLC0415 -- only a shell needs it

    if shell_complete(app, {}, "usage-stream", COMPLETE, asked):
        raise click.UsageError(f"{COMPLETE} is bash_source, zsh_source or fish_source")
    return 0


def explain_error(error: BaseException) -> int:
    """Say what ended the command, and return its exit code."""
    match error:
        case click.UsageError():
            error.show()
            return error.exit_code
        case Interrupted():
            return complain(str(error), 128 + error.signal_number)
        case KeyboardInterrupt():
            return explain_error(Interrupted(error.args[0] if error.args else signal.SIGINT))
        case UsageStreamError():
            several = error.problems if isinstance(error, BadConfiguration) else [str(error)]
            return max(complain(one, error.exit_code) for one in several)
        case _ if lacks_memory(error):
            return explain_error(no_memory())
        case _ if sys.flags.dev_mode:
            raise error
    what = f"{type(error).__name__}: {error}"
    return complain(f"a bug ({what}); python -X dev -m stream shows where", BUG)


def complain(message: str, code: int) -> int:
    """Say what went wrong on stderr, in one line; where nobody can read it, the code has to do."""
    click.echo(f"usage-stream: {one_line(message)}", err=True)
    return code
