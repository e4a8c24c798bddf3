"""Whether a program carries a text to its output without a look at it: then what it makes of any other text in the
same place is known, and it need not run.

The program runs once with a text that no code can look at. All that generated code does with a value is to ask for
its class, to put it somewhere, to compare, measure or test it, and to hand it to a function of the table: the first
two work, all others raise. So whatever comes out would have come out of every text.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from agentos_runtime.jq.compiled.code import Code, built
from agentos_runtime.jq.compiled.errors import Beyond, Costly, JqError
from agentos_runtime.jq.compiled.functions.table import FUNCTIONS_OF_PLACES, reachable
from agentos_runtime.jsontext import Json


class Looked(Exception):
    """Something looked at the text."""


def _look(*given: object) -> Any:
    raise Looked


_KEPT = frozenset(
    {"__class__", "__new__", "__init__", "__init_subclass__", "__subclasshook__", "__doc__", "__dir__"}
    | {"__getattribute__", "__setattr__", "__delattr__"}
)
"""Attributes of texts that tell nothing of what they say."""
_BESIDE = ("__radd__", "__rmul__", "__bool__", "__bytes__", "__int__", "__float__", "__index__", "__fspath__")
"""What Python would ask such a text for, and texts do not have."""


def _unseen_class() -> type[str]:
    looks: dict[str, Any] = dict.fromkeys({*dir(str), *_BESIDE} - _KEPT, _look)
    return type("Unseen", (str,), {**looks, "__class__": property(lambda text: str)})


_Unseen = _unseen_class()


def unseen() -> str:
    """A text whose class can be asked for, and nothing else."""
    return _Unseen("")


def is_unseen(value: object) -> bool:
    return type(value) is _Unseen


def watched(code: Code) -> Code:
    """The same code, where every function of the table refuses to be handed the text, or what holds it."""
    known = {
        name: _guarded(value, name in FUNCTIONS_OF_PLACES) if name.startswith("jq_") else value
        for name, value in reachable().items()
    }
    known["jq_fields"] = partial(partial, known["jq_field"])
    return built(code.source, code.compiled, known)


def _guarded(function: Callable[..., Any], of_places: bool) -> Callable[..., Any]:
    def guarded(*given: Any) -> Any:
        for each in given:
            if is_unseen(each) or not (of_places or not _holds(each)):
                raise Looked
        return function(*given)

    return guarded


def _holds(value: object) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return any(is_unseen(each) or _holds(each) for each in value) if isinstance(value, list) else False


def carried(code: Code, document: dict[str, Json], event: Json, budget: int) -> list[list[Json]] | None:
    """What each expression of watched code gives for an event that holds the text; None where one looked at it,
    fails or costs too much. document: what their variables are taken from.
    """
    code.meter.begin(budget, lambda: True)
    try:
        code.bind(document)
        return [each(event) for each in code.expressions]
    except (Looked, JqError, Beyond, Costly, RecursionError, MemoryError):
        return None
    finally:
        code.meter.end()
        code.bind({})
