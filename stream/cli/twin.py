"""``usage-stream twin``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
import click
import msgspec

from stream.cli.basics import EXIT_CODES, read_time, show_summary
from stream.recordings.twin.faults import KINDS, FaultRule, parse_faults
from stream.recordings.twin.twin import DEFAULT_KEY, LOOKBACK, Twin
from stream.records.errors import Unavailable
from stream.records.windows import DAY, timestamp

__all__ = ["twin_command"]

Decorator: TypeAlias = Callable[[Callable[..., None]], Callable[..., None]]

LISTEN: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+)):(\d{1,5})", re.ASCII)
LIST: Final = "\n".join(["\b", "Faults:", *(f"  {one:10}{text}" for one, text in KINDS.items())])


class ListenAddress(click.ParamType[tuple[str, int]]):
    """A host and a port."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return them apart."""
        match = LISTEN.fullmatch(str(value))
        if match is None or int(match[3]) > 65_535:  # noqa: PLR2004 -- the largest port
            self.fail("give HOST:PORT, such as 127.0.0.1:9465 or [::1]:9465", param, ctx)
        return match[1] or match[2], int(match[3])


class FaultScripts(click.ParamType[tuple[FaultRule, ...]]):
    """Faults: a short text, or a file with a script."""

    name = "faults"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[FaultRule, ...]:
        """Return the rules; a wrong one ends the command as a wrong configuration does."""
        del param, ctx
        text, path = str(value), Path(str(value))
        try:
            if path.is_file():
                text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"{path}: cannot be read ({error})") from None
        return parse_faults(text)


def time_option(name: str, metavar: str, default: float, text: str) -> Decorator:
    """Make an option that is a length of time."""
    return click.option(
        name,
        metavar=metavar,
        type=click.FloatRange(0),
        default=default,
        show_default=True,
        help=text,
    )


@click.command("twin", epilog=f"{LIST}\n\n{EXIT_CODES}")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    type=ListenAddress(),
    default="127.0.0.1:9465",
    show_default=True,
    help="Where to listen; with port 0 the system chooses one.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="What organization and usage are drawn from.",
)
@click.option(
    "--speed",
    metavar="N",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="How many times as fast as real time goes on.",
)
@click.option(
    "--start", metavar="TIME", type=read_time, help="When it starts, by its clock. [default: now]"
)
@click.option(
    "--key",
    "keys",
    metavar="KEY",
    multiple=True,
    default=(DEFAULT_KEY,),
    show_default=True,
    help="A key that is accepted; may be given again.",
)
@click.option(
    "--scopeless-key",
    "scopeless",
    metavar="KEY",
    multiple=True,
    help="A key that is known and may read nothing (403); may be given again.",
)
@click.option(
    "--faults",
    metavar="TEXT|FILE",
    type=FaultScripts(),
    default="",
    help="What goes wrong: KIND[/FORM][@PATH][:SHARE] with commas between, or a TOML or JSON file.",
)
@time_option("--late", "MINUTES", 15.0, "How long after it happened usage may arrive.")
@time_option("--cost-late", "HOURS", 48.0, "How long after their day costs may arrive.")
@time_option("--lookback", "DAYS", LOOKBACK / DAY, "How far back a query may start.")
@time_option("--volume", "N", 1.0, "How many times as much usage as usual there is.")
@click.option(
    "--projects",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="How many active projects there are, beside an archived one.",
)
def twin_command(  # noqa: PLR0917 -- see PLR0913 in pyproject.toml
    listen: tuple[str, int],
    speed: float,
    start: int | None,
    late: float,
    cost_late: float,
    lookback: float,
    **options: Any,
) -> None:
    """Answer as the OpenAI admin API does, from generated usage that goes on in time.

    Usage, costs and the lists, as the API documents them and as it was seen to be: buckets grow
    while they are open, and afterwards; costs come days later, and are corrected; keys, scopes,
    limits and cursors are checked. The same seed gives the same answers at the same moment. One
    line of JSON on stdout says where it listens. SIGINT and SIGTERM end it, with 0.

    \b
    Examples:
      usage-stream twin --listen 127.0.0.1:9465 --seed 1 --speed 60
      usage-stream twin --faults '429:0.1,500:0.05,cut:0.02,500@projects/*/users:1'
      curl -H 'Authorization: Bearer sk-admin-twin-0001' \\
        'http://127.0.0.1:9465/v1/organization/costs?start_time=1782000000'
      curl -d 'revoked' http://127.0.0.1:9465/twin/faults       # from now on
      curl http://127.0.0.1:9465/twin/requests                  # what was asked for
    The official client reads it too:
      OpenAI(admin_api_key="sk-admin-twin-0001", base_url="http://127.0.0.1:9465/v1")
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.recordings.twin.server import listen_on, run_clock, serve_twin  # noqa: PLC0415 -- 300 ms that only a run needs

    began = time.time() if start is None else float(start)
    twin = Twin(
        clock=run_clock(began, speed),
        late=60 * late,
        cost_late=3600 * cost_late,
        lookback=DAY * lookback,
        **options,
    )
    opened = listen_on(*listen)
    host, port = opened.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def show_place() -> None:
        shown = {
            "listening": url,
            "baseUrl": f"{url}/v1",
            "keys": options["keys"],
            "seed": options["seed"],
            "speed": speed,
            "now": timestamp(int(began)),
        }
        show_summary(msgspec.json.encode(shown))

    anyio.run(serve_twin, twin, opened, show_place)
