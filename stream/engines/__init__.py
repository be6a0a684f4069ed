"""Who runs the flow where one process is not enough: the same rules, and the same bytes.

``workers`` are processes of one machine, each with a share of the days; ``flink`` is a job on a
cluster. Neither has a rule of its own: both call the pure rooms, and only move, keep and add up.
``signals`` ends what is awaited when SIGINT or SIGTERM comes.
"""
