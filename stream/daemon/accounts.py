"""What the page shows of accounts: each endpoint and list, what it is doing, when it is next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from stream.daemon.poller import Poller
from stream.sources.api.source import PartStatus

__all__ = ["describe_accounts", "describe_parts"]

Span = Callable[[int | None], str]
"""Writes a span of time as people say it."""


def describe_accounts(pollers: Iterable[Poller]) -> list[dict[str, Any]]:
    """Describe each account: its key, what it was asked, and how much of that is kept."""
    return [
        {
            "name": poller.settings.name,
            "key": poller.api.refusal or describe_key(poller),
            "bad": bool(poller.api.refusal),
            "requests": sum(poller.asker.requests.values()),
            "waited": int(poller.asker.waited_seconds),
            "evidence": poller.evidence_bytes // 1024,
        }
        for poller in pollers
    ]


def describe_key(poller: Poller) -> str:
    """Say of a key that is not refused whether it was ever accepted."""
    is_accepted = any(outcome == "whole" for _, outcome in poller.api.walks)
    return "accepted" if is_accepted else "not accepted yet"


def describe_parts(pollers: Iterable[Poller], write_span: Span) -> list[dict[str, Any]]:
    """Describe each endpoint and list of each account, those that are refused first."""
    found = []
    for poller in pollers:
        now = poller.api.clock()
        for one in poller.statuses():
            is_whole = one.live_at > 0
            found.append(
                {
                    "account": poller.settings.name,
                    "part": one.part,
                    "doing": describe_doing(one, now),
                    "next": describe_next(one, now, write_span),
                    "whole": f"{write_span(int(now - one.live_at))} ago" if is_whole else "never",
                    "lag": write_span(None if one.lag is None else int(one.lag)),
                    "bad": bool(one.refusal),
                }
            )
    return sorted(found, key=lambda part: not part["bad"])


def describe_doing(status: PartStatus, now: float) -> str:
    """Say what an endpoint or a list is doing; why it is refused, in the provider's words."""
    if status.refusal:
        words = "is asked again now" if status.is_asking else "refused"
        return f"{words}, {status.refusal}: {status.message}"
    if status.is_asking:
        return "is asked now"
    if status.next_at is not None and status.next_at <= now:
        return "waits for its turn"
    return f"rests; {status.message}" if status.message else "rests"


def describe_next(status: PartStatus, now: float, write_span: Span) -> str:
    """Say when it is asked next."""
    if status.is_asking:
        return "now"
    if status.next_at is None:
        return "–"
    seconds = int(status.next_at - now)
    return f"in {write_span(seconds)}" if seconds > 0 else "now"
