"""How much of each kind was used: an endpoint's counters, cut up so that no unit counts twice.

Of completions, input is everything that went in: what was cached, what was written to the cache,
and the rest, which is text, audio and images; what was cached is of these three too. Audio and
image input are the uncached ones. Output is text, audio and images. What an endpoint has but one
counter of is that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from stream.providers.endpoint import Endpoint
from stream.records.money import Number

__all__ = ["Quantities", "quantities_of", "quantity_counters"]

TOKENS: Final = frozenset({"usage/completions", "usage/decisions"})
PARTS: Final = (
    "input_tokens",
    "input_cached_tokens",
    "input_cached_audio_tokens",
    "input_cached_image_tokens",
    "input_cache_write_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_tokens",
    "output_audio_tokens",
    "output_image_tokens",
)
"""The counters of tokens, each a part of one before it, or a whole."""
SINGLE: Final = {
    "usage/embeddings": ("input_tokens", "input"),
    "usage/moderations": ("input_tokens", "input"),
    "usage/images": ("images", "images"),
    "usage/audio_speeches": ("characters", "characters"),
    "usage/audio_transcriptions": ("seconds", "seconds"),
    "usage/code_interpreter_sessions": ("num_sessions", "sessions"),
    "usage/web_search_calls": ("num_requests", "web_searches"),
    "usage/file_search_calls": ("num_requests", "file_searches"),
}
"""Endpoint → what is charged of it, and the kind that it is of."""


class Quantities(NamedTuple):
    """How many units of each kind; of none there is no entry.

    ``contradictions`` are sentences about counters that cannot all be right: then a kind may be
    less than nothing.
    """

    by_kind: dict[str, int]
    contradictions: tuple[str, ...] = ()


def quantities_of(endpoint: str, counters: Mapping[str, Number]) -> Quantities:
    """Return what counters say of each kind that is charged; it is linear, so sums may be given."""
    if endpoint in TOKENS:
        return cut_up_tokens(counters)
    if endpoint not in SINGLE:
        return Quantities({})
    name, kind = SINGLE[endpoint]
    value = int(counters.get(name, 0))
    return Quantities({kind: value} if value else {})


def quantity_counters(endpoint: Endpoint) -> frozenset[str]:
    """Return the counters of an endpoint that say how much of something was used."""
    if endpoint.key in TOKENS:
        return frozenset(name for name in endpoint.counters if name.endswith("_tokens"))
    return frozenset(name for name, _ in [*filter(None, [SINGLE.get(endpoint.key)])])


def cut_up_tokens(counters: Mapping[str, Number]) -> Quantities:
    """Cut up the tokens of completions."""
    (
        whole_input,
        cached,
        cached_audio,
        cached_image,
        cache_write,
        audio_input,
        image_input,
        whole_output,
        audio_output,
        image_output,
    ) = (int(counters.get(name, 0)) for name in PARTS)
    parts = {
        "cached_audio_input": cached_audio,
        "cached_image_input": cached_image,
        "cache_write": cache_write,
        "audio_input": audio_input,
        "image_input": image_input,
        "audio_output": audio_output,
        "image_output": image_output,
        "cached_input": cached - cached_audio - cached_image,
        "input": whole_input - cached - cache_write - audio_input - image_input,
        "output": whole_output - audio_output - image_output,
    }
    wrong: tuple[str, ...] = ()
    if min(parts.values()) < 0:
        wrong = tuple(
            f"{kind} tokens come to {value}: their parts are more than the whole"
            for kind, value in parts.items()
            if value < 0
        )
    uncached = counters.get("input_uncached_tokens")
    expected = whole_input - cached - cache_write
    if uncached is not None and uncached != expected:
        wrong += (f"input_uncached_tokens are {uncached}, and by the others {expected}",)
    return Quantities({kind: value for kind, value in parts.items() if value}, wrong)
