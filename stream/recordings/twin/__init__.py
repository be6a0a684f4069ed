"""The twin: a server that answers as the admin API does, from usage that goes on in time.

::

    who there is                                             organization
      └▶ what is used, event by event; and charged           traffic, amounts; charges
           ├▶ what is true at a moment                       ledger
           └▶ what an answer says of it
                ├▶ a query, read or refused                  query
                ├▶ buckets, and lists                        buckets, lists
                └▶ what goes wrong with it                   faults, answers
                     └▶ one request after another            twin, server

``Twin`` answers without sockets and without waiting, so that a test may drive it in a time of its
own; ``server`` puts it on a socket. ``TwinLedger`` adds the same events up in its own way, and is
what the figures of whoever reads the twin are held against. Everything is a function of the seed,
the moment and the query: nothing is kept, for years of time.
"""

from stream.recordings.twin.answers import TwinAnswer
from stream.recordings.twin.faults import FaultRule, parse_faults
from stream.recordings.twin.ledger import LedgerKey, TwinLedger
from stream.recordings.twin.twin import DEFAULT_KEY, RequestNote, Twin

__all__ = [
    "DEFAULT_KEY",
    "FaultRule",
    "LedgerKey",
    "RequestNote",
    "Twin",
    "TwinAnswer",
    "TwinLedger",
    "parse_faults",
]
