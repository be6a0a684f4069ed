"""Worker processes: each decodes and deduplicates a share of the work, and none shares state.

``pool`` is the main process, ``worker`` what each of the others does, and ``handles`` what the main
process has of them. Pages are cut into contiguous ranges (``ranges``), each of which one process
alone reads, the main process the first of them; those of captures are ranges of lines, and what is
bad in one is named by a process that has read all lines before it. Where that would not do, buckets
are shared out by endpoint and UTC day, which no rule of figures crosses: every worker reads every
page, and decodes its own buckets alone (``records.shares``). In both ways each one's figures are
parts of the whole, and only adding up is left (``joins``). An endpoint whose windows say the same
usage again, beyond a share, is resolved from all shards by the main process.
"""

from stream.engines.workers.pool import Pool

__all__ = ["Pool"]
