"""What the daemon was asked to do: a flag over a variable over the file over the default.

``settings`` says what may stand in the file, and ``loading`` loads it, with words from ``wording``
for what is wrong; ``checks`` sees that settings go together and are safe.
"""

from stream.daemon.config.checks import token_of
from stream.daemon.config.loading import Setting, load, settings_of
from stream.daemon.config.settings import Http, Log, Pace, Settings, Watch

__all__ = [
    "Http",
    "Log",
    "Pace",
    "Setting",
    "Settings",
    "Watch",
    "load",
    "settings_of",
    "token_of",
]
