"""Money: canonical, exact, and within 38 integer and 40 fraction digits."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.records.money import MONEY, canonical_money, exact_number, plain_text_of, plain_texts_of

DIGITS = st.integers(-(10**78) + 1, 10**78 - 1)
HELD = DIGITS.map(lambda digits: Decimal(digits).scaleb(-40, Context(prec=90)))
"""Every amount that may be held: up to 38 integer and 40 fraction digits."""
ANY = st.builds(
    lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=85).map(tuple),
    st.integers(-90, 50),
)
NO_NUMBERS = ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"]


def canonical(value: Decimal) -> bool:
    """Tell whether a number has no exponent, no trailing zeros and no −0."""
    sign, digits, exponent = value.as_tuple()
    if not value:
        return (sign, digits, exponent) == (0, (0,), 0)
    return exponent == 0 or (isinstance(exponent, int) and exponent < 0 and digits[-1] != 0)


def fits(value: Decimal) -> bool:
    """Tell by arithmetic alone whether an amount may be held."""
    number = Fraction(value)
    return abs(number) < 10**38 and (number * 10**40).denominator == 1


@given(HELD)
def test_money_keeps_the_value(value: Decimal) -> None:
    """An amount within the digits allowed keeps its value, in canonical form."""
    found = canonical_money(value)
    assert Fraction(found) == Fraction(value)
    assert canonical(found)


@given(ANY)
def test_money_refuses_what_does_not_fit(value: Decimal) -> None:
    """An amount is taken exactly where its value has at most 38 and 40 digits, however written."""
    if fits(value):
        assert Fraction(canonical_money(value)) == Fraction(value)
        assert canonical(canonical_money(value))
    else:
        with pytest.raises(ValueError, match="digits"):
            canonical_money(value)


@given(HELD, st.integers(0, 12))
def test_equal_amounts_look_the_same(value: Decimal, zeros: int) -> None:
    """Trailing zeros and exponents leave no trace: equal amounts have one form, made once."""
    padded = value.quantize(Decimal(1).scaleb(-40 - zeros), context=Context(prec=130))
    assert str(canonical_money(padded)) == str(canonical_money(value))
    assert canonical_money(canonical_money(value)).as_tuple() == canonical_money(value).as_tuple()


@pytest.mark.parametrize("text", ["0", "-0", "0.000", "0E-6176", "0E+6111", "-0E+999999"])
def test_zero_is_zero(text: str) -> None:
    """Every zero is the same, without sign or exponent."""
    assert canonical_money(Decimal(text)).as_tuple() == Decimal(0).as_tuple()
    assert canonical(canonical_money(Decimal(text)))


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_refused(text: str) -> None:
    """NaN and infinities are never money."""
    with pytest.raises(ValueError, match="finite"):
        canonical_money(Decimal(text))


@pytest.mark.parametrize(
    "text", ["1E+999999", "1E-999999", "-1E+38", "1E-41", "9" * 39, "0.1" + "0" * 39 + "1"]
)
def test_a_digit_too_many_is_refused(text: str) -> None:
    """An amount past the digits allowed is refused at once, however large its exponent."""
    with pytest.raises(ValueError, match="digits"):
        canonical_money(Decimal(text))


@given(st.lists(HELD, max_size=30))
def test_sums_are_exact(values: list[Decimal]) -> None:
    """A sum of any amounts is their sum, digit for digit, in canonical form."""
    with localcontext(MONEY):
        total = exact_number(sum(map(canonical_money, values), Decimal(0)))
    assert isinstance(total, Decimal)
    assert Fraction(total) == sum(map(Fraction, values), Fraction(0))
    assert canonical(total)


@given(st.integers())
def test_counts_stay_counts(value: int) -> None:
    """A whole number that is a count is returned as it is."""
    assert exact_number(value) is value


@given(st.lists(ANY | st.integers()))
def test_numbers_are_written_without_an_exponent(values: list[Decimal | int]) -> None:
    """One by one and together numbers are written digit by digit, whatever exponent they have."""
    texts = [format(one, "f") if isinstance(one, Decimal) else str(one) for one in values]
    assert [plain_text_of(one) for one in values] == plain_texts_of(values) == texts


@given(HELD, HELD)
def test_exact_does_not_ask_the_context(first: Decimal, second: Decimal) -> None:
    """A context of few digits around the call changes nothing about a sum that was made before."""
    with localcontext(MONEY):
        total = canonical_money(first) + canonical_money(second)
    with localcontext(Context(prec=5, rounding=ROUND_HALF_EVEN)):
        assert Fraction(exact_number(total)) == Fraction(first) + Fraction(second)
        assert Fraction(canonical_money(first)) == Fraction(first)
