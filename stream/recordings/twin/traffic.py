"""What is used, event by event: each has its moment, when it arrives, and what is corrected later.

Everything is drawn from the seed, the endpoint and the hour, so that any hour can be asked for at
any time, in any order, and no memory of what went before is needed. A bucket is the sum of the
events inside it that have arrived by then, whatever its width and its groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import inf
from typing import Any, Final, NamedTuple

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.recordings.synth.draws import draw_number, draw_words
from stream.recordings.twin.amounts import MODELS, WORDS, count_use
from stream.recordings.twin.organization import FOUNDED, Organization, Person

__all__ = ["DAY", "HOUR", "Traffic", "UsageEvent"]

HOUR: Final = 3600
DAY: Final = 86_400
HOURS_KEPT: Final = 4096
"""So many hours of one endpoint are kept after they were drawn, since they are asked for again."""
ONE: Final = 1 << 16
PROMPT: Final = 60
"""Seconds in which most events arrive."""

RATES: Final = {
    "completions": 5.0,
    "embeddings": 1.6,
    "moderations": 0.7,
    "decisions": 0.7,
    "images": 0.5,
    "audio_speeches": 0.4,
    "audio_transcriptions": 0.4,
    "vector_stores": 0.8,
    "code_interpreter_sessions": 0.3,
    "web_search_calls": 0.6,
    "file_search_calls": 0.5,
}
"""Events in a usual hour."""
STEADY: Final = frozenset(["usage/completions"])
"""What is used every day; of the others, one day in eleven has nothing."""

CHOICES: Final[dict[str, tuple[str | None, ...]]] = {
    "service_tier": ("default", "default", "default", "flex", "priority", None),
    "api_source": ("unlabeled", "unlabeled", "unlabeled", "agents_api"),
    "size": ("1024x1024", "1024x1792", "512x512"),
    "source": ("image.generation", "image.edit", "image.variation"),
    "context_level": ("low", "medium", "high"),
}


class UsageEvent(NamedTuple):
    """One use: ``values`` of the endpoint's ``grouped_by``, ``counters`` of its ``counters``.

    It is there from ``arrival`` on, and from ``revised_at`` on has the counters ``revision``, or is
    gone again where that is ``None``. Times are Unix seconds.
    """

    moment: int
    arrival: float
    values: tuple[Any, ...]
    counters: tuple[Any, ...]
    revised_at: float = inf
    revision: tuple[Any, ...] | None = None

    def counters_at(self, now: float) -> tuple[Any, ...] | None:
        """Return what a page says of it at a moment; ``None``: it is not there."""
        if now < self.arrival:
            return None
        return self.counters if now < self.revised_at else self.revision

    @property
    def final(self) -> tuple[Any, ...] | None:
        """What is true of it in the end."""
        return self.counters if self.revised_at == inf else self.revision


class Traffic:
    """Draws the events of the usage endpoints.

    A quarter of them arrive up to ``late`` seconds after their moment, the others within a minute;
    some are corrected, downwards, in the three times ``late`` after that.
    """

    def __init__(
        self, seed: int = 1, *, late: float = 900.0, volume: float = 1.0, projects: int = 5
    ) -> None:
        """Take the seed; ``volume`` times as many events as usual."""
        self.seed = seed
        self.late = late
        self.volume = volume
        self.organization = Organization(seed, projects)
        self._stores = tuple(self.organization.make_id("vs", one) for one in range(4))
        self._hour = lru_cache(HOURS_KEPT * len(RATES))(self._draw_hour)

    @property
    def settle_seconds(self) -> float:
        """How long after its end a bucket of usage may change."""
        return 4 * self.late if self.late else 0.0

    def events(self, endpoint: Endpoint, start: int, end: int) -> Iterator[UsageEvent]:
        """Yield the events of an endpoint from ``start`` (inclusive) to ``end`` (exclusive)."""
        for hour in range(max(start, FOUNDED) // HOUR, -(-end // HOUR)):
            found = self._hour(endpoint.key, hour)
            if start <= hour * HOUR and (hour + 1) * HOUR <= end:
                yield from found
            else:
                yield from (one for one in found if start <= one.moment < end)

    def _draw_hour(self, key: str, hour: int) -> tuple[UsageEvent, ...]:
        endpoint = ENDPOINTS[key]
        drawn = draw_number(self.seed, "events", key, hour)
        usual = RATES[endpoint.name] * self.volume * share_of(hour)
        quiet = key not in STEADY and draw_number(self.seed, "quiet", key, hour // 24) % 11 == 0
        many = 0 if quiet else int(usual + drawn % ONE / ONE)
        width = 8 + WORDS
        words = draw_words(many * width, self.seed, "event", key, hour)
        events = (
            self._event(endpoint, hour * HOUR, words[at : at + width])
            for at in range(0, len(words), width)
        )
        return tuple(one for one in events if one is not None)

    def _event(self, endpoint: Endpoint, start: int, words: tuple[int, ...]) -> UsageEvent | None:
        place, who, model, choice, kind, delay, fate, later, *much = words
        moment = start + place * HOUR // ONE
        people = self.organization.people
        person = people[who % len(people)]
        if person.end is not None and moment >= person.end:
            return None
        values = self._values(endpoint, person, model, choice)
        slow = self.late if kind % 4 == 0 else min(PROMPT, self.late)
        event = UsageEvent(moment, moment + delay * slow / ONE, values, count_use(endpoint, much))
        if fate % 16 or not self.late:
            return event
        lower = None if fate % 32 else count_use(endpoint, [one // 2 for one in much])
        return event._replace(
            revised_at=moment + self.late + later * 3 * self.late / ONE, revision=lower
        )

    def _values(
        self, endpoint: Endpoint, person: Person, model: int, choice: int
    ) -> tuple[Any, ...]:
        """Choose the dimensions of an event, in the order of the registry."""
        values: dict[str, Any] = {
            "project_id": person.project,
            "user_id": person.user,
            "api_key_id": person.key,
            "batch": choice % 7 == 0,
            "vector_store_id": self._stores[choice % len(self._stores)],
        }
        if models := MODELS.get(endpoint.name):
            values["model"] = models[model % len(models)]
        for name, choices in CHOICES.items():
            choice //= 3
            values[name] = choices[choice % len(choices)]
        return tuple(values[name] for name in endpoint.grouped_by)


def share_of(hour: int) -> float:
    """Return how busy an hour (since 1970, UTC) is: nights and weekends are quiet."""
    day, of_day = divmod(hour, 24)
    busy = 1.7 if 7 <= of_day < 19 else 0.3  # noqa: PLR2004 -- a working day
    return busy * (0.4 if (day + 3) % 7 >= 5 else 1.0)  # noqa: PLR2004 -- 1970-01-01 was a Thursday
