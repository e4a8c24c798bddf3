"""How classes of values are made: frozen for the type checker, which reads all code, but not again as it runs.

`dataclasses.dataclass` writes up to seven functions for a class, as text, and compiles each: for all classes here
that was a third of what starting costs. And what `frozen=True` does as it runs sets each field by a call: an object
of eight fields takes six times as long. Here only `__init__` is written; the others are common to all classes.
"""

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, TypeVar

Made = TypeVar("Made", bound=type)

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
            found = dataclasses.dataclass(repr=False, eq=False, slots=slots, kw_only=kw_only)(described)
            if repr and "__repr__" not in own:
                found.__repr__ = _shown
            if eq:
                _compare(found, own, frozen=frozen)
            return found

        return made


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
