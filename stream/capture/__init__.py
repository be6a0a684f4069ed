"""Fixtures into a capture, and a capture into fixtures: page by page, and no value changes.

:mod:`~stream.capture.folding` writes one walk of each chain into a capture, and
:mod:`~stream.capture.unfolding` takes a capture apart where fixtures can hold what it says. Both
follow the chains (:mod:`~stream.capture.walks`), so that neither writes what a replay would read
in another way.
"""

from stream.capture.folding import to_capture
from stream.capture.unfolding import to_fixtures
from stream.capture.walks import Written

__all__ = ["Written", "to_capture", "to_fixtures"]
