"""Families of figures, and the text format in which they are read (Prometheus, version 0.0.4).

What is counted under labels that others make up would grow for ever: each family has room for so many series, and
what comes beyond is counted under `other`.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass

Labels: TypeAlias = tuple[str, ...]
OTHER = "other"
MOST_SERIES = 2000
"""Of one family."""
SECONDS: Sequence[float] = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
)  # fmt: skip
"""The upper bounds of durations."""


@dataclass(slots=True)
class Family:
    """A counter or a gauge. dropped: is told when there is no room for a new series."""

    name: str
    about: str
    kind: Literal["counter", "gauge"]
    labels: Labels = ()
    dropped: Callable[[], object] = lambda: None
    values: dict[Labels, float] = field(default_factory=dict)

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        values = self.values
        if labels in values:
            values[labels] += amount
            return
        key = _fitting(labels, values, self.dropped)
        values[key] = values.get(key, 0) + amount

    def lines(self) -> Iterator[str]:
        yield from head(self.name, self.about, self.kind)
        for labels, value in self.values.items():
            yield f"{self.name}{label_text(zip(self.labels, labels, strict=True))} {number(value)}"


@dataclass(slots=True)
class Histogram:
    """Durations in seconds."""

    name: str
    about: str
    labels: Labels
    dropped: Callable[[], object] = lambda: None
    values: dict[Labels, list[float]] = field(default_factory=dict)
    """How many fell below each bound and above the one before it, and then the sum of all."""

    def observe(self, labels: Labels, seconds: float) -> None:
        series = self.values.get(labels)
        if series is None:
            key = _fitting(labels, self.values, self.dropped)
            series = self.values.setdefault(key, [0] * (len(SECONDS) + 2))
        series[bisect_left(SECONDS, seconds)] += 1
        series[-1] += seconds

    def lines(self) -> Iterator[str]:
        yield from head(self.name, self.about, "histogram")
        for labels, (*counts, total) in self.values.items():
            named = [*zip(self.labels, labels, strict=True)]
            so_far = 0.0
            for bound, count in zip((*SECONDS, math.inf), counts, strict=True):
                so_far += count
                yield f"{self.name}_bucket{label_text([*named, ('le', number(bound))])} {number(so_far)}"
            yield f"{self.name}_sum{label_text(named)} {number(total)}"
            yield f"{self.name}_count{label_text(named)} {number(so_far)}"


def _fitting(labels: Labels, values: Mapping[Labels, object], dropped: Callable[[], object]) -> Labels:
    """The labels, or `other` for each when they are new and there is no room."""
    if len(values) < MOST_SERIES:
        return labels
    dropped()
    return (OTHER,) * len(labels)


def head(name: str, about: str, kind: str) -> tuple[str, str]:
    escaped = about.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {name} {escaped}", f"# TYPE {name} {kind}"


def label_text(named: Iterable[tuple[str, str]]) -> str:
    """`{skill="openrouter"}`; nothing without labels."""
    pairs = [f'{name}="{_escaped(value)}"' for name, value in named]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    text = value.encode("utf-8", "replace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
