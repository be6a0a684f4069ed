"""The twin itself: a request in, an answer out, without sockets and without waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from stream.providers.openai import ENDPOINTS
from stream.recordings.synth.draws import draw_number
from stream.recordings.twin.answers import (
    TwinAnswer,
    bend_list,
    make_answer,
    refuse_at_once,
    spoil_answer,
)
from stream.recordings.twin.buckets import Buckets, encode_page
from stream.recordings.twin.charges import Charges
from stream.recordings.twin.faults import Fault, FaultPlan, FaultRule
from stream.recordings.twin.ledger import TwinLedger
from stream.recordings.twin.lists import ListAnswers, find_list
from stream.recordings.twin.query import (
    Parameters,
    TwinRefusal,
    UsageQuery,
    cursor_at,
    group_parameters,
    read_query,
)
from stream.recordings.twin.traffic import DAY, HOUR, Traffic

__all__ = ["DEFAULT_KEY", "LOOKBACK", "RequestNote", "Twin"]

DEFAULT_KEY: Final = "sk-admin-twin-0001"
LOOKBACK: Final = 365.0 * DAY
ROOT: Final = "/v1"
PLACE: Final = "/v1/organization/"
NOTES_KEPT: Final = 10_000
BEHIND: Final = 1 << 40
"""A time that no query reaches: where pages behind the last one start."""
BY_PATH: Final = {entry.path: entry for entry in ENDPOINTS.values()}
ORGANIZATION: Final = "org-twin"


class RequestNote(NamedTuple):
    """A request that was answered: when by the twin's clock, what was asked for, and the status."""

    time: float
    path: str
    query: str
    status: int


