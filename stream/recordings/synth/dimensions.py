"""Who used it: the different records of an endpoint, numbered, each with its dimensions as JSON."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from stream.providers.endpoint import Endpoint
from stream.recordings.synth.draws import Memo, draw_number
from stream.recordings.synth.shape import Shape

__all__ = ["Axes", "Dimensions", "Key", "axes_of"]

Key: TypeAlias = tuple[str | None, str | None]
"""Project and service tier."""

MOST_RECORDS: Final = 1 << 16
"""So many different records are enough, also where the dimensions allow millions."""
GOLDEN: Final = 0.618034
LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
TIERS: Final = ("default", "flex", "scale", "priority")
MODELS: Final = ("gpt-4o-mini", "gpt-4o", "gpt-4.1-mini", "gpt-4.1", "o3", "o4-mini")
MODELS_OF: Final = {
    "embeddings": ("text-embedding-3-small", "text-embedding-3-large"),
    "moderations": ("omni-moderation-latest",),
    "images": ("gpt-image-1", "dall-e-3"),
    "audio_speeches": ("tts-1", "tts-1-hd", "gpt-4o-mini-tts"),
    "audio_transcriptions": ("whisper-1", "gpt-4o-transcribe"),
}
CHOICES: Final[dict[str, tuple[str | bool | None, ...]]] = {
    "batch": (False, True, None),
    "size": ("1024x1024", "1536x1024", "512x512", None),
    "source": ("image.generation", "image.edit", "image.variation"),
    "context_level": ("low", "medium", "high", None),
    "vector_store_id": (*(f"vs_{draw_number('store', one):016x}" for one in range(8)), None),
}
KINDS: Final = ("input", "cached input", "output")


class Axes(NamedTuple):
    """The dimensions that tell records apart: people (keys, or projects alone), and the others."""

    people: int
    choices: tuple[tuple[str, tuple[str | bool | None, ...]], ...]

    @property
    def universe(self) -> int:
        """How many different records there can be."""
        return self.people * math.prod(len(values) for _, values in self.choices)


def axes_of(shape: Shape, endpoint: Endpoint) -> Axes:
    """Return an endpoint's axes; the last of the people is nobody."""
    found: list[tuple[str, tuple[str | bool | None, ...]]] = []
    for name in endpoint.grouped_by:
        if name == "model":
            found.append((name, number_names(MODELS_OF.get(endpoint.name, MODELS), shape.models)))
        elif name == "service_tier":
            found.append((name, (*number_names(TIERS, shape.tiers), None)))
        elif name == "line_item":
            models = number_names(MODELS, shape.models)
            found.append((name, (*(f"{one}, {kind}" for one in models for kind in KINDS), None)))
        elif name in CHOICES:
            found.append((name, CHOICES[name]))
    people = shape.keys if "api_key_id" in endpoint.grouped_by else shape.projects
    return Axes(people + 1, tuple(found))


def number_names(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return so many names; when they run out they are numbered."""
    return tuple(
        names[one % len(names)] + (f"-{one // len(names) + 1}" if one >= len(names) else "")
        for one in range(count)
    )


def make_identifier(prefix: str, seed: int, place: int) -> str:
    """Make an id that looks like one of the API's, with its number in front to read it by."""
    rest, letters = draw_number(seed, prefix, place), ""
    for _ in range(12):
        rest, letter = divmod(rest, len(LETTERS))
        letters += LETTERS[letter]
    return f"{prefix}_{place:04d}{letters}"


class Dimensions:
    """The records of an endpoint, by their numbers; ``texts`` are the last parts of their rows."""

    def __init__(self, shape: Shape, endpoint: Endpoint) -> None:
        """Number the records so that any few of them in a row differ in every dimension."""
        self.shape = shape
        self.endpoint = endpoint
        self.axes = axes_of(shape, endpoint)
        universe = self.axes.universe
        self.records = min(universe, max(MOST_RECORDS, shape.rows_per_bucket))
        self._stride = next(
            one
            for one in range(int(universe * GOLDEN) + 1, 2 * universe + 2)
            if math.gcd(one, universe) == 1
        )
        self.texts = Memo(self._write)
        self.keys = Memo(self.key_of)
        self.models: Memo[Any] = Memo(lambda record: self.values_of(record).get("model"))

    def _write(self, record: int) -> bytes:
        """Write a record's dimensions in the API's order, to the end of the row."""
        values = self.values_of(record)
        written = (
            f'"{name}":{msgspec.json.encode(values.get(name)).decode()}'
            for name in self.endpoint.grouped_by
            if name != "currency"  # stands with the amount
        )
        return (",".join(written) + "},").encode()

    def values_of(self, record: int) -> dict[str, Any]:
        """Return a record's dimensions; no two records have the same."""
        place, one = divmod(record * self._stride % self.axes.universe, self.axes.people)
        values: dict[str, Any] = {}
        if one < self.axes.people - 1:
            seed, shape = self.shape.seed, self.shape
            values["project_id"] = make_identifier("proj", seed, one % shape.projects)
            values["user_id"] = make_identifier("user", seed, one * 7 % (shape.keys // 2 + 1))
            values["api_key_id"] = make_identifier("key", seed, one)
            values["api_source"] = "responses" if one % 5 == 3 else None  # noqa: PLR2004 -- one in five
        for name, choices in self.axes.choices:
            place, choice = divmod(place, len(choices))
            values[name] = choices[choice]
        if "line_item" in values:
            values["quantity_unit"] = "tokens" if values["line_item"] else None
        return values

    def key_of(self, record: int) -> Key:
        """Return a record's project and tier."""
        values = self.values_of(record)
        tier = values.get("service_tier") if "service_tier" in self.endpoint.grouped_by else None
        return values.get("project_id"), tier
