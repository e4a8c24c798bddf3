"""Stacked bars as numbers for SVG: rectangles in a box that is stretched, and the words of the axes beside it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from agentos_runtime.frozen import dataclass

SLOT = 10.0
"""Width of a day in the box."""
BAR = 8.0
HEIGHT = 100.0
TICKS = 4
"""Steps of the axis."""
SERIES = 7
"""Those with a colour of their own; what is beyond is `other`."""
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Part:
    """One rectangle: where it stands, which colour, and what a person who points at it is told."""

    x: float
    y: float
    height: float
    colour: int
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """width: of the box, which is HEIGHT high. ticks: from the top to zero. names: in the order of the colours."""

    width: float
    parts: tuple[Part, ...]
    ticks: tuple[str, ...]
    names: tuple[str, ...]


def stacked(
    days: Sequence[str], values: Mapping[str, Mapping[str, Decimal]], show: Callable[[Decimal], str], *, whole: bool
) -> Chart:
    """days: in their order. values: name → day → amount. show: an amount in words. whole: amounts are counts."""
    names = ranked(values)
    shown, rest = names[:SERIES], names[SERIES:]
    series = {name: values[name] for name in shown}
    if rest:
        series[OTHER] = {day: _sum(values[name].get(day) for name in rest) for day in days}
    top = max((_sum(each.get(day) for each in series.values()) for day in days), default=Decimal(0))
    step = nice_step(top, whole=whole)
    parts = tuple(_parts(days, series, step * TICKS, show))
    ticks = _alike([show(step * place) for place in range(TICKS, -1, -1)])
    return Chart(SLOT * len(days), parts, ticks, tuple(series))


def _alike(ticks: Sequence[str]) -> tuple[str, ...]:
    """Amounts beside each other: no zeros at the end that none of them needs, cents whole, as many for each."""
    decimals = [re.search(r"\.(\d*?)0*\D*$", tick) for tick in ticks]
    most = max(len(found[1]) if found else 0 for found in decimals)
    if most == 1 and ticks[0].startswith("$"):
        most = 2
    return tuple(
        re.sub(r"\.\d+", f".{found[0].strip('.')[:most]:0<{most}}" if most else "", tick) if found else tick
        for tick, found in zip(ticks, (re.search(r"\.\d+", tick) for tick in ticks), strict=True)
    )


def ranked(values: Mapping[str, Mapping[str, Decimal]]) -> list[str]:
    """The names, the largest sum first; without those that are nothing."""
    sums = {name: _sum(each.values()) for name, each in values.items()}
    return sorted((name for name, amount in sums.items() if amount), key=lambda name: (-sums[name], name))


def nice_step(top: Decimal, *, whole: bool) -> Decimal:
    """The smallest of 1, 2, 2.5, 3, 4, 5 times a power of ten of which four reach the top."""
    if top <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(max((top / TICKS).adjusted(), 0 if whole else -99))
    steps = (power * factor for factor in map(Decimal, ("1", "2", "2.5", "3", "4", "5", "10")))
    return next(step for step in steps if step * TICKS >= top and not (whole and step % 1))


def _parts(
    days: Sequence[str], series: Mapping[str, Mapping[str, Decimal]], top: Decimal, show: Callable[[Decimal], str]
) -> list[Part]:
    parts = []
    for place, day in enumerate(days):
        bottom = Decimal(0)
        for colour, (name, amounts) in enumerate(series.items()):
            amount = amounts.get(day, Decimal(0))
            if amount > 0:
                height = float(amount / top) * HEIGHT
                y = HEIGHT - float((bottom + amount) / top) * HEIGHT
                x = place * SLOT + (SLOT - BAR) / 2
                parts.append(Part(x, round(y, 2), round(height, 2), colour, f"{day}, {name}: {show(amount)}"))
                bottom += amount
    return parts


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((each for each in amounts if each is not None), Decimal(0))
