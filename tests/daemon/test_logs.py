"""Logs are for people on a terminal, in the colours that they want, and for machines elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Literal

import pytest
import structlog

from stream.daemon import logs
from stream.daemon.config import Log


class Terminal(StringIO):
    """Keeps what a terminal is to show."""

    def isatty(self) -> bool:
        """Say that a person reads."""
        return True


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin without a wish for colours, and leave logging as it was."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    yield
    structlog.reset_defaults()


def logged(stream: StringIO, form: Literal["auto", "text"] = "auto") -> str:
    """Log a line, and return it."""
    logs.set_up(Log(format=form), stream)
    structlog.get_logger().info("started", listen="x")
    return stream.getvalue()


def test_a_terminal_has_colours() -> None:
    """A line on a terminal is text, in colours."""
    assert "\x1b[" in logged(Terminal())


@pytest.mark.parametrize("value", ["1", "0", "no"])
def test_no_color_holds(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR, set to anything, takes the colours from a terminal, also against FORCE_COLOR."""
    monkeypatch.setenv("NO_COLOR", value)
    monkeypatch.setenv("FORCE_COLOR", "1")
    line = logged(Terminal())
    assert "\x1b" not in line
    assert "started" in line


def test_an_empty_no_color_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR without a value says nothing."""
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b[" in logged(Terminal())


def test_force_color_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no person reads, FORCE_COLOR brings no colours: lines are JSON, or plain text."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert json.loads(logged(StringIO()))["event"] == "started"
    assert "\x1b" not in logged(StringIO(), "text")
