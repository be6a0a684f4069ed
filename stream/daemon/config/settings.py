"""The daemon's settings: what may stand in its configuration file, and what is said of each."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from stream.daemon.config.budget import BudgetSettings
from stream.daemon.config.durations import Duration, Period
from stream.daemon.config.exports import ExportSettings
from stream.daemon.config.names import Name
from stream.daemon.config.poll import PollSettings
from stream.intake.retention import Retention
from stream.intake.rules import Rules
from stream.records.durations import DURATION, seconds_of
from stream.records.sizes import EXPECTED_SIZE, SIZE, bytes_in
from stream.sources.channel import DEFAULT_CAPACITY
from stream.sources.source import DEFAULT_PAGE_BYTES

__all__ = ["Http", "Log", "PaceSettings", "Settings", "WatchSettings"]

Many: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
Prices: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=4096,
        pattern=r"^[^\x00]*\Z",
        extra_json_schema={"expected": '"default", or a file with prices'},
    ),
]
HostName: TypeAlias = Annotated[str, Meta(max_length=253, pattern=r"^[A-Za-z0-9._-]+\Z")]

SPEED: Final = re.compile(rf"({DURATION.pattern})/s")
LISTEN: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})")
MAX_PORT: Final = 65_535
EVIDENCE: Final = "evidence"
"""What the pages of evidence are known by, as those of a watched directory by its name."""


class WatchSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A directory whose pages are taken in as they land; state remembers them by its name.

    ``every`` and its kind say how often somebody delivers usage, costs and lists: what is late by
    more than two of them is named by an alert.
    """

    path: Path
    name: Name = ""
    every: Period = 3_600.0
    costs_every: Period = 86_400.0
    lists_every: Period = 86_400.0

    @property
    def intervals(self) -> tuple[float, float, float]:
        """How often usage, costs and lists are delivered, in seconds."""
        return self.every, self.costs_every, self.lists_every


class PaceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fixture directory replayed in event time; ``speed`` is that time for each second."""

    path: Path
    speed: Annotated[
        str,
        Meta(
            pattern=rf"^{SPEED.pattern}\Z",
            extra_json_schema={"expected": "event time for a second, such as 1d/s, 12h/s or 90m/s"},
        ),
    ]
    name: Name = ""
    loop: bool = False

    @property
    def rate(self) -> float:
        """How many seconds of event time pass in a second."""
        match = SPEED.fullmatch(self.speed)
        return seconds_of(match[1]) if match else 0.0


class Http(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the daemon is asked, and who may ask."""

    listen: Annotated[
        str,
        Meta(
            pattern=rf"^{LISTEN.pattern}\Z",
            description="Where to listen, as HOST:PORT.",
            extra_json_schema={"expected": "HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464"},
        ),
    ] = "127.0.0.1:9464"
    hosts: Annotated[
        tuple[HostName, ...],
        Meta(
            description="Names that Host may carry beside IP addresses and localhost.",
            extra_json_schema={"expected": "a list of names, without ports"},
        ),
    ] = ()
    token_file: Annotated[
        Path | None, Meta(description="A file with the bearer token that clients must show.")
    ] = None
    tls_cert: Annotated[
        Path | None, Meta(description="A file with the certificate and its chain, for https.")
    ] = None
    tls_key: Annotated[Path | None, Meta(description="The file with the certificate's key.")] = None
    allow_anonymous: Annotated[bool, Meta(description="Serve beyond loopback without a token.")] = (
        False
    )

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port to listen on."""
        match = LISTEN.fullmatch(self.listen)
        return (match[1] or match[2], int(match[3])) if match else ("", MAX_PORT + 1)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can ask."""
        host = self.address[0]
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


