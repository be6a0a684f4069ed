"""What state comes to: pure functions of windows, lists and expectations.

For a report, ``outline`` asks for everything, and is what sinks are given:

- ``endpoint``: an endpoint's figures: what is the same usage resolved (``rollup``), records added
  up (``totals``) into days and in all (``day_totals``), and what does not add up over time
  (``levels``);
- ``relations``: whatever is referred to must be defined;
- ``expectations``: figures that must come out;
- ``money``: what use should have cost, beside what was billed, where somebody has prices;
- ``issues``: one sentence for each thing that does not hold.

For those who look at days, ``days`` has what each came to, ``spans`` which of them are worked out
as one, and ``daybook`` gives them in order; ``replayed_days`` has a state file keep those of a
report; ``daily`` has what people look at first, by day,
project and tier. For what people ask, ``breakdown`` adds up by the dimensions and ``periods`` that
they choose, by what ``shown_groups`` says that they see, and ``ranks`` makes rows of that;
``reconciliation`` has bills beside estimates by such periods. For Prometheus, ``series`` says which
series that counts in, ``admission`` which of them are shown and which added up, ``ledger`` what
each has accepted and taken back, and ``coverage`` how much of time is covered. ``folds`` says what
windows come to that are old, so that sums of their days can stand in their place.
"""
