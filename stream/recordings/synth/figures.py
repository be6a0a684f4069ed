"""How much was used: figures that grow step by step, as numbers to add up and as JSON.

A figure is a course and a step on it. An endpoint has some hundred courses; on each of them every
counter is a base and so much more for each step, so that later steps are never smaller, and what
belongs together (cached and uncached tokens) stays in proportion. Money is counted in 10⁻⁹.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache, partial
from typing import Final, TypeAlias

from stream.providers.endpoint import Endpoint
from stream.recordings.synth.draws import Memo, draw_words

__all__ = ["MOST_FALLS", "Figures", "Vector", "draw_starts", "expected_money_of", "metrics_of"]

Vector: TypeAlias = tuple[int, ...]
"""An endpoint's counters in the registry's order; of costs, also how many have a quantity."""

COURSES: Final = 256
COURSE: Final = 1 << 20  # a figure's number is its course times this, and its step
MOST_FALLS: Final = 16
"""How often one row's figures can fall: they start that many steps up, or more."""
MOST_HELD: Final = 1 << 16
PLACES: Final = 9
UNIT: Final = 10**PLACES

BITS: Final = {
    "characters": 15,
    "images": 5,
    "input_tokens": 17,
    "num_model_requests": 8,
    "num_requests": 8,
    "num_sessions": 6,
    "seconds": 12,
    "usage_bytes": 33,
}
"""How large a count may start, as a power of two; 12 where nothing is said."""


@cache
def draw_starts() -> tuple[int, ...]:
    """Return the figure that a row starts with for each number of 16 bits."""
    return tuple(
        word % COURSES * COURSE + MOST_FALLS + word // COURSES % 32 for word in range(1 << 16)
    )


class Figures:
    """One endpoint's figures: ``texts`` are the first parts of their rows.

    Amounts are numbers there; in ``quoted_texts`` they are quoted, as they have arrived too.
    """

    def __init__(self, seed: int, endpoint: Endpoint) -> None:
        """Start with none made."""
        self.endpoint = endpoint
        self.texts = Memo(partial(self._write, quote=""), MOST_HELD)
        self.quoted_texts = Memo(partial(self._write, quote='"'), MOST_HELD)
        self.vectors = Memo(self.vector, MOST_HELD)
        self._course = cache(lambda number: course_of(endpoint, seed, number))

    def vector(self, figure: int) -> Vector:
        """Work a figure's counters out."""
        base, more = self._course(figure // COURSE)
        step = figure % COURSE
        return tuple(first + each * step for first, each in zip(base, more, strict=True))

    def _write(self, figure: int, quote: str) -> bytes:
        """Write a figure's counters in the API's order."""
        endpoint, vector = self.endpoint, self.vector(figure)
        fields = [f'{{"object":"{endpoint.result}"']
        fields += [
            f'"{name}":{value}' for name, value in zip(endpoint.counts, vector, strict=False)
        ]
        if "amount_value" in endpoint.money:
            amount, quantity, given = vector
            value = f"{quote}{write_money(amount)}{quote}"
            fields.append(f'"amount":{{"value":{value},"currency":"usd"}}')
            fields.append(f'"quantity":{write_money(quantity) if given else "null"}')
        return (",".join(fields) + ",").encode()


def course_of(endpoint: Endpoint, seed: int, course: int) -> tuple[Vector, Vector]:
    """Draw a course: what each counter starts from, and what each step adds."""
    base = draw_words(32, seed, endpoint.key, "base", course)
    more = draw_words(32, seed, endpoint.key, "more", course)
    if "amount_value" in endpoint.money:
        return costs_of(base, course, 34), costs_of(more, course, 28, each=True)
    found = []
    for drawn, less in ((base, 0), (more, 5)):
        counts = {
            name: skew_count(drawn, place, max(2, BITS.get(name, 12) - less))
            for place, name in enumerate(endpoint.counts)
        }
        if "input_uncached_tokens" in counts:
            counts |= tokens_of(drawn, course, 17 - less)
        found.append(tuple(counts[name] for name in endpoint.counts))
    return found[0], found[1]


def skew_count(drawn: tuple[int, ...], place: int, bits: int) -> int:
    """Make a count of three draws: from 1 to 2 to the power of ``bits``, small ones as likely."""
    large = drawn[place] << 32 | drawn[place + 1] << 16 | drawn[place + 2]
    return (large % (1 << bits) >> drawn[place + 3] % bits) + 1


def tokens_of(drawn: tuple[int, ...], course: int, bits: int) -> dict[str, int]:
    """Draw the counts of tokens so that the parts add up; most courses are text alone."""
    text, text_out = skew_count(drawn, 0, bits), skew_count(drawn, 2, bits - 2)
    audio, audio_out = (skew_count(drawn, 4, bits - 4), 1) if course % 8 == 1 else (0, 0)
    image, image_out = (skew_count(drawn, 6, bits - 3), 3) if course % 8 == 2 else (0, 0)  # noqa: PLR2004 -- any two of eight
    cached_text = text * (drawn[8] % 64) // 128
    cached = cached_text + audio // 4 + image // 2
    short, long = (text // 8, text // 16) if course % 4 == 0 else (0, 0)
    return {
        "input_tokens": text + audio + image,
        "input_cached_tokens": cached,
        "input_cache_write_tokens": short + long,
        "input_cache_write_30m_tokens": short,
        "input_cache_write_12h_tokens": long,
        "input_uncached_tokens": text + audio + image - cached - short - long,
        "output_tokens": text_out + audio_out + image_out,
        "input_text_tokens": text,
        "output_text_tokens": text_out,
        "input_cached_text_tokens": cached_text,
        "input_audio_tokens": audio,
        "input_cached_audio_tokens": audio // 4,
        "output_audio_tokens": audio_out,
        "input_image_tokens": image,
        "input_cached_image_tokens": image // 2,
        "output_image_tokens": image_out,
    }


def costs_of(drawn: tuple[int, ...], course: int, bits: int, *, each: bool = False) -> Vector:
    """Draw an amount, a quantity, and whether there is one; one course in 16 is a credit.

    Amounts go from next to nothing to some dollars, and credits from 25 cents to 1.25 dollars; so
    small are the steps of a credit that it stays one.
    """
    amount = skew_count(drawn, 0, 16) * skew_count(drawn, 2, bits - 16)
    is_credit = course % 16 == 1
    if each:
        amount = amount >> 10 if is_credit else amount
    else:
        amount = -(amount % UNIT) - UNIT // 4 if is_credit else amount + course % 64 * UNIT // 16
    given = course % 4 != 0
    quantity = skew_count(drawn, 4, bits - 16) * UNIT // 1000 if given else 0
    return amount, quantity, int(given and not each)


def write_money(value: int) -> str:
    """Write money as a JSON number, without an exponent."""
    whole, rest = divmod(abs(value), UNIT)
    text = f"{whole}.{rest:0{PLACES}d}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text


def expected_money_of(value: int) -> Decimal:
    """Return money as it is expected."""
    return Decimal(write_money(value))


def metrics_of(endpoint: Endpoint, sums: Vector) -> dict[str, int | Decimal]:
    """Name an endpoint's sums; an absent quantity is not zero."""
    if "amount_value" not in endpoint.money:
        return dict(zip(endpoint.counts, sums, strict=True))
    amount, quantity, given = sums
    metrics: dict[str, int | Decimal] = {"amount_value": expected_money_of(amount)}
    return metrics | ({"quantity": expected_money_of(quantity)} if given else {})
