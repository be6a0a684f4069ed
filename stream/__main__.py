"""``python -m stream`` is the command ``usage-stream``."""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of, which takes 10 ms
import gc
import os
import sys

__all__ = ["main"]

SIGNALS = [_signal.SIGINT, _signal.SIGTERM]
if hasattr(_signal, "SIGHUP") and _signal.getsignal(_signal.SIGHUP) == _signal.SIG_DFL:
    SIGNALS.insert(0, _signal.SIGHUP)  # the terminal is closed; nohup has it ignored
SOON = 0.001
SIGNALLED = 128
"""What exit codes are above that name a signal."""


class EndSignal(KeyboardInterrupt):
    """Raised by a signal. KeyboardInterrupt itself makes Python kill itself, now and then."""


def pass_over(_: int, __: object) -> None:
    """Do nothing; of one that is ignored, and has come already, Python would complain."""


def end_at_once(number: int, _: object) -> None:
    """End while nothing was begun: no import is broken off, which Python does not always tell."""
    for one in SIGNALS:
        _signal.signal(one, pass_over)
    try:  # noqa: SIM105 -- contextlib is another import
        os.write(2, b"usage-stream: interrupted by signal %d; nothing was written\n" % number)
    except OSError:  # whatever stderr is
        pass
    os._exit(SIGNALLED + number)


def end_once(number: int, _: object) -> None:
    """End what runs; from then on no other signal breaks off what puts things in order."""
    for one in SIGNALS:
        _signal.signal(one, pass_over)
    raise EndSignal(number)


def end_again(lost: "sys.UnraisableHookArgs") -> None:
    """Raise what was lost once more: it came where Python tidies up, and lets nothing through."""
    from stream.records.errors import Interrupted  # noqa: PLC0415 -- see below

    error = lost.exc_value
    if isinstance(error, EndSignal) and hasattr(_signal, "setitimer"):
        _signal.signal(_signal.SIGALRM, lambda *_: end_once(error.args[0], None))
        _signal.setitimer(_signal.ITIMER_REAL, SOON)
    elif not isinstance(error, Interrupted):  # which comes by another way too
        sys.__unraisablehook__(lost)


def main() -> None:
    """Run the command line, and exit with the code of what happened.

    The imports stand inside, so that an early signal ends in a code and not in a traceback.

    Pages become many tuples at once, and imports many objects, but hardly any cycles: at Python's
    own threshold (700) the cyclic collector took a third of a replay's time.
    """
    for number in SIGNALS:
        _signal.signal(number, end_at_once)
    gc.set_threshold(100_000, 50, 100)
    from stream.cli import run_command  # noqa: PLC0415 -- see above
    from stream.cli.streams import guard_streams  # noqa: PLC0415 -- see above
    from stream.records.left_memory import expect_end  # noqa: PLC0415 -- see above

    expect_end()
    guard_streams()
    sys.unraisablehook = end_again
    try:
        for number in SIGNALS:
            _signal.signal(number, end_once)
        code = run_command()
    except KeyboardInterrupt as error:
        code = SIGNALLED + (error.args[0] if error.args else _signal.SIGINT)
    for number in SIGNALS:
        _signal.signal(number, _signal.SIG_IGN)  # Python gives handlers up before it ends
    gc.freeze()  # or everything that is left would be looked through once more, on the way out
    leave(code)


def leave(code: int) -> None:
    """Exit; where a signal was the end nobody waits for threads that still read."""
    import threading  # noqa: PLC0415 -- most commands have it by now

    if code > SIGNALLED and threading.active_count() > 1:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
