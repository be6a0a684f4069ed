"""The contenders: each a program of its own, written as those who like its tools would write it.

Each gets a schema (what the endpoints' rows hold) and a directory of pages, and prints its figures
as JSON: for each endpoint the totals as ``[project, tier, {counter: sum}]``. The same work for all:
every counter, every dimension, one record for each identity (window and dimensions) with the
maximum of each counter, added up by project and service tier. ``tests.bench.agreement`` holds them
to it.

Those that read captures too get one in place of the directory: a page stands in its line's
envelope, beside its endpoint and when it was observed. Of each window only what was observed last
counts, since figures may have fallen, and the maximum is taken of what was observed at the same
time.
"""
