"""Estimates of every kind of use, each worked out by hand in the comment above it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest

from stream.figures.money.estimates import OWN_COST, Estimates
from tests.support.estimating import BEFORE, OWN, amounts_of, day_at, estimates_of, tokens

HAND: Final[dict[str, tuple[Estimates, dict[str, str | int]]]] = {
    # 2849 - 800 = 2049 at 0.15 / 10⁶ = 0.00030735; 800 at 0.075 / 10⁶; 912 at 0.60 / 10⁶.
    "cached": (
        estimates_of(
            "completions",
            tokens(input=2849, input_cached=800, output=912),
            model="gpt-4o-mini-2024-07-18",
        ),
        {"input": "0.00030735", "cached_input": "0.00006", "output": "0.0005472"},
    ),
    # A batch of gpt-5 is half of 1.25 and 10: 10⁶ at 0.625 / 10⁶, 10⁶ at 5 / 10⁶.
    "batch": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, output=1_000_000),
            model="gpt-5",
            batch=True,
            service_tier="default",
        ),
        {"input": "0.625", "output": "5"},
    ),
    # The same in 2025, before anybody wrote it down: the model cost 1.25 then too.
    "batch before": (
        estimates_of(
            "completions",
            tokens(input=1_000_000),
            days=day_at(2025, 9, 1),
            model="gpt-5",
            batch=True,
        ),
        {"input": "0.625"},
    ),
    # o3 cost 10 until June 2025, and 2 since: its batches of May have no price that is known.
    "batch of another price": (
        estimates_of(
            "completions", tokens(input=7), days=day_at(2025, 5, 1), model="o3", batch=True
        ),
        {"input": 7},
    ),
    # 10⁶ at 10 / 10⁶ in May 2025; at 2 / 10⁶ in July.
    "dated": (
        estimates_of("completions", tokens(input=1_000_000), days=day_at(2025, 5, 1), model="o3"),
        {"input": "10"},
    ),
    "dated later": (
        estimates_of("completions", tokens(input=1_000_000), days=day_at(2025, 7, 1), model="o3"),
        {"input": "2"},
    ),
    # Flex is half as well: 4·10⁵ not cached at 0.625 = 0.25; 6·10⁵ cached at 0.0625 = 0.0375.
    "flex": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, input_cached=600_000),
            model="gpt-5",
            service_tier="flex",
        ),
        {"input": "0.25", "cached_input": "0.0375"},
    ),
    # Priority is twice: 10⁶ at 2.50 and 10⁶ at 20.
    "priority": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, output=1_000_000),
            model="gpt-5",
            service_tier="priority",
        ),
        {"input": "2.5", "output": "20"},
    ),
    # gpt-4o has no flex: it is not charged as if it were standard.
    "no such tier": (
        estimates_of("completions", tokens(input=5), model="gpt-4o", service_tier="flex"),
        {"input": 5},
    ),
    # gpt-realtime, of 1000: 200 cached (50 audio), 100 audio, 40 images, so 660 text at 4 / 10⁶;
    # 150 cached text at 0.4, 50 cached audio at 0.4, 100 audio at 32, 40 images at 5;
    # of 500 out 300 audio at 64, 200 text at 16.
    "audio": (
        estimates_of(
            "completions",
            tokens(
                input=1000,
                input_cached=200,
                input_cached_audio=50,
                input_audio=100,
                input_image=40,
                output=500,
                output_audio=300,
            ),
            model="gpt-realtime",
        ),
        {
            "input": "0.00264",
            "cached_input": "0.00006",
            "cached_audio_input": "0.00002",
            "audio_input": "0.0032",
            "image_input": "0.0002",
            "audio_output": "0.0192",
            "output": "0.0032",
        },
    ),
    # gpt-4o-audio-preview has prices of text alone, and audio is never charged as text.
    "audio without a price": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, input_audio=400_000),
            model="gpt-4o-audio-preview",
        ),
        {"input": "1.5", "audio_input": 400_000},
    ),
    # gpt-6-astra: 12.5 / 10⁶ for what is written to the cache, 10 / 10⁶ for the rest.
    "cache write": (
        estimates_of(
            "completions", tokens(input=300_000, input_cache_write=100_000), model="gpt-6-astra"
        ),
        {"input": "2", "cache_write": "1.25"},
    ),
    # 768 at 0.13 / 10⁶.
    "embeddings": (
        estimates_of("embeddings", tokens(input=768), model="text-embedding-3-large"),
        {"input": "0.00009984"},
    ),
    # 3 images at 0.04; 25 searches at 2.50 / 1000; 9 sessions at 0.03.
    "images": (estimates_of("images", {"images": 3}, OWN, BEFORE, model="m"), {"images": "0.12"}),
    "file search": (
        estimates_of("file_search_calls", {"num_requests": 25}, OWN, project_id="p"),
        {"file_searches": "0.0625"},
    ),
    "sessions": (
        estimates_of("code_interpreter_sessions", {"num_sessions": 9}, OWN, project_id="p"),
        {"sessions": "0.27"},
    ),
    # 19 searches at 10 / 1000.
    "web search": (
        estimates_of("web_search_calls", {"num_requests": 19}, model="gpt-4o"),
        {"web_searches": "0.19"},
    ),
    # 3500 characters at 15 / 10⁶.
    "speech": (
        estimates_of("audio_speeches", {"characters": 3500}, model="tts-1"),
        {"characters": "0.0525"},
    ),
    # 90 seconds at 0.36 / 3600; and at 0.01 / 60, which has no end: 40 digits of a second's price.
    "transcription": (
        estimates_of("audio_transcriptions", {"seconds": 90}, model="whisper-1"),
        {"seconds": "0.009"},
    ),
    "transcription by the minute": (
        estimates_of("audio_transcriptions", {"seconds": 3}, OWN, BEFORE, model="m"),
        {"seconds": "0.0005000000000000000000000000000000000001"},
    ),
    "unknown model": (
        estimates_of("completions", tokens(input=5, output=2), model="nobody's"),
        {"input": 5, "output": 2},
    ),
    "no model": (estimates_of("completions", tokens(input=5), model=None), {"input": 5}),
    # What a row says itself counts, and its tokens are not charged beside it.
    "own cost": (
        estimates_of(
            "completions",
            tokens(input=5) | {"cost": Decimal("0.25")},
            model="gpt-5",
            has_cost=True,
        ),
        {OWN_COST: "0.25"},
    ),
    # The entry from 2025 on is the whole of it: input at 2, and no price of output.
    "own": (
        estimates_of("completions", tokens(input=1_000_000, output=3), OWN, model="m"),
        {"input": "2", "output": 3},
    ),
    "own before": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, output=1_000_000),
            OWN,
            BEFORE,
            model="m",
        ),
        {"input": "3", "output": "5"},
    ),
    "included": (
        estimates_of("completions", tokens(input=9), OWN, model="m", service_tier="scale"),
        {"input": "0"},
    ),
    # How much there is of something is no use of it.
    "level": (estimates_of("vector_stores", {"usage_bytes": 9}, project_id="p"), {}),
}


@pytest.mark.parametrize("case", HAND)
def test_a_case_worked_out_by_hand(case: str) -> None:
    """Each kind has the amount in the comment; of what has no price, the quantity is there."""
    found, wanted = HAND[case]
    assert amounts_of(found) == wanted
    assert found.contradictions == []
