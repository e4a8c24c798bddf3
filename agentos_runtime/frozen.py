"""Values that are made on every call: frozen for the type checker, which reads all code, but not again as it runs.

What `frozen=True` does at run time sets each field by a call: an object of eight fields takes six times as long.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

Made = TypeVar("Made", bound=type)

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        *,
        frozen: bool = False,
        slots: bool,
        kw_only: bool = False,
        repr: bool = True,  # noqa: A002 - as it is called there
    ) -> Callable[[Made], Made]:
        """As `dataclasses.dataclass`; compared and hashed as a frozen one."""
        return dataclasses.dataclass(slots=slots, kw_only=kw_only, repr=repr, unsafe_hash=frozen)
