"""What a state file holds, in another format: a file for each.

``openmetrics`` is history for a backfill of Prometheus, ``capture`` pages that replay to the same
figures. ``records`` is the schema of all other files: the records that count, as columns, and no
more in memory than a batch. ``breakdowns`` makes a table of what somebody asks for, and CSV and
JSON of it, ``tables`` writes it for people. ``postgres`` brings tables in PostgreSQL up to date.
"""
