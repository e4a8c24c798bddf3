"""A list that comes in pages: what to ask for next, and when it is over. No I/O.

A short page alone does not end a list, since services give fewer rows at once than they are asked for: it ends at
an empty page, at one shorter than a page before it, with the cursor, or with the number of rows or pages that the
service says there are. So one request more than needed may be made, and no row is lost.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentos_runtime.calls.evaluate import EMPTY, Empty, Value, expression_failed
from agentos_runtime.calls.failures import Service
from agentos_runtime.calls.links import link_of, next_target
from agentos_runtime.calls.pointers import NothingThere, follow
from agentos_runtime.calls.positions import NoSuchPosition, at_address, value_at, with_value
from agentos_runtime.calls.reply import service_of
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.requests.urls import url_text
from agentos_runtime.calls.values import ValuePlan, plan_value
from agentos_runtime.diagnostics import Place
from agentos_runtime.errors import ExpressionFailed, ReplyMismatch, UpstreamInvalid
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Paginate, Skill, Utility
from agentos_runtime.manifest.places import position_place

MOST_EMPTY = 20
"""Empty pages in a row, each with another cursor, after which nothing more is believed to come."""


@dataclass(frozen=True, slots=True)
class PagesPlan:
    """How one utility's lists go on."""

    paginate: Paginate
    next: ValuePlan | None
    total: ValuePlan | None
    pages: ValuePlan | None
    service: Service
    by_tag: bool = False
    """The rows are elements of XML by their tag: one is a list of one, and none is an empty list."""

    @property
    def by_address(self) -> bool:
        """Whether the next page is at an address that the answer says."""
        return self.paginate.link


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
    total: Value = EMPTY
    """How many rows the service says there are in all."""
    pages: Value = EMPTY
    """How many pages it says there are."""


def plan_pages(skill: Skill, utility: Utility) -> PagesPlan | None:
    """Compile a utility's paging; None when its reply is no list in pages. Pure."""
    paginate = utility.rest.paginate
    if paginate is None:
        return None
    following, total, pages = (
        None if one is None else plan_value(skill.definitions, one)
        for one in (paginate.next, paginate.total, paginate.pages)
    )
    form = utility.rest.response.format
    by_tag = form.kind == "xml" and form.simple
    return PagesPlan(paginate, following, total, pages, service_of(skill, utility), by_tag)


def next_page(plan: PagesPlan, header: str, said: Value, url: str) -> str | None:
    """The address of the next page: what `next` gave of the body of `url`, or else its `Link` header.

    None at the end. Raises UpstreamInvalid for what is no address.
    """
    try:
        return next_target(header, url) if plan.next is None else _address(said, url)
    except ValueError as error:
        raise UpstreamInvalid(
            f"{plan.service.name} gave a link to the next page that leads nowhere: {error}"
        ) from None


def _address(said: Value, base: str) -> str | None:
    """Raises ValueError for what is no http address."""
    if isinstance(said, Empty) or said is None or said is False or said == "":
        return None
    if not isinstance(said, str):
        raise ValueError("it is no text")
    return link_of(said, base)


def read_rows(plan: PagesPlan, whole: Json, reply: Json) -> tuple[list[Json], list[Json]]:
    """The rows as the service gave them, and as the caller gets them. Raises ReplyMismatch for what is no list."""
    rows = _list(plan, reply, "the reply made of a page")
    if not plan.paginate.items and not isinstance(whole, list):
        return rows, rows
    try:
        found = _elements(plan.paginate.items, whole) if plan.by_tag else follow(plan.paginate.items, whole)
    except NothingThere as pointer:
        raise _mismatch(plan, f"a page of {plan.service.name} has nothing at {pointer}") from None
    return _list(plan, found, "what `items` points at"), rows


def _elements(tokens: tuple[str, ...], whole: Json) -> Json:
    """The elements of one tag below an element, which must be there itself. Raises NothingThere."""
    if len(tokens) < 2:
        return follow(tokens, whole)
    above = follow(tokens[:-1], whole)
    found = above.get(tokens[-1]) if isinstance(above, dict) else None
    return found if found is None or isinstance(found, list) else [found]


