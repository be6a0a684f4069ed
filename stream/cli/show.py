"""``usage-stream show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
from msgspec import structs

from stream.cli.basics import EXIT_CODES, FILE, clock_option, show_note, show_summary
from stream.cli.figure_source import open_source
from stream.cli.progress import show_columns
from stream.cli.selection import read_span, selection_options
from stream.cli.standard_input import DASH
from stream.figures.breakdown import USUAL, Choice, add_breakdown
from stream.figures.periods import PERIODS
from stream.figures.reconciliation import reconcile_periods
from stream.providers.prices.choice import DEFAULT, load_prices
from stream.records.privacy import one_line
from stream.sinks.exports.breakdowns import FigureTable, table_of, write_csv, write_json
from stream.sinks.exports.reconciliations import table_of_bills
from stream.sinks.exports.tables import lines_of, write_markdown

__all__ = ["show_command"]

BY: Final = {
    "endpoint": "endpoint",
    "project": "project_id",
    "tier": "service_tier",
    "model": "model",
    "line-item": "line_item",
}
TOP: Final = 20
NO_DAEMON: Final = (
    "--reconcile compares days of all endpoints, which a daemon gives one after another: "
    "give its state file, which may be in use"
)
SOURCES: Final = (
    "SOURCE is a state file (which may be in use), a capture, a directory of pages, or a daemon's "
    "address; not -"
)
TOKEN_VARIABLE: Final = "USAGE_STREAM_TOKEN_FILE"  # noqa: S105 -- the name of a variable


def read_dimensions(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """Read what figures are told apart by; ``None``: nothing is said.

    Raises:
        click.BadParameter: one is no dimension, or is named twice.
    """
    if value is None:
        return None
    names = [] if value == "none" else [one.strip() for one in value.split(",")]
    if unknown := [one for one in names if one not in BY]:
        raise click.BadParameter(
            f"{one_line(unknown[0])!r} is none of {', '.join(BY)}; or give none"
        )
    if len(set(names)) < len(names):
        raise click.BadParameter("one is named twice")
    return tuple(BY[one] for one in names)


@click.command("show", epilog=EXIT_CODES)
@click.argument("source", metavar="SOURCE")
@click.option(
    "--by",
    "dimensions",
    metavar="NAMES",
    callback=read_dimensions,
    help=f"What figures are told apart by, with commas: {', '.join(BY)}; or none.  "
    "[default: project]",
)
@click.option(
    "--per",
    "period",
    type=click.Choice(PERIODS),
    help="Periods, by the calendar of UTC; weeks are ISO weeks, which begin on Monday.  "
    "[default: total; of --reconcile day]",
)
@selection_options
@click.option(
    "--prices",
    metavar="default|FILE",
    help="Add a column of what use should have cost, by the published price list (the extra "
    "prices) or by a prices.toml over it.",
)
@click.option(
    "--reconcile",
    is_flag=True,
    help="Show what was billed beside what it should have cost, line item by line item, and what "
    "explains each difference; the published prices, if --prices names no others.",
)
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(1),
    help=f"The N greatest groups; the others are one row in a table ({TOP} if nothing is said), "
    "and left out of CSV and JSON.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "markdown"]),
    default="table",
    show_default=True,
    help="How it is written.",
)
@click.option(
    "--token-file",
    metavar="FILE",
    type=FILE,
    envvar=TOKEN_VARIABLE,
    help=f"A file with the bearer token of a daemon; {TOKEN_VARIABLE} does the same.",
)
@clock_option(" --reconcile says by it what may still be billed.")
def show_command(
    source: str,
    *,
    since: str | None,
    until: str | None,
    form: str,
    top: int | None,
    prices: str | None,
    reconcile: bool,
    token_file: Path | None,
    now: int,
    **options: Any,
) -> None:
    """Show what was used and billed: by project, tier and model, per day, week or month.

    SOURCE is a state file (which may be in use), a capture, a directory of pages, or the address
    of a daemon (http://HOST:PORT). Tokens in, those of them that were cached, tokens out, requests,
    and the cost that was billed, by currency; of named endpoints their other counters too. What is
    null is called unspecified, and – stands where something has no such dimension: billed cost has
    a project and a line item, and neither tier nor model. All of it is exact.

    With --prices there is what use should have cost, which is no bill, and always called estimated;
    what has no price is named with its tokens.

    A table is for people; CSV (RFC 4180, exact decimals, and no cell that a spreadsheet runs) and
    JSON (money as text) have every row. Nothing found is no error.

    \b
    Examples:
      usage-stream show state.db --by project,tier,model --since 2026-10 --until 2026-10
      usage-stream show state.db --per month --format csv > months.csv
      usage-stream show http://127.0.0.1:9464 --by model --per day --since 2026-W41
      usage-stream show fixtures --by line-item --endpoint costs
      usage-stream show state.db --by project,model --prices default --since 2026-10
      usage-stream show state.db --reconcile --prices prices.toml --since 2026-10 --per month
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    names, dimensions, period = map(options.pop, ("projects", "dimensions", "period"))
    if reconcile and (dimensions is not None or top is not None or options["endpoints"]):
        raise click.UsageError("--reconcile has columns of its own: no --by, --endpoint or --top")
    choice = Choice(
        span=read_span(since, until),
        dimensions=(BY["project"],) if dimensions is None else dimensions,
        period=period or ("day" if reconcile else "total"),
        **options,
    )
    if source == DASH:
        raise click.UsageError(SOURCES)
    wanted = DEFAULT if reconcile and prices is None else prices
    price_list = None if wanted is None else load_prices(wanted)
    if reconcile and "://" in source:
        raise click.UsageError(NO_DAEMON)
    with open_source(source, choice, token_file) as (daybook, projects, _, is_behind):
        if names:
            called = {one for one, name in projects.items() if name in names}
            choice = structs.replace(choice, projects=frozenset({*names, *called}))
        if reconcile and price_list is not None:
            table = table_of_bills(reconcile_periods(daybook, choice, price_list, now), projects)
        else:
            found = add_breakdown(daybook, choice, price_list)
            if top is None and form in {"table", "markdown"}:
                top = TOP
            behind = ["the daemon has days to work out again; figures may be older"]
            table = table_of(found, projects, top, behind if is_behind else [])
    if not table.body.rows:
        show_note("nothing was found")
    print_table(table, form)


def print_table(table: FigureTable, form: str) -> None:
    """Write a table to stdout; what is to be said of it to stderr, where it is not in the table.

    Raises:
        Unavailable: stdout is closed or full.
    """
    if table.body.hidden_groups and form in {"csv", "json"}:
        show_note(f"{table.body.hidden_groups} more were left out by --top")
    match form:
        case "csv":
            click.echo(write_csv(table), nl=False)
        case "json":
            show_summary(write_json(table))
            return
        case "markdown":
            click.echo(write_markdown(table), nl=False)
            return
        case _ if table.body.rows:
            titles, rows, texts = lines_of(table)
            foldable = range(table.choice.period != "total", texts)
            lost = show_columns(titles, rows, foldable, expendable_columns(table, texts))
            if lost:
                show_note(f"no room for {', '.join(lost)}: widen the terminal, or use --format")
    for note in table.notes:
        show_note(note)


def expendable_columns(table: FigureTable, texts: int) -> list[int]:
    """Return the columns that a narrow terminal may do without, the least wanted first.

    They stand behind so many columns of texts.
    """
    measures = table.body.measures
    own = [at for at, one in enumerate(measures) if one.name not in USUAL and not one.currency]
    usual = [at for at, one in enumerate(measures) if one.name in {USUAL[1], USUAL[3]}]
    return [texts + at for at in (*reversed(own), *usual)]
