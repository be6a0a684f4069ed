"""What a command was asked to do: the settings of a replay, and those of the daemon."""

from stream.config.checks import token_of
from stream.config.daemon import Http, Log, Pace, Settings, Watch
from stream.config.loading import Setting, load, settings_of
from stream.config.replay import (
    DEFAULT_BUDGET,
    DEFAULT_CAPACITY,
    DEFAULT_PAGE_BYTES,
    DEFAULT_REPORT,
    Replay,
    Rules,
)

__all__ = [
    "DEFAULT_BUDGET",
    "DEFAULT_CAPACITY",
    "DEFAULT_PAGE_BYTES",
    "DEFAULT_REPORT",
    "Http",
    "Log",
    "Pace",
    "Replay",
    "Rules",
    "Setting",
    "Settings",
    "Watch",
    "load",
    "settings_of",
    "token_of",
]
