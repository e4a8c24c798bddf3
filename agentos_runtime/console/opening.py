"""Loads the pages when the first one is asked for: a server whose console nobody opens pays nothing for it."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from agentos_runtime.console.visits import Visit
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json


@dataclass(frozen=True, slots=True)
class Fragment:
    """What is put into the shell, and the status that it is sent with."""

    body: bytes
    status: int = 200


class Pages(Protocol):
    """All pages."""

    async def answer(self, visit: Visit) -> Fragment:
        """The page at the visit's path; what fails is a page too."""
        ...

    def rows(self, visit: Visit, rows: Sequence[Mapping[str, Json]]) -> list[str]:
        """Rows of the ledger as the pages show them, one piece of HTML for each."""
        ...


def load_pages() -> Pages:
    """Imports the template engine, the Markdown parser and the sanitiser."""
    pages: Pages = importlib.import_module("agentos_runtime.console.rendering").open_pages()
    return pages
