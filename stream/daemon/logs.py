"""Structured logs on stderr: JSON where no person reads them, secrets masked."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO

import structlog

from stream.daemon.config import Log
from stream.records.privacy import is_private_name, one_line

__all__ = ["set_up"]


FIRST: Final = ("timestamp", "level", "event", "message")


def set_up(log: Log, stream: TextIO | None = None) -> None:
    """Log as the settings say, on ``stream`` (stderr); other libraries' own logs are silent.

    A line that stderr cannot take is lost (``cli.streams``), and not the daemon's end.

    Text on a terminal has colours, unless ``NO_COLOR`` is set to anything (https://no-color.org).
    """
    is_terminal = (stream or sys.stderr).isatty()
    text = log.format == "text" or (log.format == "auto" and is_terminal)
    renderer: Callable[..., str | bytes] = (
        structlog.dev.ConsoleRenderer(colors=is_terminal and not os.environ.get("NO_COLOR"))
        if text
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, log.level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in ("uvicorn", "asyncio", "watchfiles"):
        library = logging.getLogger(name)
        library.handlers = [logging.NullHandler()]
        library.propagate = False


def mask_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets and personal data in whatever is logged, and keep each value on one line.

    What every line has comes first.
    """
    first = {name: event[name] for name in FIRST if name in event}
    return {
        name: "***"
        if is_private_name(name) and value is not None
        else one_line(value)
        if isinstance(value, str)
        else value
        if isinstance(value, int | float | None)
        else one_line(str(value))
        for name, value in {**first, **event}.items()
    }
