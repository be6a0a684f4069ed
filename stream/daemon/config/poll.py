"""What may be said of an account that is asked for its own usage: ``[[poll]]``."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from stream.daemon.config.durations import Duration, Period
from stream.providers.openai import ENDPOINTS
from stream.records.chains import PRIMARY
from stream.records.windows import DAY
from stream.sources.api.schedule import PollPlan

__all__ = ["PollSettings"]

DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

EndpointKey: TypeAlias = Literal[*ENDPOINTS]  # type: ignore[valid-type]  # the registry's own


class PollSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account of a provider; what has no default must be set.

    Every answer is kept below ``evidence``, in the directory ``name``, for as long as ``keep``
    says, and counts from there.
    """

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*\Z",
            extra_json_schema={"expected": "up to 100 letters, digits and ._-"},
        ),
    ] = PRIMARY
    provider: Literal["openai"] = "openai"
    since: Annotated[
        str,
        Meta(
            pattern=rf"^{DATE.pattern}\Z",
            extra_json_schema={"expected": "a day, such as 2026-10-01"},
        ),
    ]
    evidence: Path
    keep: Duration | None = None
    key_file: Path | None = None
    organization: str | None = None
    base_url: str = "https://api.openai.com/v1"
    endpoints: tuple[EndpointKey, ...] = tuple(ENDPOINTS)
    width: Literal["1m", "1h", "1d"] = "1h"
    every: Period = 300.0
    settle: Duration = 1_800.0
    costs_every: Period = 3_600.0
    costs_settle: Duration = 3.0 * DAY
    lists: bool = True
    lists_every: Period = 3_600.0
    requests_per_minute: Annotated[int, Meta(ge=1, le=10_000)] = 50
    burst: Annotated[int, Meta(ge=1, le=1_000)] = 10

    @property
    def directory(self) -> Path:
        """Where its evidence goes."""
        return self.evidence / self.name

    @property
    def plan(self) -> PollPlan:
        """What is asked, and how often.

        Raises:
            ValueError: the day is none.
        """
        day = dt.datetime.fromisoformat(f"{self.since}T00:00:00+00:00")
        return PollPlan(
            start=int(day.timestamp()),
            label=self.name,
            endpoints=self.endpoints,
            width=self.width,
            interval=self.every,
            settle=self.settle,
            costs_interval=self.costs_every,
            costs_settle=self.costs_settle,
            lists_interval=self.lists_every if self.lists else None,
        )
