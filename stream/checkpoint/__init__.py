"""Durable state: SQLite, in which one transaction moves snapshots and cursors together.

:mod:`~stream.checkpoint.checkpoints` says when and what, :mod:`~stream.checkpoint.store` is what
is in the file that :mod:`~stream.checkpoint.file` opens, :mod:`~stream.checkpoint.windows` are the
snapshots in it, :mod:`~stream.checkpoint.codec` their bytes. A :mod:`~stream.checkpoint.shard` is
what one worker adds, and :mod:`~stream.checkpoint.lock` keeps a second process out.
"""

from stream.checkpoint.checkpoints import Checkpoints
from stream.checkpoint.reader import Reader
from stream.checkpoint.shard import Shard, Shards
from stream.checkpoint.store import Store

__all__ = ["Checkpoints", "Reader", "Shard", "Shards", "Store"]
