"""What goes into compiled code and what comes out, with the numbers that a worker would have given."""

from agentos_runtime.jq.compiled.errors import Beyond
from agentos_runtime.jq.compiled.functions.meter import Meter
from agentos_runtime.jq.compiled.functions.values import DEEPEST
from agentos_runtime.jq.inputs import LONG, SHAPES, ProgramInput
from agentos_runtime.jsontext import Json, JsonTextError, dump

_LARGEST_WHOLE = 1e15
_SMALL = frozenset({bool, int, type(None)})


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

    def take_all(self, found: list[list[Json]]) -> list[Json]:
        """The first two of each expression's outputs, which are enough to know. Raises Beyond, also where they,
        written, would have a number that the exact form writes.
        """
        self._meter.charge(8 * len(found))
        taken, null = self._taken, [None]  # as most expressions of most calls give
        outputs: list[Json] = [values if values == null else taken(values) for values in found]
        if self._rounded and LONG in dump(outputs).translate(SHAPES):
            raise Beyond
        return outputs

    def _taken(self, values: list[Json]) -> Json:
        """The first two outputs of one expression."""
        value = values[0] if len(values) == 1 else values
        kind = value.__class__
        if kind is dict:
            self._charge(8, 4)
            return [self._fields(value, 2)]  # type: ignore[arg-type]
        if kind is str:
            self._charge(8, len(value) + 4)  # type: ignore[arg-type]
        elif kind not in _SMALL:
            return self._items(values[:2], 1)
        return values

    def _items(self, value: list[Json], depth: int) -> list[Json]:
        """A copy; what is in it is charged with it, but for what is inside of that."""
        if depth > DEEPEST:
            raise Beyond
        texts, copied = 0, value.copy()
        for at, each in enumerate(value):
            kind = each.__class__
            if kind is str:
                texts += len(each)  # type: ignore[arg-type]
            elif kind in _SMALL:
                pass
            elif kind is dict:
                copied[at] = self._fields(each, depth + 1)  # type: ignore[arg-type]
            elif kind is list:
                copied[at] = self._items(each, depth + 1)  # type: ignore[arg-type]
            else:
                copied[at] = self._number(each)  # type: ignore[arg-type]
        texts += 4 * len(value)
        self.size += texts
        meter = self._meter  # as `_charge`, which most of what is copied would call
        meter.left -= 5 + 3 * len(value) + (texts >> 4)
        if meter.left < 0:
            meter.more()
        return copied

    def _fields(self, value: dict[str, Json], depth: int) -> dict[str, Json]:
        """As `_items`."""
        if depth > DEEPEST:
            raise Beyond
        texts, copied = sum(map(len, value)), value.copy()
        for name, each in value.items():
            kind = each.__class__
            if kind is str:
                texts += len(each)  # type: ignore[arg-type]
            elif kind in _SMALL:
                pass
            elif kind is dict:
                copied[name] = self._fields(each, depth + 1)  # type: ignore[arg-type]
            elif kind is list:
                copied[name] = self._items(each, depth + 1)  # type: ignore[arg-type]
            else:
                copied[name] = self._number(each)  # type: ignore[arg-type]
        texts += 6 * len(value)
        self.size += texts
        meter = self._meter
        meter.left -= 5 + 4 * len(value) + (texts >> 4)
        if meter.left < 0:
            meter.more()
        return copied

    def _charge(self, units: int, size: int) -> None:
        """For something of that many bytes."""
        self.size += size
        self._meter.left -= units + (size >> 4)
        if self._meter.left < 0:
            self._meter.more()

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
