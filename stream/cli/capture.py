"""``usage-stream capture``."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click
import msgspec

from stream.cli.basics import EXIT_CODES, FILE, page_bytes_option, show_summary
from stream.cli.progress import show_progress
from stream.decode.values import revision_of
from stream.engines.signals import run_until_signalled
from stream.records.errors import BadInput
from stream.sources.captures import is_capture
from stream.sources.folder_views import Views
from stream.sources.queries import decode_queries

__all__ = ["capture_command"]


class WalkTime(click.ParamType[int]):
    """When a walk was made: RFC 3339 with its zone; a revision, in microseconds since 1970."""

    name = "time"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the revision."""
        try:
            return revision_of(str(value), "")
        except BadInput as error:
            self.fail(str(error), param, ctx)


class PageQuery(click.ParamType[Views]):
    """What pages were asked with: a query as JSON, or an object from endpoints to queries."""

    name = "query"

    def convert(
        self, value: str | Views, param: click.Parameter | None, ctx: click.Context | None
    ) -> Views:
        """Return the view of each endpoint."""
        try:
            return decode_queries(os.fsencode(str(value)))
        except BadInput as error:
            self.fail(str(error), param, ctx)


@click.command("capture", epilog=EXIT_CODES)
@click.argument("given", metavar="IN", type=FILE)
@click.argument("out", metavar="OUT", type=FILE)
@click.option(
    "--observed-at",
    metavar="TIME",
    type=WalkTime(),
    help="When the pages of a directory were asked for, in RFC 3339. A capture of later pages "
    "then replaces their windows; without it the capture counts as fixtures do.",
)
@click.option(
    "--request",
    "views",
    metavar="JSON",
    type=PageQuery(),
    help="The query that the pages of a directory were asked with, as "
    """'{"group_by": ["project_id", "model"]}', or an object that has one for each endpoint. """
    "It stands on every line, but those of lists. Without it request.json in the directory says "
    "the same, if it is there.",
)
@page_bytes_option("A larger file, or a longer line of a capture,")
def capture_command(
    given: Path,
    out: Path,
    observed_at: int | None,
    views: Views | None,
    *,
    max_page_bytes: int,
) -> None:
    """Turn a directory of fixtures into one capture file, or a capture into fixtures.

    A capture has a page on each line, in an envelope that says where it belongs: NAME.ndjson, or
    packed, NAME.ndjson.gz and NAME.ndjson.zst. One file reads much faster than thousands, and can
    hold many walks. Where IN is a directory, OUT is a capture; where IN is a capture, OUT is a
    directory that is empty or not there. Expectations are copied: beside fixtures they are
    expectations.json, beside a capture NAME.expectations.json.

    Pages keep every value, and a replay of either side gives the same figures. What fixtures
    cannot hold is refused with 65, and nothing is written: several walks of one endpoint and
    label, walks of one endpoint made at several times, or with several views (groups, filters),
    and labels that cannot stand in a file's name. What the pages were asked with stands beside
    fixtures in request.json. A capture's times are not kept in fixtures.

    \b
    Examples:
      usage-stream capture fixtures november.ndjson.zst
      usage-stream capture fixtures walk.ndjson.gz --observed-at 2024-12-01T06:00:00Z
      usage-stream capture fixtures walk.ndjson --request '{"group_by": ["model"]}'
      usage-stream capture november.ndjson.zst unpacked && usage-stream replay unpacked
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.recordings.convert import to_capture, to_fixtures  # noqa: PLC0415 -- only this command needs it

    folds = check_names(given, out)
    if folds:
        work = partial(to_capture, given, out, observed_at or 0, views, max_page_bytes)
    elif observed_at is not None:
        raise click.UsageError("--observed-at is for a directory; fixtures hold no time of a walk")
    elif views is not None:
        raise click.UsageError("--request is for a directory; a capture says it on each line")
    else:
        work = partial(to_fixtures, given, out, max_page_bytes)
    with show_progress() as observer:
        written = run_until_signalled(partial(work, observer))
    show_summary(msgspec.json.format(msgspec.json.encode(written), indent=2))


def check_names(given: Path, out: Path) -> bool:
    """Tell whether a directory becomes a capture, or a capture a directory.

    Raises:
        click.UsageError: neither, or the capture would stand among the fixtures.
    """
    if is_capture(out.name) and not is_capture(given.name):
        if out.resolve().parent == given.resolve():
            raise click.UsageError(f"{out} would stand among the fixtures; write elsewhere")
        return True
    if is_capture(given.name) and not is_capture(out.name):
        return False
    raise click.UsageError(
        "one of IN and OUT is a directory, and the other a capture: "
        "NAME.ndjson, NAME.ndjson.gz or NAME.ndjson.zst"
    )
