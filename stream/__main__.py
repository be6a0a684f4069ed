"""``python -m stream`` is the command ``usage-stream``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, and exit with the code of what happened.

    The imports stand inside, so that an early Ctrl-C ends in a code and not in a traceback.
    """
    try:
        from stream.cli import run_command  # noqa: PLC0415 -- see above

        code = run_command()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
