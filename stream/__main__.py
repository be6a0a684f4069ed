"""``python -m stream`` is the command ``usage-stream``."""

from __future__ import annotations

import gc
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, and exit with the code of what happened.

    The imports stand inside, so that an early Ctrl-C ends in a code and not in a traceback.

    Pages become many tuples at once, and imports many objects, but hardly any cycles: at Python's
    own threshold (700) the cyclic collector took a third of a replay's time.
    """
    gc.set_threshold(100_000, 50, 100)
    try:
        from stream.cli import run_command  # noqa: PLC0415 -- see above
        from stream.cli.streams import guard_streams  # noqa: PLC0415 -- see above

        guard_streams()
        code = run_command()
    except KeyboardInterrupt:
        code = 130
    gc.freeze()  # or everything that is left would be looked through once more, on the way out
    sys.exit(code)


if __name__ == "__main__":
    main()
