"""How large an answer of another form may become, since a small text can hold very many values."""

from agentos_runtime.calls.formats.charsets import FormatError

MOST_VALUES = 1_000_000
"""Cells, lines, elements and attributes of one answer."""
MOST_CHARACTERS = 1 << 26
"""Of names that are repeated with every row."""


def check_values(count: int) -> None:
    """Raises FormatError when there are too many."""
    if count > MOST_VALUES:
        raise FormatError(f"it holds more than {MOST_VALUES:,} values; ask the service for less at once")
