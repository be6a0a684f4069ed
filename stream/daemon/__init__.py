"""The daemon: one process that takes pages in as they land, for months.

``lifecycle`` is its life, from the first signal handler to the last report, by the settings of
``config``. Its tasks are ``feeding``, which runs the sources, ``poller``, which asks accounts for
what they have used, ``consumer``, which takes what comes and stores checkpoints, ``report_writer``,
which writes the report on a schedule, ``exporter``, which has exports made on theirs, and
``http_server``, which serves ``app`` over HTTP, where wanted through ``tls``: ``guard`` says who
may ask, ``representation`` how an answer is sent, ``days_answer`` gives what days came to, which
``days_client`` asks another daemon for, and ``glance`` is the page for people. It shows
``accounts`` and ``shown_sources``, and what was used and billed by the days of the ``calendar``:
``overview`` has the figures, ``shown_projects`` and ``chart`` what is written and drawn of them,
and ``overview_cache`` works that out once for all. ``core`` has the state, and how all of it
stands. ``money`` says what estimates, bills and budgets come to, and ``budget_bars`` how that is
drawn. ``pruner`` lets what is old fold. ``health`` knows what is wrong, if anything, ``troubles``
what of the sources does not work now, ``overdue`` which walks have stopped half way, ``intervals``
how often pages are expected, and ``machine`` what memory and disks there are. ``events`` is what
can be logged, ``delivery_log`` what of each delivery, ``logs`` how, and ``systemd`` is told how it
goes.
"""