class Pages:
    """The state of one list between its pages."""

    def __init__(self, plan: PagesPlan, wanted: Wanted, first: Draft, *, max_bytes: int) -> None:
        """`first` is what the manifest asks anyway; a position or a size in it is where the list begins."""
        paginate = plan.paginate
        own = None if paginate.limit is None else value_at(first, paginate.limit)
        self.over = False
        self.more = False
        """Whether the service has, or may have, more rows than were given."""
        self._cut_at: int | None = None
        """The offset at which the caller's rows were cut off."""
        self._plan = plan
        self._wanted = wanted
        self._first = first
        self._url = first.url
        self._position = None if plan.by_address else value_at(first, paginate.position)
        self._size = _whole(own) or paginate.size
        self._asked = own if wanted.one_page else self._page_size()
        self._max_bytes = max_bytes
        self._bytes = 0
        self._given = 0
        self._longest = 0
        self._empty = 0
        self._before: list[Json] = []
        self._cursors: set[str] = set()
        self._seen = self._rows_before()

    @property
    def draft(self) -> Draft:
        """The next request. Raises ExpressionFailed when the place of the position cannot hold it."""
        if self._url != self._first.url:
            return at_address(self._first, self._url, self._place)
        paginate, told = self._plan.paginate, self._plan.next
        try:
            draft = self._first
            if not self._plan.by_address:
                draft = with_value(draft, paginate.position, self._position)
            if paginate.limit is not None:
                draft = with_value(draft, paginate.limit, self._asked)
        except NoSuchPosition as error:
            raise ExpressionFailed(
                f"The manifest's {self._place.key} says where a list goes on, and that cannot be put there: "
                f"{error} ({self._place.position})",
                details={"key": self._place.key, "line": self._place.position.line},
            ) from None
        if told is None or self._position is None:
            return draft
        return replace(draft, told={position_place(paginate.position): told.expression.place})

    @property
    def _place(self) -> Place:
        return self._plan.paginate.place or self._first.plan.rest.url_place

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
        at = _whole(self._position)
        if cut and self._wanted.limit is None:
            raise self._too_many()
        self._given += len(rows)
        self._seen = None if self._seen is None else self._seen + len(page.found)
        self._cut_at = (self._plan.paginate.start or 0 if at is None else at) + len(rows) if cut else None
        ended = self._go_on(page)
        full = self._given == self._wanted.limit
        self.over = ended or full or self._wanted.one_page
        self.more = cut or not (ended or self._is_whole(page))
        return rows

    @property
    def goes_on_at(self) -> str | None:
        """The position of the row after those that were given; None where no position says it, or none follow."""
        paginate = self._plan.paginate
        if not self.more or self._plan.by_address:
            return None
        if self._cut_at is None:
            return url_text(self._position)
        return str(self._cut_at) if paginate.style == "offset" else None

    def _rows_before(self) -> int | None:
        """How many rows stand before the first that is asked for; None when nobody knows."""
        at, paginate = _whole(self._position), self._plan.paginate
        if at is None or paginate.style == "cursor":
            return 0
        if paginate.style == "offset":
            return at - (paginate.start or 0)
        return 0 if at == self._first_page() else None

    def _first_page(self) -> int:
        start = self._plan.paginate.start
        return 1 if start is None else start

    def _page_size(self) -> int:
        limit = self._wanted.limit
        return self._size if limit is None else min(self._size, limit)

    def _room(self) -> int:
        limit = self._wanted.limit
        return (self._plan.paginate.maximum if limit is None else limit) - self._given

    def _is_whole(self, page: Page) -> bool:
        """Whether a page that nobody asked to be of any size seems to be the whole list."""
        counted = self._plan.next is not None or self._plan.by_address or self._is_last(page) is not None
        return self._wanted.one_page and not counted and len(page.found) != self._size

    def _go_on(self, page: Page) -> bool:
        """Move to the next position; whether the list is over."""
        follows = self._plan.next is not None or self._plan.by_address
        return self._follow(page) if follows else self._count_on(page)

    def _count_on(self, page: Page) -> bool:
        count = len(page.found)
        known = self._is_last(page)
        if known or (known is None and (not count or count < self._longest)):
            return True
        if not count:
            raise UpstreamInvalid(
                f"{self._plan.service.name} says that there is more than it gives: the page after {self._seen} "
                "rows is empty. Ask for fewer rows with limit, or narrow the list"
            )
        if page.found == self._before:
            raise _mismatch(
                self._plan,
                f"{self._plan.service.name} gave the same rows twice: it does not go on by "
                f"`{position_place(self._plan.paginate.position)}`, as the manifest says",
            )
        self._longest, self._before = max(count, self._longest), page.found
        paginate = self._plan.paginate
        at = _whole(self._position)
        if paginate.style == "page":
            self._position = (self._first_page() if at is None else at) + 1
        else:
            self._position = (paginate.start or 0 if at is None else at) + count
        return False

    def _is_last(self, page: Page) -> bool | None:
        """Whether the service says that this is the last page; None when it does not say."""
        pages, total = self._number(self._plan.pages, page.pages), self._number(self._plan.total, page.total)
        if pages is not None:
            at = _whole(self._position)
            return (self._first_page() if at is None else at) - self._first_page() + 1 >= pages
        return None if total is None or self._seen is None else self._seen >= total

    def _number(self, plan: ValuePlan | None, said: Value) -> int | None:
        if plan is None or said is None or isinstance(said, Empty):
            return None
        number = _whole(int(said) if isinstance(said, float) and said.is_integer() else said)
        if number is None:
            raise expression_failed(plan.expression, "gives no whole number")
        return number

    def _follow(self, page: Page) -> bool:
        cursor = self._cursor(page.next)
        if cursor is None:
            return True
        self._empty = 0 if page.found else self._empty + 1
        if cursor in self._cursors or cursor == self._here():
            if not page.found:
                return True
            raise UpstreamInvalid(
                f"{self._plan.service.name} gave the same cursor twice: its list never ends{self._meant(cursor)}"
            )
        if self._empty > MOST_EMPTY:
            raise UpstreamInvalid(
                f"{self._plan.service.name} gave {self._empty} empty pages, each with another cursor"
            )
        self._cursors.add(cursor)
        if self._plan.by_address:
            self._url = cursor
        else:
            self._position = page.next if isinstance(page.next, (int, str)) else cursor
        return False

    def _meant(self, cursor: str) -> str:
        """A hint for who wrote an address as a cursor, which services then do not know."""
        is_address = not self._plan.by_address and cursor.startswith(("http://", "https://", "/"))
        return ". It is an address: `next: {link: …}` follows one" if is_address else ""

    def _here(self) -> str | None:
        """The cursor of the page that was just read."""
        return self._url if self._plan.by_address else url_text(self._position)

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


def _whole(value: Json) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


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