class Twin:
    """Answers as the admin API does, from usage that is drawn from a seed and goes on in time.

    ``clock`` gives Unix seconds; with the same seed, moment and query, and no faults, an answer has
    the same body. ``keys`` are accepted, ``scopeless`` ones are known and may not read usage (403).
    ``late`` is how many seconds after its moment usage may arrive, ``cost_late`` the same for
    costs; ``lookback`` how many seconds back a query may start. ``requests`` has the latest 10,000.
    """

    def __init__(  # noqa: PLR0913 -- what can be chosen of a twin
        self,
        seed: int,
        clock: Callable[[], float],
        *,
        keys: tuple[str, ...] = (DEFAULT_KEY,),
        scopeless: tuple[str, ...] = (),
        faults: tuple[FaultRule, ...] = (),
        late: float = 900.0,
        cost_late: float = 2.0 * DAY,
        volume: float = 1.0,
        projects: int = 5,
        lookback: float = LOOKBACK,
        most_costs: int = 31,
        snap: bool = False,
    ) -> None:
        """Draw the organization; its usage is drawn when it is asked for."""
        self.seed = seed
        self.clock = clock
        self.requests: deque[RequestNote] = deque(maxlen=NOTES_KEPT)
        self.ledger = TwinLedger(
            seed, late=late, cost_late=cost_late, volume=volume, projects=projects
        )
        traffic = Traffic(seed, late=late, volume=volume, projects=projects)
        self.organization = traffic.organization
        self._buckets = Buckets(Charges(traffic, cost_late), most_costs=most_costs, snap=snap)
        self._lists = ListAnswers(traffic.organization)
        self._keys = frozenset(keys)
        self._scopeless = frozenset(scopeless)
        self._lookback = lookback
        self._count = 0
        self.set_faults(faults)

    @property
    def faults(self) -> tuple[FaultRule, ...]:
        """What goes wrong."""
        return self._plan.rules

    def set_faults(self, rules: tuple[FaultRule, ...]) -> None:
        """Have other faults from now on."""
        active = tuple(one["id"] for one in self.organization.projects[:-1])
        self._plan = FaultPlan(self.seed, rules, active)

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> TwinAnswer:
        """Answer a request; ``target`` is the path and, behind a question mark, the query."""
        path, _, query = target.partition("?")
        now = self.clock()
        faults = self._plan.choose(path.removeprefix(PLACE), target, now)
        ahead = [rule.read_seconds(HOUR) for rule, _ in faults if rule.kind == "clock"]
        shown = now + sum(ahead)
        parameters = group_parameters(parse_qsl(query, keep_blank_values=True))
        answer = refuse_at_once(faults, path, parameters, shown) or self._answer_request(
            method, path, parameters, headers, shown, faults
        )
        self._count += 1
        answer.headers.update(
            {
                "date": formatdate(shown, usegmt=True),
                "x-request-id": f"req_{draw_number(self.seed, 'request', self._count):016x}",
                "openai-organization": ORGANIZATION,
                "openai-version": "2020-10-01",
            }
        )
        self.requests.append(RequestNote(now, path, query, answer.status))
        return spoil_answer(answer, faults)

    def _answer_request(  # noqa: PLR0913, PLR0917 -- a request in its parts
        self,
        method: str,
        path: str,
        parameters: Parameters,
        headers: Mapping[str, str],
        now: float,
        faults: list[Fault],
    ) -> TwinAnswer:
        found: dict[str, Any] | TwinRefusal | None = self._refuse(method, path, headers)
        if found is None:
            below = path.removeprefix(ROOT)
            if below in BY_PATH:
                found = self._usage_page(below, parameters, now, faults)
            else:
                name, project = find_list(below) or ("", None)
                found = self._lists.page(name, project, parameters)
                if not isinstance(found, TwinRefusal):
                    bend_list(found, faults, parameters.get("after", [None])[0])
        if isinstance(found, TwinRefusal):
            return make_answer(found.status, found.body())
        return make_answer(200, encode_page(found))

    def _refuse(self, method: str, path: str, headers: Mapping[str, str]) -> TwinRefusal | None:
        """Say why a request is refused whatever it asks for: path, method, key, scope."""
        below = path.removeprefix(ROOT)
        if not path.startswith(PLACE) or (below not in BY_PATH and find_list(below) is None):
            return TwinRefusal(404, f"Unknown request URL: {method} {path}.", None, "unknown_url")
        if method != "GET":
            return TwinRefusal(
                405, f"Not allowed to {method} on {path}.", None, "method_not_supported"
            )
        named = {name.lower(): value for name, value in headers.items()}
        scheme, _, key = named.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return TwinRefusal(401, "You didn't provide an API key.")
        if key in self._scopeless:
            scope = "api.usage.read" if below in BY_PATH else "api.management.read"
            message = (
                f"You have insufficient permissions for this operation. Missing scopes: {scope}."
            )
            return TwinRefusal(403, message, kind="server_error")
        if key not in self._keys:
            shown = f"{key[:3]}***{key[-4:]}"
            return TwinRefusal(
                401, f"Incorrect API key provided: {shown}.", None, "invalid_api_key"
            )
        return None

    def _usage_page(
        self, path: str, parameters: Parameters, now: float, faults: list[Fault]
    ) -> dict[str, Any] | TwinRefusal:
        query = read_query(BY_PATH[path], parameters, self.seed, now, self._lookback)
        if isinstance(query, TwinRefusal):
            return query
        page = self._buckets.page(query, now)
        for rule, _ in faults:
            self._bend(rule.kind, page, query)
        return page

    def _bend(self, kind: str, page: dict[str, Any], query: UsageQuery) -> None:
        """Change how a page goes on."""
        behind = max(BEHIND, query.page or 0) + 1
        match kind:
            case "repeat" if page["has_more"]:
                start = query.start if query.page is None else query.page
                page["next_page"] = cursor_at(query, self.seed, start)
            case "no-cursor" if page["has_more"]:
                page["next_page"] = None
            case "overrun" if not page["has_more"] and page["data"]:
                page["has_more"] = True
                page["next_page"] = cursor_at(query, self.seed, behind)
            case "endless" if not page["has_more"]:
                page["has_more"] = True
                page["next_page"] = cursor_at(query, self.seed, behind)
