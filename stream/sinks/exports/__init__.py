"""What a state file holds, in another format: a file for each.

``openmetrics`` is history for a backfill of Prometheus, ``capture`` pages that replay to the same
figures. ``records`` is the schema of all other files: the records that count, as columns, and no
more in memory than a batch. ``focus`` writes what was billed as FOCUS has it: ``charges`` of the
records of costs, which ``charge_summary`` counts, in Parquet by ``arrow``. ``breakdowns`` makes a
table of what somebody asks for, and CSV and JSON of it, ``tables`` writes it for people.
"""
