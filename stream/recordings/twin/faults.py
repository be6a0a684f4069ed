"""Faults on demand: what may go wrong, how often, where and when; read from a text, JSON or TOML.

A short text names kinds with their shares: ``429:0.1,500:0.05,hang:0.01``. A kind may have a form
behind a slash and a path behind an at sign, as ``/v1/organization/`` goes on, with ``*`` for
anything: ``429/date@costs:0.5``. Whatever has no share happens always. A script has the same and
more in its tables::

    [[fault]]
    kind = "429"
    form = "date"
    share = 0.1
    path = "usage/*"
    since = 2026-11-28T12:00:00Z
    until = 2026-11-28T18:00:00Z
    seconds = 30
    times = 5
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from fnmatch import fnmatchcase
from math import inf
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from stream.recordings.synth.draws import draw_number
from stream.records.errors import BadConfiguration

__all__ = ["KINDS", "Fault", "FaultPlan", "FaultRule", "parse_faults"]

PERIOD: Final = 21_600
"""Seconds for which one project answers with errors, or does not."""
TARGETS_KEPT: Final = 4096
DRAWN: Final = 1 << 64
Time: TypeAlias = float | dt.datetime

RETRY_FORMS: Final = ("seconds", "date", "ms", "none", "long", "odd")
"""How an answer may say when to come again; without a form, one of the first four is drawn."""

KINDS: Final[dict[str, str]] = {
    "429": "too many requests; forms: " + ", ".join(RETRY_FORMS),
    "408": "request timeout",
    "409": "conflict",
    "500": "an error of the server; so are 502, 503 and 504, and all have the forms of 429",
    "502": "bad gateway",
    "503": "overloaded",
    "504": "gateway timeout",
    "html": "a page of HTML with 200, or with the status that is the form",
    "error": "an error's body with 200",
    "redirect": "302 to another host",
    "revoked": "401: the key is not valid any more",
    "scope": "403: the key may not read this",
    "project": "one active project's lists answer with 500, for six hours or not at all",
    "expired": "a cursor is refused, whatever its query",
    "future": "an end_time that is ahead of the clock is refused",
    "repeat": "the next cursor is the one that was asked for",
    "no-cursor": "has_more without a cursor",
    "overrun": "a cursor that leads to an empty page behind the last",
    "endless": "empty pages behind the last one, for ever",
    "hang": "no answer for so many seconds (form, 3600)",
    "cut": "the body ends early",
    "type": "JSON with the content type of text",
    "gzip": "the body is packed",
    "bomb": "so many MiB of blanks (form, 256), packed",
    "clock": "the clock is so many seconds ahead (form, 3600)",
}
"""Every kind of fault, and what it does."""


class FaultRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault: from ``since`` until ``until``, ``share`` of the requests for ``path``.

    ``seconds`` is how long it hangs, when to come again, or how wrong the clock is; ``times`` how
    often it happens at most. A time is Unix seconds or has a date.
    """

    kind: str
    form: str = ""
    share: float = 1.0
    path: str = "*"
    since: Time = 0.0
    until: Time | None = None
    seconds: float | None = None
    times: int | None = None

    def covers(self, path: str, now: float) -> bool:
        """Tell whether it may happen to a path, without ``/v1/organization/``, at a moment."""
        end = inf if self.until is None else unix_time(self.until)
        in_time = unix_time(self.since) <= now < end
        return in_time and fnmatchcase(path, self.path)

    def read_seconds(self, usual: float) -> float:
        """Return ``seconds``, or the form where that is a number, or what is usual."""
        if self.seconds is not None:
            return self.seconds
        return float(self.form) if self.form.isdecimal() else usual


class Fault(NamedTuple):
    """A fault that happens to a request: its rule, and a number of 64 bits to choose by."""

    rule: FaultRule
    number: int


class FaultScript(Struct, forbid_unknown_fields=True):
    """A file of faults."""

    fault: list[FaultRule] = []


class FaultPlan:
    """Decides which faults happen to a request: by the seed, its target, and how often it came.

    So it does not depend on what else was asked for meanwhile, and a repeated request may fare
    better. The project that fails is drawn from ``projects``.
    """

    def __init__(self, seed: int, rules: tuple[FaultRule, ...], projects: tuple[str, ...]) -> None:
        """Start with rules."""
        self.rules = rules
        self._seed = seed
        self._project = projects[draw_number(seed, "failing project") % len(projects)]
        self._counts = [0] * len(rules)
        self._attempts: OrderedDict[str, int] = OrderedDict()

    def choose(self, path: str, target: str, now: float) -> list[Fault]:
        """Return the faults that happen to a request, in the order of the rules."""
        attempt = self._attempts.pop(target, 0)
        self._attempts[target] = attempt + 1
        if len(self._attempts) > TARGETS_KEPT:
            self._attempts.popitem(last=False)
        found: list[Fault] = []
        for place, rule in enumerate(self.rules):
            if not rule.covers(path, now) or self._counts[place] == rule.times:
                continue
            if rule.kind == "project":
                drawn = draw_number(self._seed, "outage", place, now // PERIOD)
                happens = path.startswith(f"projects/{self._project}/")
            else:
                drawn = draw_number(self._seed, "fault", place, target, attempt)
                happens = True
            if happens and drawn < rule.share * DRAWN:
                self._counts[place] += 1
                found.append(Fault(rule, draw_number(drawn)))
        return found


def unix_time(time: Time) -> float:
    """Return a time as Unix seconds; one without a zone is UTC."""
    if isinstance(time, dt.datetime):
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).timestamp()
    return time


def parse_faults(text: str) -> tuple[FaultRule, ...]:
    """Read faults: a short text, or a script in JSON or TOML with a table ``fault`` for each.

    Raises:
        BadConfiguration: it is none of them, or a kind or form that there is not.
    """
    stripped = text.strip()
    try:
        if stripped.startswith("{"):
            rules = msgspec.json.decode(stripped, type=FaultScript).fault
        elif "[[" in stripped:
            rules = msgspec.toml.decode(stripped, type=FaultScript).fault
        else:
            rules = [parse_rule(one.strip()) for one in stripped.split(",") if one.strip()]
    except (msgspec.DecodeError, ValueError) as error:
        raise BadConfiguration(f"faults: {error}") from None
    for rule in rules:
        if reason := fault_of(rule):
            raise BadConfiguration(f"faults: {reason}")
    return tuple(rules)


def parse_rule(text: str) -> FaultRule:
    """Read ``KIND[/FORM][@PATH][:SHARE]``."""
    front, _, share = text.partition(":")
    named, _, path = front.partition("@")
    kind, _, form = named.partition("/")
    fields: dict[str, Any] = {"kind": kind, "form": form}
    if path:
        fields["path"] = path
    if share:
        fields["share"] = float(share)
    return FaultRule(**fields)


def fault_of(rule: FaultRule) -> str | None:
    """Say what is wrong with a rule."""
    if rule.kind not in KINDS:
        return f'there is no kind "{rule.kind}"; there are {", ".join(KINDS)}'
    if not 0 <= rule.share <= 1:
        return f"{rule.kind} has the share {rule.share}; give a number from 0 to 1"
    number = rule.kind in {"html", "bomb", "hang", "clock"}
    forms = RETRY_FORMS if rule.kind.isdecimal() else ()
    if rule.form and not (number and rule.form.isdecimal()) and rule.form not in forms:
        known = "a number" if number else ", ".join(forms) or "none"
        return f'{rule.kind} has the form "{rule.form}"; there is {known}'
    return None
