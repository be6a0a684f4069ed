"""What state comes to: pure functions of windows, lists and expectations.

For a report, ``outline`` asks for everything, and is what sinks are given:

- ``endpoint``: an endpoint's figures, from its chains that count (``views``), what is the same
  usage resolved (``rollup``), the rest added up (``totals``);
- ``relations``: whatever is referred to must be defined;
- ``expectations``: figures that must come out;
- ``issues``: one sentence for each thing that does not hold.

For Prometheus, ``series`` says which series a record counts in, ``ledger`` what each has accepted
and taken back, and ``coverage`` how much of time is covered.
"""
