"""What a state file holds, in another format: a file for each.

``openmetrics`` is history for a backfill of Prometheus, ``capture`` pages that replay to the same
figures.
"""
