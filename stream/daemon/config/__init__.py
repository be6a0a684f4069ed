"""What the daemon was asked to do: a flag over a variable over the file over the default.

``settings`` says what may stand in the file, ``poll`` what of an account there, and ``loader``
loads it, with words from ``wording`` for what is wrong; ``checks`` sees that settings go together
and are safe.
"""

from stream.daemon.config.checks import token_of
from stream.daemon.config.loader import Setting, load_settings, settings_of
from stream.daemon.config.poll import PollSettings
from stream.daemon.config.settings import Http, Log, PaceSettings, Settings, WatchSettings

__all__ = [
    "Http",
    "Log",
    "PaceSettings",
    "PollSettings",
    "Setting",
    "Settings",
    "WatchSettings",
    "load_settings",
    "settings_of",
    "token_of",
]
