"""Long lists a part at a time: however many there are, a page stays small."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar
from urllib.parse import urlencode

from agentos_runtime.console.visits import Visit
from agentos_runtime.frozen import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Some rows of a list: the `first` to the `last` of `total`, from 1 on; queries of the parts beside it."""

    rows: Sequence[T]
    first: int
    last: int
    total: int
    before: str | None
    after: str | None


def part_of(rows: Sequence[T], visit: Visit, most: int) -> Part[T]:
    """The part that `page` in the visit's address names; what is no page of the list is as if it said nothing."""
    pages = max(1, -(-len(rows) // most))
    asked = visit.query.get("page", "")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 and 1 <= int(asked) <= pages else 1
    start = (page - 1) * most
    shown = rows[start : start + most]
    return Part(
        shown,
        start + 1 if shown else 0,
        start + len(shown),
        len(rows),
        _query(visit.query, page - 1) if page > 1 else None,
        _query(visit.query, page + 1) if page < pages else None,
    )


def _query(query: Mapping[str, str], page: int) -> str:
    others = {name: value for name, value in query.items() if name != "page"}
    return urlencode(others | ({"page": str(page)} if page > 1 else {}))
