"""What goes into compiled code and what comes out, with the numbers that a worker would have given.

jq keeps a number as it was written until it computes with it, and a worker has two forms of a program: the quick
one gives doubles, whole ones without a point; the exact one, taken when 16 digits stand in a row anywhere in the
input or the output, gives numbers as they were written.
"""

import re

from agentos_runtime.jq.compiled.errors import Beyond
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.values import DEEPEST
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse

_SHAPES = bytes(48 if 48 <= byte <= 57 else 101 if byte == 69 else byte for byte in range(256))
"""Every digit as 0, every E as e."""
_WIDE_SHAPES = _SHAPES.replace(b".", b"0")
"""Points as well: a number of so many digits has so many of these in a row."""
_LONG = b"0" * 16
_ODD = re.compile(rb"[\[:,\s]-0(?![.0-9])|\\u[dD][89a-fA-F]")
_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_TINY = b"e-000"
"""`TINY`, in such a text."""
_LARGEST_WHOLE = 1e15
_SMALL = frozenset({bool, int, type(None)})
_CHANGED = frozenset({dict, list, float})
"""What is copied, or may lose its point."""


class Input:
    """A program's input, and what is known of its numbers: looked up when it is first asked for."""

    __slots__ = ("_data", "_uncertain", "value")

    def __init__(self, value: Json, data: bytes) -> None:
        self.value = value
        self._data = data
        self._uncertain: bool | None = None

    @property
    def exact(self) -> bool:
        """The worker would take the exact form."""
        return self.uncertain() and _LONG in self._data.translate(_SHAPES)

    def uncertain(self) -> bool:
        """It may hold numbers of more digits than a double keeps of them."""
        if self._uncertain is None:
            shapes = self._data.translate(_WIDE_SHAPES)
            self._uncertain = _LONG in shapes or _TINY in shapes
        return self._uncertain


def read_input(data: bytes, document: Json = None) -> Input:
    """document: what the text says, where that is known. Raises Beyond for what jq reads in its own way."""
    if (b"-0" in data or (b"\\" in data and b"\\u" in data)) and _ODD.search(data) and _is_odd(data):
        raise Beyond
    if document is not None:
        return Input(document, data)
    try:
        return Input(parse(data), data)
    except JsonTextError:
        raise Beyond from None


def _is_odd(data: bytes) -> bool:
    """Whether there is a negative zero, or half a surrogate pair."""
    only_letters = data.replace(b"\\\\", b"__")
    return _ODD.search(_PAIR.sub(b"__", only_letters)) is not None


class Output:
    """Takes the outputs of one run: copies, so that no part is in two places, and all of it charged."""

    def __init__(self, meter: Meter, given: Input) -> None:
        self._meter = meter
        self._given = given
        self.size = 0
        """About as many bytes as the outputs take when they are written."""
        self._rounded = False
        """A number lost its point, as it does in the quick form."""

    def take_all(self, values: list[Json]) -> Json:
        """The first two of an expression's outputs, which are enough to know. Raises Beyond."""
        if len(values) == 1 and values[0].__class__ in _SMALL:
            self._meter.charge(8)
            return values
        return self._items(values[:2], 1)

    def _items(self, value: list[Json], depth: int) -> list[Json]:
        """A copy; what is in it is charged with it, but for what is inside of that."""
        if depth > DEEPEST:
            raise Beyond
        texts, copied = 0, []
        for each in value:
            kind = each.__class__
            if kind is str:
                texts += len(each)  # type: ignore[arg-type]
                copied.append(each)
            else:
                copied.append(self._changed(each, kind, depth) if kind in _CHANGED else each)
        self.size += texts + 4 * len(value)
        self._meter.charge(5 + 3 * len(value) + (texts >> 4))
        return copied

    def _fields(self, value: dict[str, Json], depth: int) -> dict[str, Json]:
        """As `_items`."""
        if depth > DEEPEST:
            raise Beyond
        texts, copied = 0, {}
        for name, each in value.items():
            texts += len(name)
            kind = each.__class__
            if kind is str:
                texts += len(each)  # type: ignore[arg-type]
                copied[name] = each
            else:
                copied[name] = self._changed(each, kind, depth) if kind in _CHANGED else each
        self.size += texts + 6 * len(value)
        self._meter.charge(5 + 4 * len(value) + (texts >> 4))
        return copied

    def _changed(self, value: Json, kind: type, depth: int) -> Json:
        if kind is dict:
            return self._fields(value, depth + 1)  # type: ignore[arg-type]
        if kind is list:
            return self._items(value, depth + 1)  # type: ignore[arg-type]
        return self._number(value)  # type: ignore[arg-type]

    def _number(self, number: float) -> Json:
        if self._given.exact:
            if number == 0:
                raise Beyond
            return number
        if self._given.uncertain() or abs(number) >= _LARGEST_WHOLE:
            raise Beyond
        if number.is_integer():
            self._rounded = True
            return int(number)
        return number

    def check(self, outputs: list[Json]) -> None:
        """Raises Beyond where the outputs, written, would have a number that the exact form writes."""
        if self._rounded and _LONG in dump(outputs).translate(_SHAPES):
            raise Beyond
