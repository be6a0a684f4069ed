"""Durable state: SQLite, in which one transaction moves snapshots and cursors together.

:mod:`~stream.state.checkpoints` says when and what, :mod:`~stream.state.sqlite.store` is what
is in the file that :mod:`~stream.state.sqlite.file` opens, :mod:`~stream.state.sqlite.table` are the
snapshots in it, :mod:`~stream.state.sqlite.codec` their bytes. A :mod:`~stream.state.sqlite.shard` is
what one worker adds, and :mod:`~stream.state.sqlite.lock` keeps a second process out.
"""

from stream.state.checkpoints import Checkpoints
from stream.state.sqlite.reader import Reader
from stream.state.sqlite.shard import Shard, Shards
from stream.state.sqlite.store import Store

__all__ = ["Checkpoints", "Reader", "Shard", "Shards", "Store"]
