"""Money, counts and durations as people read them."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

THOUSAND, MILLION, BILLION = 10**3, 10**6, 10**9


def money(dollars: Decimal | float | None) -> str:
    """US dollars: cents from $1, below it three digits that count (two under $0.0001); "" when nobody said."""
    if dollars is None:
        return ""
    amount = exact(dollars)
    if not amount:
        return "$0"
    if abs(amount) >= 1:
        return f"${_rounded(amount, 2):,}"
    digits = 2 if abs(amount) < Decimal("0.0001") else 3
    places = digits - 1 - amount.adjusted()
    rounded = _rounded(amount, places)
    if rounded.adjusted() > amount.adjusted():  # 0.9996 has become 1.000
        rounded = _rounded(amount, places - 1)
    return f"${rounded:f}"


def added_cost(costs: Iterable[float | None]) -> Decimal | None:
    """The sum of what is known of them; None when nobody said anything."""
    known = [exact(cost) for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known else None


def exact_money(dollars: Decimal | float | None) -> str:
    """With nine decimals, for titles and for programs."""
    return "" if dollars is None else f"${_rounded(exact(dollars), 9):,f}"


def count(number: int | None) -> str:
    """Whole to 99,999, then `795.2k`, `17.26M`, `1.23B`; "" when nobody said."""
    if number is None:
        return ""
    if number < 100 * THOUSAND:
        return f"{number:,}"
    for unit, letter, places in ((THOUSAND, "k", 1), (MILLION, "M", 2)):
        shown = _rounded(Decimal(number) / unit, places)
        if shown < THOUSAND:
            return f"{shown}{letter}"
    return f"{_rounded(Decimal(number) / BILLION, 2):,}B"


def whole(number: int | None) -> str:
    """All digits."""
    return "" if number is None else f"{number:,}"


def duration(milliseconds: float | None) -> str:
    """`485 ms`, `1.5 s`, `2 m 05 s`, `3 h 07 m`; "" when nobody said."""
    if milliseconds is None:
        return ""
    if (rounded := _rounded(exact(milliseconds), 0)) < THOUSAND:
        return f"{rounded} ms"
    if (seconds := _rounded(exact(milliseconds) / THOUSAND, 1)) < 60:
        return f"{seconds} s"
    whole_seconds = int(_rounded(exact(milliseconds) / THOUSAND, 0))
    if whole_seconds < 3600:
        return f"{whole_seconds // 60} m {whole_seconds % 60:02} s"
    return f"{whole_seconds // 3600} h {whole_seconds % 3600 // 60:02} m"


def exact(number: Decimal | float) -> Decimal:
    """The number as it is written: sums of these have no dust of binary fractions."""
    return number if isinstance(number, Decimal) else Decimal(repr(number))


def _rounded(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
