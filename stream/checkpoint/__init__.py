"""Durable state: SQLite, in which one transaction moves snapshots and cursors together.

:mod:`~stream.checkpoint.store` is the file, :mod:`~stream.checkpoint.codec` the bytes in it, and
:mod:`~stream.checkpoint.lock` keeps a second process out.
"""

from stream.checkpoint.store import Checkpoint, Saved, Store

__all__ = ["Checkpoint", "Saved", "Store"]
