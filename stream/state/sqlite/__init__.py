"""The store: one SQLite file, in which one transaction moves everything that belongs together.

``lock`` keeps a second process out, ``file`` opens the file and checks what it is, ``schema`` has
its tables and their version. ``store`` writes a checkpoint: the entries of parts, counts and series
itself, windows by ``table``, what pages say of their walks by ``links``, dead letters by
``letters``, what days come to by ``days``; ``replayed_days`` is what a replay has kept of them, and
``day_file`` the part of the store that has both. ``reader`` reads windows, and names what is
damaged; ``codec`` makes bytes of them, with a checksum for each row, and ``checksums`` keeps one
for each table. ``inspection`` looks at a file as a whole: what it holds, whether it is sound, its
copy. ``shard`` is the file of one worker, above the state that it began with. ``sorter`` is no
state: it puts samples of an export in order.
"""
