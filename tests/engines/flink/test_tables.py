"""The tables of the job on Flink: what is read and written how, and that its SQL only sums."""

from __future__ import annotations

import re

from stream.engines.flink import tables
from stream.engines.flink.job import Job

ONCE = Job(captures="file:///in", out="file:///out")
ON = Job(captures="file:///in", out="file:///out", follow=7, every=3)


def test_a_bounded_run_reads_what_is_there_and_sums_once() -> None:
    """No captures are looked for later, sums are plain rows, and they wait for the end."""
    assert "monitor-interval" not in tables.define_source(ONCE)
    assert "'format' = 'json'" in tables.define_sinks(ONCE)["totals"]
    assert all("TUMBLE" in insert for insert in tables.sum_statements_of(ONCE).values())


def test_a_run_that_goes_on_looks_again_and_takes_back() -> None:
    """Captures are looked for at an interval, and sums are written as changes."""
    assert "'source.monitor-interval' = '7 s'" in tables.define_source(ON)
    assert "'format' = 'debezium-json'" in tables.define_sinks(ON)["figures"]
    assert "'sink.rolling-policy.rollover-interval' = '3 s'" in tables.define_sinks(ON)["totals"]
    assert not any("TUMBLE" in insert for insert in tables.sum_statements_of(ON).values())


def test_windows_and_letters_are_only_added_to() -> None:
    """They are rows that stay, in a run of either kind."""
    for job in ONCE, ON:
        assert "'format' = 'json'" in tables.define_sinks(job)["windows"]
        assert "'format' = 'raw'" in tables.define_sinks(job)["letters"]


def test_sql_only_sums() -> None:
    """Figures are summed for each fact, totals for each key of groups alone, and that is all."""
    for job in ONCE, ON:
        found = tables.sum_statements_of(job)
        assert re.findall(r"\b(SUM|MAX|MIN|COUNT|CASE|CAST)\(", "".join(found.values())) == (
            ["SUM"] * 7
        )
        assert "WHERE kind = 'group'" in found["totals"]
        assert "WHERE" not in found["figures"]


def test_any_place_can_be_named() -> None:
    """Quotes end no text of the SQL, and signs of regular expressions mean themselves."""
    source = tables.define_source(Job(captures="file:///it's (new)", out="x"))
    assert "'path' = 'file:///it''s (new)'" in source
    pattern = re.search(r"'source.path.regex-pattern' = '(.*)'", source)
    assert pattern is not None
    assert r"\Qit''s (new)\E/" in pattern[1]
    assert "'path' = 'a''b/totals'" in tables.define_sinks(Job(captures="x", out="a'b"))["totals"]
