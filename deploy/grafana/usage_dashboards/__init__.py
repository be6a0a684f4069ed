"""Grafana dashboards as code: ``overview`` is for readers of figures, ``health`` for operators.

``cost`` has the panels of cost, ``money`` those of budgets and estimates, and ``history`` is for
readers of a backfill. ``flink`` is for operators of the job on Apache Flink. The rows of ``health``
are in ``intake``, ``live`` and ``upkeep``. ``queries`` writes PromQL, ``panels`` makes panels of
one look, and ``board`` lays them out as JSON.
"""
