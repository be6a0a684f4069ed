"""``python -m stream`` is the command ``usage-stream``."""

from __future__ import annotations

import gc
import signal
import sys
from contextlib import suppress

__all__ = ["main"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def pass_over(_: int, __: object) -> None:
    """Do nothing; of one that is ignored, and has come already, Python would complain."""


def end_once(number: int, _: object) -> None:
    """End what runs; from then on no other signal breaks off what puts things in order."""
    for one in SIGNALS:
        signal.signal(one, pass_over)
    raise KeyboardInterrupt(number)


def main() -> None:
    """Run the command line, and exit with the code of what happened.

    The imports stand inside, so that an early signal ends in a code and not in a traceback.

    Pages become many tuples at once, and imports many objects, but hardly any cycles: at Python's
    own threshold (700) the cyclic collector took a third of a replay's time.
    """
    try:
        for number in SIGNALS:
            signal.signal(number, end_once)
        gc.set_threshold(100_000, 50, 100)
        from stream.cli import run_command  # noqa: PLC0415 -- see above
        from stream.cli.streams import guard_streams  # noqa: PLC0415 -- see above

        guard_streams()
        code = run_command()
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        with suppress(OSError, ValueError, AttributeError):  # whatever stderr is
            sys.stderr.write(f"usage-stream: interrupted by signal {number}; nothing was written\n")
            sys.stderr.flush()
        code = 128 + number
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # Python gives handlers up before it ends
    gc.freeze()  # or everything that is left would be looked through once more, on the way out
    sys.exit(code)


if __name__ == "__main__":
    main()
