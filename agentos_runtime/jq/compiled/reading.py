"""What goes into compiled code and what comes out, with the numbers that a worker would have given."""

from agentos_runtime.jq.compiled.errors import Beyond
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.values import DEEPEST
from agentos_runtime.jq.inputs import LONG, SHAPES, ProgramInput
from agentos_runtime.jsontext import Json, JsonTextError, dump

_LARGEST_WHOLE = 1e15
_SMALL = frozenset({bool, int, type(None)})
_CHANGED = frozenset({list, float})
"""What is copied, as objects are, or may lose its point."""


def as_input(data: bytes | ProgramInput) -> ProgramInput:
    """Raises Beyond for what jq reads in its own way."""
    try:
        given = ProgramInput.of(data) if isinstance(data, bytes) else data
    except JsonTextError:
        raise Beyond from None
    if given.odd:
        raise Beyond
    return given


class Output:
    """Takes the outputs of one run: copies, so that no part is in two places, and all of it charged."""

    def __init__(self, meter: Meter, given: ProgramInput) -> None:
        self._meter = meter
        self._given = given
        self.size = 0
        """About as many bytes as the outputs take when they are written."""
        self._rounded = False
        """A number lost its point, as it does in the quick form."""

    def take_all(self, values: list[Json]) -> Json:
        """The first two of an expression's outputs, which are enough to know. Raises Beyond."""
        if len(values) == 1 and values[0].__class__ in _SMALL:
            self._meter.left -= 8
            if self._meter.left < 0:
                self._meter.more()
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
            elif kind is dict:
                copied.append(self._fields(each, depth + 1))  # type: ignore[arg-type]
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
            elif kind is dict:
                copied[name] = self._fields(each, depth + 1)  # type: ignore[arg-type]
            else:
                copied[name] = self._changed(each, kind, depth) if kind in _CHANGED else each
        self.size += texts + 6 * len(value)
        self._meter.charge(5 + 4 * len(value) + (texts >> 4))
        return copied

    def _changed(self, value: Json, kind: type, depth: int) -> Json:
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
        if self._rounded and LONG in dump(outputs).translate(SHAPES):
            raise Beyond
