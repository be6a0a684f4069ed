"""What a state file holds, in the format of another tool: a file for each format.

``openmetrics`` is history for a backfill of Prometheus.
"""
