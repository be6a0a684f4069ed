"""Worker processes: each decodes and deduplicates a share of the buckets, and none shares state.

``pool`` is the main process, ``worker`` what each of the others does. Buckets are shared out by
endpoint and UTC day (``records.shares``), which no rule of figures crosses, so that each worker's
figures are parts of the whole, and only adding up is left (``joins``). Every worker reads every
page and decodes its own buckets alone. An endpoint that has windows longer than a day is resolved
from all shards, by the main process.
"""

from stream.engines.workers.pool import Pool

__all__ = ["Pool"]
