"""The values that every room speaks of; nothing here waits, reads a file, or knows an API.

``delivery`` is what travels on the channel: a page, its part, a position, and ``capture_line`` how
a page is written down. ``chains`` names chains, and says what their pages delivered and how their
walks stand. ``windows`` are buckets, windows and rows as columns, ``money`` exact numbers,
``currencies`` the codes of those it may be in, ``durations`` spans of time and ``sizes`` numbers of
bytes as people write them, ``tally`` counts of what a run did. ``shares`` says who of several
workers counts what, ``interruption`` what a signal may break off, ``memory`` what is said when none
is left, and ``left_memory`` is not given back as a command ends. ``digests`` tell files apart.
``errors`` are all errors with their exit codes, and ``privacy`` masks secrets and persons in
whatever is written.
"""
