"""``usage-stream verify``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from stream.cli.basics import EXIT_CODES, FILE, show_json
from stream.records.privacy import one_line

__all__ = ["verify_command"]


@click.command("verify", epilog=EXIT_CODES)
@click.argument("directory", metavar="DIR", type=FILE)
@click.pass_context
def verify_command(context: click.Context, directory: Path) -> None:
    """Check the fixtures of DIR before they are shared.

    Checksums both ways (CHECKSUMS.sha256; a changed, missing or unlisted file: exit 65);
    registration in ENDPOINTS.md, expectations, and that no key and no email outside example.com
    stands in them (exit 1). Findings go to stderr, one a line, and to stdout as JSON.
    """
    from stream.recordings.verify import verify_fixtures  # noqa: PLC0415 -- only this command needs it

    findings = verify_fixtures(directory, int(time.time()))
    lines = [one_line(finding) for finding in (*findings.files, *findings.content)]
    for line in lines:
        click.echo(line, err=True)
    show_json({"directory": str(directory), "findings": lines})
    context.exit(findings.exit_code)
