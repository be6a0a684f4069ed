"""What a state file holds, in another format: a file for each.

``openmetrics`` is history for a backfill of Prometheus, ``capture`` pages that replay to the same
figures. ``schema`` is that of all other files, and ``records`` what they are written from: the
records that count, as columns, and no more in memory than a batch; ``days`` arranges these by days.
``csv`` and ``parquet`` write them, and ``counts`` what came of it; ``postgres`` brings tables in
PostgreSQL up to date. ``focus`` writes what was billed as FOCUS has it: ``charges`` of the records
of costs, which ``charge_summary`` counts. ``breakdowns`` makes a table of what somebody asks for,
with ``estimate_notes`` where it has estimates, and CSV and JSON of it, ``reconciliations`` makes
one of bills beside estimates, ``tables`` writes tables for people,
and ``some_names`` names the first of many in a note.
"""
