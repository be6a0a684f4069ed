"""The daemon: one process that takes pages in as they land, for months.

``lifecycle`` is its life, from the first signal handler to the last report, by the settings of
``config``. Its tasks are ``feeding``, which runs the sources, ``poller``, which asks accounts for
what they have used, ``core``, which takes what comes and stores checkpoints, ``report_writer``,
which writes the report on a schedule, and ``http_server``, which serves ``app`` over HTTP:
``guard`` says who may ask, and ``glance`` is the page for people, with what it shows of
``accounts``. ``pruner`` lets what is old fold. ``health`` knows what is wrong, if anything,
``troubles`` what of the sources does not work now, and ``overdue`` which walks have stopped half
way; ``delivery_log`` is what is logged of each delivery, ``logs`` how, and ``systemd`` is told how
it goes.
"""
