"""What a page is made of: a template and its values."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any

from agentos_runtime.console.visits import Visit
from agentos_runtime.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """A template and what it shows; `status` is that of the answer."""

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the navigation and all addresses below it."""

    section: str
    title: str
    make: Callable[[Visit], Awaitable[Page]]
