"""What a command was asked to do: the settings of a replay, and those of the daemon."""

from stream.daemon.config.checks import token_of
from stream.daemon.config.loading import Setting, load, settings_of
from stream.daemon.config.settings import Http, Log, Pace, Settings, Watch
from stream.intake.rules import DEFAULT_BUDGET, Rules
from stream.pipeline import DEFAULT_REPORT, Replay
from stream.sources.channel import DEFAULT_CAPACITY
from stream.sources.files import DEFAULT_PAGE_BYTES

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
