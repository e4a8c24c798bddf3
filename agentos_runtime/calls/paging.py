"""A list that comes in pages: what to ask for next, and when it is over. No I/O.

A short page alone does not end a list, since services give fewer rows at once than they are asked for: it ends at
an empty page, at one shorter than a page before it, or with the cursor. So one request more than needed may be
made, and no row is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_runtime.calls.evaluate import Empty, Value, expression_failed
from agentos_runtime.calls.failures import Service
from agentos_runtime.calls.pointers import NothingThere, follow
from agentos_runtime.calls.reply import service_of
from agentos_runtime.calls.urls import url_text
from agentos_runtime.calls.values import ValuePlan, plan_value
from agentos_runtime.errors import ReplyMismatch, UpstreamInvalid
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Paginate, Skill, Utility

MOST_EMPTY = 20
"""Empty pages in a row, each with another cursor, after which nothing more is believed to come."""

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PagesPlan:
    """How one utility's lists go on."""

    paginate: Paginate
    next: ValuePlan | None
    service: Service


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of a list the caller wants: `limit` rows, all of them, or (neither) one page as it comes."""

    limit: int | None = None
    all: bool = False

    @classmethod
    def of(cls, owned: Mapping[str, Any]) -> "Wanted":
        """From the params that belong to the runtime."""
        limit = owned.get("limit")
        return cls(None if limit is None else int(limit), owned.get("all") is True)

    @property
    def one_page(self) -> bool:
        return self.limit is None and not self.all


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it came."""

    found: list[Json]
    """The rows as the service gave them: what the end of the list is told by."""
    rows: list[Json]
    """The rows as the caller gets them."""
    next: Value
    size: int
    """Bytes of the body."""


def plan_pages(skill: Skill, utility: Utility) -> PagesPlan | None:
    """Compile a utility's paging; None when its reply is no list in pages. Pure."""
    paginate = utility.rest.paginate
    if paginate is None:
        return None
    following = None if paginate.next is None else plan_value(skill.definitions, paginate.next)
    return PagesPlan(paginate, following, service_of(skill, utility))


def read_rows(plan: PagesPlan, whole: Json, reply: Json) -> tuple[list[Json], list[Json]]:
    """The rows as the service gave them, and as the caller gets them. Raises ReplyMismatch for what is no list."""
    rows = _list(plan, reply, "the reply made of a page")
    if not plan.paginate.items and not isinstance(whole, list):
        return rows, rows
    try:
        found = follow(plan.paginate.items, whole)
    except NothingThere as pointer:
        raise _mismatch(plan, f"a page of {plan.service.name} has nothing at {pointer}") from None
    return _list(plan, found, "what `items` points at"), rows


class Pages:
    """The state of one list between its pages."""

    def __init__(self, plan: PagesPlan, wanted: Wanted, query: Query, *, max_bytes: int) -> None:
        """`query` is what the manifest sends anyway; a position or a size in it is where the list begins."""
        paginate, own = plan.paginate, dict(query)
        self.over = False
        self.more = False
        """Whether the service has, or may have, more rows than were given."""
        self._plan = plan
        self._wanted = wanted
        self._kept = tuple(pair for pair in query if pair[0] not in (paginate.position, paginate.limit))
        self._position = own.get(paginate.position)
        self._size = _whole(own.get(paginate.limit or "")) or paginate.size
        self._asked = own.get(paginate.limit or "") if wanted.one_page else str(self._page_size())
        self._max_bytes = max_bytes
        self._bytes = 0
        self._given = 0
        self._longest = 0
        self._empty = 0
        self._before: list[Json] = []
        self._cursors: set[str] = set()

    @property
    def query(self) -> Query:
        """The next request's query."""
        paginate = self._plan.paginate
        said = ((paginate.position, self._position), (paginate.limit, self._asked))
        return (*self._kept, *((name, text) for name, text in said if name is not None and text is not None))

    def take(self, page: Page) -> list[Json]:
        """The rows of this page that the caller gets. Raises UpstreamInvalid, ReplyMismatch, ExpressionFailed."""
        self._bytes += page.size
        if self._bytes > self._max_bytes:
            raise UpstreamInvalid(
                f"The pages of {self._plan.service.name} are larger than {self._max_bytes} bytes together; "
                "ask for fewer rows with limit"
            )
        rows = page.rows if self._wanted.one_page else page.rows[: self._room()]
        cut = len(rows) < len(page.rows)
        if cut and self._wanted.limit is None:
            raise self._too_many()
        self._given += len(rows)
        ended = self._go_on(page)
        full = self._given == self._wanted.limit
        self.over = ended or full or self._wanted.one_page
        self.more = cut or not (ended or self._is_whole(page))
        return rows

    def _page_size(self) -> int:
        limit = self._wanted.limit
        return self._size if limit is None else min(self._size, limit)

    def _room(self) -> int:
        limit = self._wanted.limit
        return (self._plan.paginate.maximum if limit is None else limit) - self._given

    def _is_whole(self, page: Page) -> bool:
        """Whether a page that nobody asked to be of any size seems to be the whole list."""
        return self._wanted.one_page and self._plan.next is None and len(page.found) != self._size

    def _go_on(self, page: Page) -> bool:
        """Move to the next position; whether the list is over."""
        return self._follow(page) if self._plan.next is not None else self._count_on(page)

    def _count_on(self, page: Page) -> bool:
        count = len(page.found)
        if not count or count < self._longest:
            return True
        if page.found == self._before:
            raise _mismatch(
                self._plan,
                f"{self._plan.service.name} gave the same rows twice: it does not go on by "
                f"`{self._plan.paginate.position}`, as the manifest says",
            )
        self._longest, self._before = max(count, self._longest), page.found
        paginate = self._plan.paginate
        at = _whole(self._position)
        if paginate.style == "page":
            first = 1 if paginate.start is None else paginate.start
            self._position = str((first if at is None else at) + 1)
        else:
            self._position = str((paginate.start or 0 if at is None else at) + count)
        return False

    def _follow(self, page: Page) -> bool:
        cursor = self._cursor(page.next)
        if cursor is None:
            return True
        self._empty = 0 if page.found else self._empty + 1
        if cursor in self._cursors or cursor == self._position:
            if not page.found:
                return True
            raise UpstreamInvalid(f"{self._plan.service.name} gave the same cursor twice: its list never ends")
        if self._empty > MOST_EMPTY:
            raise UpstreamInvalid(
                f"{self._plan.service.name} gave {self._empty} empty pages, each with another cursor"
            )
        self._cursors.add(cursor)
        self._position = cursor
        return False

    def _cursor(self, value: Value) -> str | None:
        """The cursor as text; None at the end of the list."""
        if isinstance(value, Empty) or value is None or value is False or value == "":
            return None
        text = url_text(value)
        if text is None:
            assert self._plan.next is not None
            raise expression_failed(self._plan.next.expression, "gives a cursor that is no text and no number")
        return text

    def _too_many(self) -> UpstreamInvalid:
        most = self._plan.paginate.maximum
        return UpstreamInvalid(
            f"{self._plan.service.name} has more than {most} rows, the most that one call gives; "
            f"narrow the list, or ask for the first of them with limit ({most} at most)"
        )


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None


def _list(plan: PagesPlan, value: Json, what: str) -> list[Json]:
    """The list; null counts as an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise _mismatch(plan, f"{what} must be a list of rows")
    return value


def _mismatch(plan: PagesPlan, message: str) -> ReplyMismatch:
    place = plan.paginate.place
    return ReplyMismatch(f"{message[0].upper()}{message[1:]} ({place.position})" if place else message)
