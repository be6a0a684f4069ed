"""Fixtures into a capture, and a capture into fixtures: page by page, and no value changes.

``to_capture`` writes one walk of each chain into a capture, and ``to_fixtures`` takes a capture
apart where fixtures can hold what it says. Both follow the chains (``chains``), so that neither
writes what a replay would read in another way.
"""

from stream.recordings.convert.chains import Conversion
from stream.recordings.convert.to_capture import to_capture
from stream.recordings.convert.to_fixtures import to_fixtures

__all__ = ["Conversion", "to_capture", "to_fixtures"]
