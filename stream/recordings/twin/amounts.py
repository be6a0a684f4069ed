"""How much one event used: an endpoint's counters, from a few numbers drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from stream.providers.endpoint import Endpoint

__all__ = ["MODELS", "WORDS", "count_use"]

WORDS: Final = 5
"""How many numbers of 16 bits the counters of one event are made of."""

MODELS: Final = {
    "completions": (
        "gpt-4o-mini-2024-07-18",
        "gpt-4o-2024-08-06",
        "gpt-4.1-2025-04-14",
        "o4-mini-2025-04-16",
        "gpt-4o-audio-preview-2024-12-17",
    ),
    "decisions": ("gpt-4.1-2025-04-14", "o4-mini-2025-04-16"),
    "embeddings": ("text-embedding-3-small", "text-embedding-3-large"),
    "moderations": ("omni-moderation-latest",),
    "images": ("gpt-image-1", "dall-e-3"),
    "audio_speeches": ("tts-1", "tts-1-hd"),
    "audio_transcriptions": ("whisper-1", "gpt-4o-transcribe"),
    "web_search_calls": ("gpt-4o-2024-08-06", "o4-mini-2025-04-16"),
}
"""The models of each endpoint whose rows have one."""

Amounts = dict[str, int]


def count_tokens(words: Sequence[int]) -> Amounts:
    """Count tokens: what belongs together adds up as the API documents it."""
    many, text, cached, other, output = words
    text_tokens = 20 + text % 6000
    audio, image = (other % 700 if one else 0 for one in (other % 7 == 0, other % 5 == 0))
    cached_text = cached % 4000 if cached % 3 == 0 else 0
    cached_audio, cached_image = audio // 3, image // 2
    write_30m, write_12h = cached % 300 * (cached % 4 == 0), cached % 90 * (cached % 11 == 0)
    output_text, output_audio = 1 + output % 1500, audio // 2
    output_image = image // 4
    cached_all = cached_text + cached_audio + cached_image
    uncached, written = text_tokens + audio + image, write_30m + write_12h
    return {
        "input_tokens": uncached + cached_all + written,
        "input_cached_tokens": cached_all,
        "input_cache_write_tokens": written,
        "input_cache_write_30m_tokens": write_30m,
        "input_cache_write_12h_tokens": write_12h,
        "input_uncached_tokens": uncached,
        "output_tokens": output_text + output_audio + output_image,
        "input_text_tokens": text_tokens,
        "output_text_tokens": output_text,
        "input_cached_text_tokens": cached_text,
        "input_audio_tokens": audio,
        "input_cached_audio_tokens": cached_audio,
        "output_audio_tokens": output_audio,
        "input_image_tokens": image,
        "input_cached_image_tokens": cached_image,
        "output_image_tokens": output_image,
        "num_model_requests": 1 + many % 12,
    }


def count_single(words: Sequence[int]) -> Amounts:
    """Count what has one counter that says how much, and maybe one that says how often."""
    many, much, *_ = words
    return {
        "input_tokens": 8 + much % 9000,
        "images": 1 + much % 4,
        "characters": 10 + much % 4000,
        "seconds": 1 + much % 900,
        "num_sessions": 1 + much % 3,
        "num_requests": 1 + much % 9,
        "usage_bytes": 1024 + much * 4096,
        "num_model_requests": 1 + many % 6,
    }


COUNTS: Final[dict[str, Callable[[Sequence[int]], Amounts]]] = {
    "completions": count_tokens,
    "decisions": count_tokens,
}


def count_use(endpoint: Endpoint, words: Sequence[int]) -> tuple[int, ...]:
    """Return the counts of one event in the registry's order, from :data:`WORDS` numbers."""
    amounts = COUNTS.get(endpoint.name, count_single)(words)
    return tuple(amounts[name] for name in endpoint.counts)
