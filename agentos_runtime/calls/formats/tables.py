"""CSV (RFC 4180): a list of objects by the names in its header, or of lists."""

import csv
import io
from collections.abc import Iterator, Sequence

from agentos_runtime.calls.formats.bounds import MOST_CHARACTERS, check_values
from agentos_runtime.calls.formats.charsets import FormatError
from agentos_runtime.jsontext import Json


def read_csv(text: str, delimiter: str, header: bool) -> Json:
    """The rows; every value is text. Without `header` each row is a list, and the first is one as well.

    A row that is shorter than the header has null for what is missing; empty lines are passed over. Raises
    FormatError for a row that is longer, a name that stands twice in the header, and broken quotes.
    """
    rows = _rows(text, delimiter)
    if not header:
        return _bounded(rows)
    names = next((row for _, row in rows), [])
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        at = names.index(twice) + 1
        raise FormatError(f"column {at} of its header has the name of another one; set `csv: {{header: false}}`")
    return [*_objects(names, rows)]


def _objects(names: Sequence[str], rows: Iterator[tuple[int, list[str]]]) -> Iterator[dict[str, Json]]:
    width, characters = len(names), sum(map(len, names))
    for count, (line, row) in enumerate(rows, 1):
        check_values(count * width)
        if count * characters > MOST_CHARACTERS:
            raise FormatError("the names of its columns are too long for so many rows")
        if len(row) > width:
            raise FormatError(f"its line {line} has {len(row)} values, and its header has {width} names")
        yield dict(zip(names, [*row, *[None] * (width - len(row))], strict=True))


def _bounded(rows: Iterator[tuple[int, list[str]]]) -> Json:
    found: list[Json] = []
    count = 0
    for _, row in rows:
        count += len(row)
        check_values(count)
        found.append([*row])
    return found


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, with the line that it ends on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise FormatError(f"its line {reader.line_num} is not CSV: {error}") from None
