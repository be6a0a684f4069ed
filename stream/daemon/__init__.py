"""The daemon: one process that takes pages in as they land, for months.

:mod:`~stream.daemon.running` is its life from the first signal handler to the last report,
:mod:`~stream.daemon.core` the consumer and its checkpoints, :mod:`~stream.daemon.feeding` the
sources, :mod:`~stream.intake.standing` which walks of captures are not whole,
:mod:`~stream.daemon.reporting` the report's schedule, :mod:`~stream.daemon.health` what is wrong,
if anything, :mod:`~stream.daemon.telling` what is logged; ``serving``, ``app`` and ``guard`` are
HTTP, ``logs`` and ``systemd`` what their names say.
"""
