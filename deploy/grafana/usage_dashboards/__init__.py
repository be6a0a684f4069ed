"""Two Grafana dashboards as code: ``overview`` is for readers of figures, ``health`` for operators.

``queries`` writes PromQL, ``panels`` makes panels of one look, and ``board`` lays them out as JSON.
"""
