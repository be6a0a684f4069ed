"""``usage-stream flink``: the same job on Apache Flink, and the report of what it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import click
import msgspec

from stream.cli.basics import (
    EXIT_CODES,
    FILE,
    add_options,
    clock_option,
    end_run,
    page_bytes_option,
    report_options,
    rules_of,
    show_summary,
)
from stream.cli.standard_output import spool_report
from stream.engines.flink.job import Job
from stream.engines.flink.report import write_engine_report
from stream.engines.flink.submit import Submission, submit_job
from stream.pipeline import Replay
from stream.sinks.summary import summary_of

__all__ = ["flink_command"]

job_options = add_options(
    click.argument("captures", metavar="CAPTURES"),
    click.argument("out", metavar="OUT"),
    click.option(
        "--follow",
        metavar="SECONDS",
        type=click.IntRange(1),
        help="Go on, and look for new captures every so many seconds. Each must be whole when it "
        "appears (written beside, and renamed).",
    ),
    click.option(
        "--every",
        metavar="SECONDS",
        type=click.IntRange(1),
        default=10,
        show_default=True,
        help="How long what changes is gathered before it is said, with --follow.",
    ),
    click.option(
        "--details/--no-details",
        default=True,
        help="Write windows out too, so that the report can show every record; or sums alone.",
    ),
    click.option(
        "--now",
        metavar="SECONDS",
        type=click.IntRange(0),
        help="The clock, in Unix seconds: what walks must not be ahead of. [default: the time]",
    ),
    page_bytes_option("A longer line of a capture"),
)
"""Gives a command the arguments and options that make a job; the job itself reads the same."""


@click.group("flink", epilog=EXIT_CODES)
def flink_command() -> None:
    """Run the same job on Apache Flink, where one machine is not enough.

    A job reads captures and writes sums, which a report is made of: the same figures, and the same
    bytes, as of a replay on one machine. deploy/flink/README.md shows how to run a cluster.
    """


@flink_command.command("submit", epilog=EXIT_CODES)
@job_options
@click.option(
    "--jobmanager",
    metavar="HOST:PORT",
    default="127.0.0.1:8081",
    show_default=True,
    help="The REST address of the cluster.",
)
@click.option("--parallelism", metavar="N", type=click.IntRange(1), help="How many slots to use.")
@click.option(
    "--restore",
    metavar="PLACE",
    help="Go on from a checkpoint or savepoint, or from the newest whole one in a directory.",
)
@click.option(
    "--python",
    metavar="PATH",
    help="The Python of the TaskManagers, which has usage-stream[flink]. [default: this one]",
)
@click.option(
    "-D",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting of Flink for this job, as execution.checkpointing.interval=30s.",
)
def submit_command(
    jobmanager: str,
    parallelism: int | None,
    restore: str | None,
    python: str | None,
    settings: tuple[str, ...],
    **options: Any,
) -> None:
    """Submit a job that reads the captures in CAPTURES and writes to OUT what they come to.

    Both are directories that all machines of the cluster see: a path, or a URI of a file system
    that Flink knows (s3://…). Without --follow the command waits for the job's end.

    \b
    Examples:
      usage-stream flink submit captures out/flink
      usage-stream flink submit s3://bucket/captures s3://bucket/out --follow 60 --no-details \\
        --jobmanager flink:8081 -D execution.checkpointing.interval=1min
      usage-stream flink report captures out/flink
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    how = Submission(jobmanager, parallelism, restore, python, settings)
    submit_job(Job(**options), how, lambda one: show_summary(msgspec.json.encode({"jobId": one})))


@flink_command.command("report", epilog=EXIT_CODES)
@click.argument("captures", metavar="CAPTURES", type=FILE)
@click.argument("out", metavar="OUT", type=FILE)
@report_options
@clock_option()
@click.pass_context
def report_command(  # noqa: PLR0917 -- a command has as many parameters as it has options
    context: click.Context,
    captures: Path,
    out: Path,
    report: Path,
    on_error: str,
    dead_letters: Path | None,
    now: int,
    *,
    details: bool,
    allow_incomplete: bool,
) -> None:
    """Make the report of what a job on Flink wrote to OUT, and print its summary as JSON.

    CAPTURES are those that the job has read: their digests are taken here. Both are local paths.
    The report has the same bytes as one of usage-stream replay CAPTURES. Of a job that goes on,
    it shows what the last checkpoint had.

    \b
    Example:
      usage-stream flink report captures out/flink --report out/report.json
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    rules = rules_of(on_error, dead_letters, allow_incomplete=allow_incomplete)
    place = context.with_resource(spool_report(report))
    run = Replay(directory=captures, now=now, report=place.path, details=details, rules=rules)
    written = anyio.run(write_engine_report, run, out)
    end_run(context, summary_of(place.lasting_path, written), written, place)
