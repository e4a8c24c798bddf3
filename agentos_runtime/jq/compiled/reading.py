"""What goes into compiled code and what comes out, with the numbers that a worker would have given.

jq keeps a number as it was written until it computes with it, and a worker has two forms of a program: the quick
one gives doubles, whole ones without a point; the exact one, taken when 16 digits stand in a row anywhere in the
input or the output, gives numbers as they were written.
"""

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Input:
    """A program's input, and what is known of its numbers."""

    value: Json
    exact: bool
    """The worker would take the exact form."""
    uncertain: bool
    """It may hold numbers of more digits than a double keeps of them."""


def read_input(data: bytes, document: Json = None) -> Input:
    """document: what the text says, where that is known. Raises Beyond for what jq reads in its own way."""
    shapes = data.translate(_WIDE_SHAPES)
    uncertain = _LONG in shapes or _TINY in shapes
    exact = uncertain and _LONG in data.translate(_SHAPES)
    if (b"-0" in data or (b"\\" in data and b"\\u" in data)) and _ODD.search(data) and _is_odd(data):
        raise Beyond
    if document is not None:
        return Input(document, exact, uncertain)
    try:
        return Input(parse(data), exact, uncertain)
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
        self._rounded = False
        """A number lost its point, as it does in the quick form."""

    def take_all(self, values: list[Json]) -> Json:
        """The first two of an expression's outputs, which are enough to know. Raises Beyond."""
        if len(values) == 1 and type(values[0]) in _SMALL:
            self._meter.charge(8)
            return values
        return self.take(values[:2])

    def take(self, value: Json, depth: int = 0) -> Json:
        """A copy of the value. Raises Beyond."""
        if isinstance(value, (dict, list)):
            return self._inside(value, depth + 1)
        self._meter.charge(3 + (len(value) >> 4) if isinstance(value, str) else 3)
        return self._number(value) if isinstance(value, float) else value

    def _inside(self, value: dict[str, Json] | list[Json], depth: int) -> Json:
        """What is neither a container nor a float is taken at once, and charged with the container."""
        if depth > DEEPEST:
            raise Beyond
        take, inner = self.take, _CHANGED
        if isinstance(value, list):
            self._meter.charge(5 + 3 * len(value) + (sum([len(each) for each in value if type(each) is str]) >> 4))
            return [take(each, depth) if type(each) in inner else each for each in value]
        texts = sum(map(len, value)) + sum([len(each) for each in value.values() if type(each) is str])
        self._meter.charge(5 + 4 * len(value) + (texts >> 4))
        return {name: take(each, depth) if type(each) in inner else each for name, each in value.items()}

    def _number(self, number: float) -> Json:
        if self._given.exact:
            if number == 0:
                raise Beyond
            return number
        if self._given.uncertain or abs(number) >= _LARGEST_WHOLE:
            raise Beyond
        if number.is_integer():
            self._rounded = True
            return int(number)
        return number

    def check(self, outputs: list[Json]) -> None:
        """Raises Beyond where the outputs, written, would have a number that the exact form writes."""
        if self._rounded and _LONG in dump(outputs).translate(_SHAPES):
            raise Beyond
