"""Tables of `config.toml`, read strictly: what is wrong is named with its file, its key and what it must be."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agentos_runtime.config.settings import SettingsError
from agentos_runtime.suggest import suggest

Reader: TypeAlias = Callable[[Any], Any]
"""The value as it is used; raises ValueError with a sentence's end such as `must be true or false`."""


def read_table(raw: object, where: str, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The table's values, read. `where` names it: `/home/ann/config.toml: breaker`. Raises SettingsError."""
    if not isinstance(raw, Mapping):
        raise SettingsError(f"{where} must be a table of {', '.join(readers)}")
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in readers:
            meant = suggest(name, readers)
            hint = f"did you mean {meant}?" if meant else f"known: {', '.join(readers)}"
            raise SettingsError(f"{where}.{name} is no setting; {hint}")
        try:
            values[name] = readers[name](value)
        except ValueError as error:
            raise SettingsError(f"{where}.{name} {error}, not {value!r}") from None
    return values


def whole(least: int) -> Reader:
    """A whole number of at least `least`."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**53:
            raise ValueError(f"must be a whole number, {least} or more")
        return value

    return read


def amount(value: Any) -> float:
    """A number that is not negative."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise ValueError("must be a number, 0 or more")
    return float(value)


def fraction(value: Any) -> float:
    """A number above 0, up to 1."""
    if not 0 < amount(value) <= 1:
        raise ValueError("must be a fraction such as 0.8")
    return float(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts that are not empty."""
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise ValueError('must be a list such as ["openrouter/chat", "open-meteo/*"]')
    return tuple(each.strip() for each in value)
