"""usage-stream: pages of usage and cost APIs, turned into figures that can be trusted.

The rooms, in the order of the flow::

    sources ──deliveries──▶ channel ──▶ intake ─────▶ state ─────▶ figures ────▶ sinks
    who has pages:          bounded;    what a page   windows by   what the      how that is
    files, captures,        full, the   is, and what  project and  windows come  shown: report,
    a pace                  sources     became of     service      to            metrics, exports
                            wait        its rows      tier

- ``sources`` emit pages, each with the part that it stands in and the position behind it.
- ``intake`` takes them off the channel: it decodes, merges, judges walks, keeps the account.
- ``decode`` turns the bytes of a page into columns.
- ``state`` merges columns into windows, in memory and in SQLite; a checkpoint is one transaction.
- ``figures`` work out from windows what counts, and add it up.
- ``sinks`` write what was worked out.

Below them all, ``providers`` know what each API answers with, and ``records`` are the values that
everyone speaks of. Above them, ``pipeline`` puts the chain together, and three rooms run it:
``daemon`` for months, ``engines`` on many processes or machines, and ``recordings`` to make,
convert and check pages. ``cli`` has a command for each.

A room imports only from those below it; CONTRIBUTING.md has the picture, and import-linter holds
it. What decides a figure is pure: no waiting, no file, no clock, no metric. Every error is in
``records.errors`` with its exit code, every metric in ``sinks.metrics.catalog``.
"""

__version__ = "0.1.0"
