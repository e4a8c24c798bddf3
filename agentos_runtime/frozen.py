"""How classes of values are made: frozen for the type checker, which reads all code, but not again as it runs.

`dataclasses.dataclass` writes up to seven functions for a class, as text, and compiles each: for all classes here
that was a third of what starting costs. And what `frozen=True` does as it runs sets each field by a call: an object
of eight fields takes six times as long. Here only `__init__` is written, when the first object of a class is made:
a command makes objects of few of them. The others are common to all classes.
"""

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import MISSING
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar, cast

Made = TypeVar("Made", bound=type)


class _Factory:
    """Stands for a default that each object has of its own."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE_ANEW = _Factory()
_LATER = "__init__ of the first object"

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        *,
        frozen: bool = False,
        slots: bool = False,
        eq: bool = True,
        repr: bool = True,  # noqa: A002 - as it is called there
        kw_only: bool = False,
    ) -> Callable[[Made], Made]:
        """As `dataclasses.dataclass`; what is frozen compares and hashes as such, and is not frozen as it runs."""

        def made(described: Made) -> Made:
            if not described.__doc__:
                described.__doc__ = described.__name__  # or its signature would be worked out for one
            own = frozenset(vars(described))
            found = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(described)
            if "__init__" not in own:
                found.__init__ = _written_when_needed(found)
                found.__signature__ = _Signature()
            if repr and "__repr__" not in own:
                found.__repr__ = _shown
            if eq:
                _compare(found, own, frozen=frozen)
            return found

        return made


def _written_when_needed(made: Any) -> Callable[..., None]:
    """An `__init__` that writes the one that takes its place."""

    def __init__(self: object, *given: object, **named: object) -> None:  # noqa: N807 - it becomes one
        made.__init__ = _init_of(made)
        made.__init__(self, *given, **named)

    __init__.__name__ = _LATER
    return __init__


class _Signature:
    """What `inspect.signature` says of a class: that of the `__init__` that it will have."""

    def __get__(self, instance: object, owner: Any) -> inspect.Signature:
        init = owner.__init__
        if init.__name__ == _LATER:
            maker = next(each for each in owner.__mro__ if vars(each).get("__init__") is init)
            init = maker.__init__ = _init_of(maker)
        own = inspect.signature(init)
        return own.replace(parameters=[*own.parameters.values()][1:])


def _init_of(made: Any) -> Callable[..., None]:
    """Sets the fields of an object of the class, as the `__init__` of a standard dataclass does."""
    known: dict[str, object] = {"_made_anew": _MADE_ANEW}
    params: dict[bool, list[str]] = {False: ["self"], True: []}
    body = []
    for each in dataclasses.fields(made):
        name, anew = each.name, each.default_factory is not MISSING
        default = f"_default_{name}" if anew or each.default is not MISSING else ""
        if default:
            known[default] = each.default_factory if anew else each.default
        value = f"{default}()" if anew else default
        if each.init:
            given = "_made_anew" if anew else default
            params[bool(each.kw_only)].append(f"{name}={given}" if default else name)
            value = f"{value} if {name} is _made_anew else {name}" if anew else name
        if value:
            body.append(f"self.{name} = {value}")
    if hasattr(made, "__post_init__"):
        body.append("self.__post_init__()")
    keywords = ["*", *params[True]] if params[True] else []
    text = f"def __init__({', '.join([*params[False], *keywords])}):\n " + "\n ".join(body or ["pass"])
    exec(text, known)  # noqa: S102 - of names of fields, which are identifiers
    written: Any = known["__init__"]
    written.__qualname__ = f"{made.__qualname__}.__init__"
    written.__module__ = made.__module__
    return cast("Callable[..., None]", written)


def _compare(made: Any, own: frozenset[str], *, frozen: bool) -> None:
    """Give a class what compares its objects, except for what is its `own`."""
    values = _values_of([field.name for field in dataclasses.fields(made) if field.compare])

    def equal(self: object, other: object) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    if "__eq__" not in own:
        made.__eq__ = equal
    if "__hash__" not in own:
        made.__hash__ = (lambda self: hash(values(self))) if frozen else None


def _values_of(names: list[str]) -> Callable[[object], tuple[object, ...]]:
    """What gives these fields of an object."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda of: tuple(getattr(of, name) for name in names)


@recursive_repr()
def _shown(self: Any) -> str:
    named = (field.name for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in named)})"
