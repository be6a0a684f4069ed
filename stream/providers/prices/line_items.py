"""What the line items of costs are about: a model, a kind of use, and a tier where they say so.

A line item reads ``gpt-4o-mini-2024-07-18, cached input``: the model, and behind the last comma
what of it was used, with the tier in front or behind (``batch output``). Older exports have whole
endpoints (``usage.completions``), or a model alone. The tables here are all there is to it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from stream.providers.prices.price_list import TIERS

__all__ = ["WIDER_KINDS", "Subject", "subject_of"]

WORDS: Final = {
    "input": "input",
    "text input": "input",
    "input text": "input",
    "cached input": "cached_input",
    "input cached": "cached_input",
    "cached text input": "cached_input",
    "cache read input": "cached_input",
    "cache write": "cache_write",
    "cache write input": "cache_write",
    "input cache write": "cache_write",
    "output": "output",
    "text output": "output",
    "output text": "output",
    "audio input": "audio_input",
    "input audio": "audio_input",
    "cached audio input": "cached_audio_input",
    "audio cached input": "cached_audio_input",
    "audio output": "audio_output",
    "output audio": "audio_output",
    "image input": "image_input",
    "input image": "image_input",
    "cached image input": "cached_image_input",
    "image cached input": "cached_image_input",
    "image output": "image_output",
    "output image": "image_output",
    "image": "images",
    "images": "images",
    "characters": "characters",
    "audio": "seconds",
    "seconds": "seconds",
    "minutes": "seconds",
    "web search": "web_searches",
    "web searches": "web_searches",
    "web search calls": "web_searches",
    "file search": "file_searches",
    "file searches": "file_searches",
    "file search calls": "file_searches",
    "sessions": "sessions",
}
"""What was used → its kind; underscores are blanks, and a last word ``tokens`` says nothing."""

WHOLE: Final = {
    "usage.completions": ("usage/completions",),
    "usage.decisions": ("usage/decisions",),
    "usage.embeddings": ("usage/embeddings",),
    "usage.moderations": ("usage/moderations",),
    "usage.images": ("usage/images",),
    "usage.audio": ("usage/audio_speeches", "usage/audio_transcriptions"),
    "usage.audio_speeches": ("usage/audio_speeches",),
    "usage.audio_transcriptions": ("usage/audio_transcriptions",),
    "usage.web_search_calls": ("usage/web_search_calls",),
    "usage.file_search_calls": ("usage/file_search_calls",),
    "usage.code_interpreter_sessions": ("usage/code_interpreter_sessions",),
    "web search": ("usage/web_search_calls",),
    "file search": ("usage/file_search_calls",),
    "code interpreter": ("usage/code_interpreter_sessions",),
}
"""Line items that are of whole endpoints, and these."""


WIDER_KINDS: Final = {
    "cache_write": "input",
    "audio_input": "input",
    "image_input": "input",
    "cached_audio_input": "cached_input",
    "cached_image_input": "cached_input",
    "audio_output": "output",
    "image_output": "output",
}
"""What a kind is billed with where no line item is about it alone."""


class Subject(NamedTuple):
    """What a line item is about; what it leaves open is ``None``, and endpoints are none.

    Of a line item that is absent (costs that were not grouped by it) everything is open. Of one
    whose last words nobody knows they are the kind, and ``is_known`` is false. A text of no words
    that are known is taken as a model's name, whether there is such a model or not.
    """

    endpoints: tuple[str, ...] = ()
    model: str | None = None
    kind: str | None = None
    tier: str | None = None
    is_known: bool = True


def subject_of(line_item: str | None) -> Subject:
    """Return what a line item is about."""
    if line_item is None:
        return Subject()
    text = " ".join(line_item.lower().replace("_", " ").split())
    whole = WHOLE.get(text) or WHOLE.get(text.replace(" ", "_"))
    if whole is not None:
        return Subject(endpoints=whole)
    model, comma, use = line_item.rpartition(",")
    if not comma or not model.strip():
        return Subject(model=line_item.strip())
    words = use.lower().replace("_", " ").split()
    if len(words) > 1 and words[-1] == "tokens":
        words.pop()
    tier = None
    for place in (0, -1):
        if tier is None and len(words) > 1 and words[place] in TIERS:
            tier = TIERS[words.pop(place)]
    kind = WORDS.get(" ".join(words))
    if kind is None:
        return Subject((), model.strip(), " ".join(words), tier, is_known=False)
    return Subject(model=model.strip(), kind=kind, tier=tier)
