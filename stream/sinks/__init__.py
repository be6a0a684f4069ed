"""Figures, rendered; nothing here knows where pages come from.

``report`` is the report, with the records of ``details``, the days of ``day_rows``, the files of
``files`` and what ``bills`` says of money; ``summary`` is a report at a glance, ``notes`` a trace
of a run for reviewers, and ``html`` has pages for people. ``metrics`` has every metric, those of
money by ``money_metrics``, and what is large in ``sections`` that are packed once. ``dead_letters``
has what was set aside, ``exports`` other tools' formats, ``captures`` pages themselves.
``inventory`` says what a state file holds, ``daybooks`` what its days came to, and
``backups`` copies it. ``evidence`` keeps what an API has answered, and ``journal`` how far it was
asked. ``atomic`` and ``directory`` write files and directories that are whole or not there, by way
of ``scratch``, which clears what was left over.
"""
