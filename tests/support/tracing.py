"""Coverage is traced where it can still find something; the rest of the tests run at full speed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from coverage import Coverage

TRACED = 12
"""Examples of a property that are traced; later ones take the same paths with other figures.

So are the programs that they start.
"""
VARIABLE = "COVERAGE_PROCESS_CONFIG"
"""Where coverage leaves word for the programs that are started."""


@contextmanager
def programs_untraced() -> Iterator[None]:
    """Start programs without a word of coverage to them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(VARIABLE, raising=False)
        yield


@contextmanager
def first_examples_traced(item: pytest.Item) -> Iterator[None]:
    """Trace the first examples of a property; whatever else a test is, it is traced whole."""
    property_ = getattr(getattr(item, "obj", None), "hypothesis", None)
    tracing = Coverage.current()
    if property_ is None or tracing is None or inspect.iscoroutinefunction(property_.inner_test):
        yield
        return
    whole, tried, programs = property_.inner_test, 0, ExitStack()

    @functools.wraps(whole)
    def counted(*arguments: Any, **named: Any) -> None:
        nonlocal tried
        tried += 1
        if tried == TRACED + 1:
            tracing.stop()
            programs.enter_context(programs_untraced())
        whole(*arguments, **named)

    property_.inner_test = counted
    try:
        yield
    finally:
        property_.inner_test = whole
        programs.close()
        if tried > TRACED:
            tracing.start()