class Log(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged on stderr, and how."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="debug has a line for each page, info one for each checkpoint."),
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="auto is text on a terminal, and JSON elsewhere."),
    ] = "auto"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set; what has no default must be."""

    state: Annotated[Path, Meta(description="The state file to resume from and checkpoint into.")]
    report: Annotated[Path, Meta(description="Where the report goes.")]
    dead_letters: Annotated[
        Path, Meta(description="The directory for what cannot be counted, secrets masked.")
    ]
    details: Annotated[
        bool, Meta(description="Put every record into the report, or totals alone.")
    ] = False
    channel_capacity: Annotated[
        Many, Meta(description="How many pages may wait between reading and counting.")
    ] = DEFAULT_CAPACITY
    max_page_bytes: Annotated[
        int, Meta(ge=1, le=2**40, description="A larger file is bad input.")
    ] = DEFAULT_PAGE_BYTES
    memory: Annotated[
        str,
        Meta(
            pattern=rf"^{SIZE.pattern}\Z",
            description="How much memory windows may take; the others are in state.",
            extra_json_schema={"expected": EXPECTED_SIZE},
        ),
    ] = "16MB"
    checkpoint_pages: Annotated[
        Many, Meta(description="Checkpoint after so many pages at the latest.")
    ] = 500
    checkpoint_seconds: Annotated[
        Period, Meta(description="Checkpoint so long after a page at the latest.")
    ] = 5.0
    report_seconds: Annotated[
        Period, Meta(description="How often the report is written anew when figures changed.")
    ] = 60.0
    settle_seconds: Annotated[
        Period, Meta(description="How long a broken page may still be written to.")
    ] = 5.0
    rescan_seconds: Annotated[
        Period, Meta(description="How often directories are looked through all the same.")
    ] = 60.0
    walk_seconds: Annotated[
        Period, Meta(description="How long a chain may wait for its next page unnamed.")
    ] = 60.0
    give_up_seconds: Annotated[
        Period, Meta(description="Give up (69) on a store that cannot be written for so long.")
    ] = 300.0
    stop_seconds: Annotated[
        Period, Meta(description="How long stopping may take: drain, checkpoint, report.")
    ] = 30.0
    series_limit: Annotated[
        Many, Meta(description="How many series a measured metric may have.")
    ] = 1000
    retention: Annotated[
        Duration | None,
        Meta(description="How long windows are kept as they came; older ones fold into days."),
    ] = None
    retention_drops: Annotated[
        bool, Meta(description="Drop what is older than the retention, and keep no sums of it.")
    ] = False
    prices: Annotated[
        Prices | None,
        Meta(description="Say what use should have cost: by default, a published list, or a file."),
    ] = None
    budget: tuple[BudgetSettings, ...] = ()
    watch: tuple[WatchSettings, ...] = ()
    pace: tuple[PaceSettings, ...] = ()
    poll: tuple[PollSettings, ...] = ()
    export: tuple[ExportSettings, ...] = ()
    http: Http = Http()
    log: Log = Log()

    @property
    def watches(self) -> tuple[WatchSettings, ...]:
        """The directories that are watched: those of the settings, and where evidence is kept."""
        roots = sorted({poll.evidence for poll in self.poll})
        names = [EVIDENCE if len(roots) == 1 else f"{EVIDENCE}-{one.name}" for one in roots]
        found = zip(roots, names, strict=True)
        return (*self.watch, *(WatchSettings(path=root, name=name) for root, name in found))

    @property
    def window_retention(self) -> Retention | None:
        """How long windows are kept as they came; ``None``: for ever."""
        if self.retention is None:
            return None
        return Retention(int(self.retention), self.retention_drops)

    @property
    def rules(self) -> Rules:
        """How pages are taken in: bad ones are set aside, and chains may wait."""
        return Rules(
            state=self.state,
            dead_letters=self.dead_letters,
            unfinished_walks="wait",
            checkpoint_pages=self.checkpoint_pages,
            checkpoint_seconds=self.checkpoint_seconds,
            memory=bytes_in(self.memory),
        )
