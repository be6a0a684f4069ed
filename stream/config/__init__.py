"""What a command was asked to do: the settings of a replay, and those of the daemon."""

from stream.config.replay import (
    DEFAULT_CAPACITY,
    DEFAULT_PAGE_BYTES,
    DEFAULT_REPORT,
    Replay,
    Rules,
)

__all__ = ["DEFAULT_CAPACITY", "DEFAULT_PAGE_BYTES", "DEFAULT_REPORT", "Replay", "Rules"]
