"""What the daemon was asked to do: a flag over a variable over the file over the default.

``settings`` says what may stand in the file, ``poll`` what of an account there, ``budget`` what of
a budget, ``exports`` what of an export, ``names`` how things are called, and ``durations`` how
spans of time are written. ``loader`` loads it and ``conversion`` makes settings of it, with words
from ``wording`` for what is wrong, all of which ``problems`` collects. ``checks`` sees that
settings go together and are safe, ``layout`` that places are apart, ``money`` that there are prices
and budgets make sense, ``certificates`` that one can be shown, and ``presence``, for who asks, that
what is named is there.
"""

from stream.daemon.config.budget import BudgetSettings
from stream.daemon.config.certificates import load_certificate
from stream.daemon.config.checks import token_of
from stream.daemon.config.exports import ExportSettings
from stream.daemon.config.loader import Setting, load_settings, read_settings, settings_of
from stream.daemon.config.money import prices_of
from stream.daemon.config.poll import PollSettings
from stream.daemon.config.presence import check_presence
from stream.daemon.config.settings import Http, Log, PaceSettings, Settings, WatchSettings

__all__ = [
    "BudgetSettings",
    "ExportSettings",
    "Http",
    "Log",
    "PaceSettings",
    "PollSettings",
    "Setting",
    "Settings",
    "WatchSettings",
    "check_presence",
    "load_certificate",
    "load_settings",
    "prices_of",
    "read_settings",
    "settings_of",
    "token_of",
]
