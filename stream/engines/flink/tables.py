"""The tables of the job, and what its SQL does: it only sums."""

from __future__ import annotations

from typing import Final

from stream.engines.flink.facts import GROUP, Fact
from stream.engines.flink.job import Job
from stream.engines.flink.output import FIGURES, LETTERS, TOTALS, WINDOWS

__all__ = ["FACTS", "FACT_COLUMNS", "LINES", "define_sinks", "define_source", "sum_statements_of"]

LINES: Final = "lines"
FACTS: Final = "facts"
NAME: Final = r"[^/]+\.ndjson(\.gz|\.zst)?"
"""Captures stand in the directory itself: below it there may be others of the same name."""
TOTAL: Final = "endpoint, `view`, project_id, service_tier, counter"
FIGURE: Final = f"{TOTAL}, kind, `key`"
TOTAL_COLUMNS: Final = (
    "endpoint STRING, `view` STRING, project_id STRING, service_tier STRING, counter STRING"
)
SUM_COLUMNS: Final = "whole DECIMAL(38, 0), fraction DECIMAL(38, 0), rest DECIMAL(38, 0)"
FACT_COLUMNS: Final = (
    *((name, "STRING") for name in Fact._fields),
    ("times", "BIGINT"),
    *((name, "DECIMAL(38, 0)") for name in ("whole", "fraction", "rest")),
)
"""A fact as it is, and its figure as three numbers."""


def define_source(job: Job) -> str:
    """Define the lines of captures, each as it stands, and the file that it is in."""
    directory = job.captures.rstrip("/").rpartition("/")[2]
    follow = "" if job.follow is None else f"'source.monitor-interval' = '{job.follow} s',"
    return f"""
        CREATE TEMPORARY TABLE {LINES} (
            line BYTES,
            `file.path` STRING NOT NULL METADATA
        ) WITH (
            'connector' = 'filesystem',
            'path' = '{quote_sql(job.captures)}',
            'source.path.regex-pattern' = '.*/{quote_sql(regex_literal_of(directory))}/{NAME}',
            {follow}
            'format' = 'raw'
        )"""


def define_sinks(job: Job) -> dict[str, str]:
    """Define the tables that are written, by name."""
    form = "json" if job.follow is None else "debezium-json"
    sums = f"'format' = '{form}', '{form}.encode.decimal-as-plain-number' = 'true'"
    rows = {
        FIGURES: (f"{TOTAL_COLUMNS}, kind STRING, `key` STRING, times BIGINT, {SUM_COLUMNS}", sums),
        TOTALS: (f"{TOTAL_COLUMNS}, {SUM_COLUMNS}", sums),
        WINDOWS: ("endpoint STRING, name STRING, version BIGINT, entry BYTES", "'format' = 'json'"),
        LETTERS: ("letter STRING", "'format' = 'raw'"),
    }
    return {
        name: f"""
        CREATE TEMPORARY TABLE {name} ({columns}) WITH (
            'connector' = 'filesystem',
            'path' = '{quote_sql(job.out)}/{name}',
            'sink.rolling-policy.rollover-interval' = '{job.every} s',
            'sink.rolling-policy.check-interval' = '{job.every} s',
            {written}
        )"""
        for name, (columns, written) in rows.items()
    }


def regex_literal_of(text: str) -> str:
    """Write a text as it stands within a regular expression of Java."""
    return "\\Q" + text.replace("\\E", "\\E\\\\E\\Q") + "\\E"


def quote_sql(text: str) -> str:
    """Write a text as SQL wants it between quotes."""
    return text.replace("'", "''")


def sum_statements_of(job: Job) -> dict[str, str]:
    """Return what is put into the tables of sums.

    A bounded run sums once, when all has been read: a window of event time, of which there is but
    one moment, closes with the input. An unbounded one goes on, and takes back what it has given.
    """
    rows, group = FACTS, ""
    if job.follow is None:
        rows = f"TABLE(TUMBLE(TABLE {FACTS}, DESCRIPTOR(moment), INTERVAL '1' DAY))"
        group = "window_start, window_end, "
    sums = "SUM(whole), SUM(fraction), SUM(rest)"
    return {
        FIGURES: f"""
        INSERT INTO {FIGURES}
        SELECT {FIGURE}, SUM(times), {sums} FROM {rows} GROUP BY {group}{FIGURE}""",
        TOTALS: f"""
        INSERT INTO {TOTALS}
        SELECT {TOTAL}, {sums} FROM {rows} WHERE kind = '{GROUP}' GROUP BY {group}{TOTAL}""",
    }
