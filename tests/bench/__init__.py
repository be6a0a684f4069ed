"""The benchmark: usage-stream beside what people would use instead, all doing the same work.

``python -m tests.bench`` measures the workloads, ``python -m tests.bench.curve`` what more of
anything costs, ``tests.bench.startup`` a start, ``tests.bench.budgets`` what a budget of memory
does.

workloads.py    what is generated: pages, and beside them what must come out
contenders/     one program for each contender
lineup.py       how each is started, and what it takes to have it
running.py      one run: CPU seconds, wall, peak RSS
rounds.py       contenders take turns
agreement.py    everyone's figures are the same, or there is no table
table.py        medians, spread, ratios, aims
stages.py       where the time of a replay goes, by ``staged_replay.py``
first_page.py   a replay that ends with its first page, which ``startup`` measures
axes.py         what is varied beside rows, each at how many points
plot.py         a cost curve as a picture
written.py      puts what was measured into README.md

``python -m tests.bench.day_of_requests`` counts what the daemon asks of an account.
"""
