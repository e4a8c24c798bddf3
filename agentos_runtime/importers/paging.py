"""Which operations list page by page, told by the names of their query fields and by what they answer."""

from collections.abc import Collection, Iterable, Mapping

from agentos_runtime.importers.api import Field, Reply
from agentos_runtime.jsontext import Json

LIMITS = (
    "limit",
    "per_page",
    "page_size",
    "pageSize",
    "perPage",
    "max_results",
    "maxResults",
    "count",
    "size",
    "first",
)
POSITIONS: Mapping[str, str] = {
    "offset": "offset", "skip": "offset", "startAt": "offset", "start_at": "offset",
    "page": "page", "page_number": "page", "pageNumber": "page",
    "cursor": "cursor", "page_token": "cursor", "pageToken": "cursor", "next_token": "cursor",
    "nextToken": "cursor", "next_cursor": "cursor", "continuation_token": "cursor",
    "continue": "cursor", "marker": "cursor", "next_page_token": "cursor", "nextPageToken": "cursor",
}  # fmt: skip
"""The query field that says where to go on → the style."""
NEXT = (
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "next_token",
    "nextToken",
    "next_marker",
    "nextMarker",
    "continue",
    "next",
    "cursor",
)
AFTER = ("starting_after", "after", "after_id")
LAST = ("last_id", "lastId")
DEFAULT_SIZE = 100
ROWS = ("data", "items", "results", "result", "records", "rows", "values", "value", "entries", "objects")


def rows_of(lists: Collection[str]) -> str | None:
    """Which of a reply's lists it is about: one with a telling name, or the only one."""
    return next((name for name in ROWS if name in lists), next(iter(lists)) if len(lists) == 1 else None)


def pagination(fields: Iterable[Field], reply: Reply, hint: str | None = None) -> dict[str, Json] | None:
    """`paginate` for an operation; None when nothing says that it has pages.

    `hint` is jq that the document gives for the next cursor.
    """
    query = {field.name: field for field in fields if field.place == "query" and _can_be_a_position(field)}
    position, following = _position(query, reply, hint)
    if reply.rows is None or position is None:
        return None
    limit = next((name for name in LIMITS if name in query), None)
    style = "cursor" if following else POSITIONS.get(position, "cursor")
    paginate: dict[str, Json] = {"style": style}
    if position != style:
        paginate["position"] = position
    if limit is not None:
        paginate["limit"] = limit
    if reply.rows:
        paginate["items"] = reply.rows
    if style == "cursor":
        paginate["next"] = following
    if style == "page" and _begins_at_zero(query[position]):
        paginate["start"] = 0
    size = _size(query[limit]) if limit else None
    return paginate | ({"size": size} if size else {})


def _can_be_a_position(field: Field) -> bool:
    """`size=large` and `count=true` are no numbers of rows."""
    return (
        field.declaration.get("type") in (None, "integer", "number", "string") and "enum" not in field.declaration
    )


def _position(query: Mapping[str, Field], reply: Reply, hint: str | None) -> tuple[str | None, str | None]:
    """The query field that says where to go on, and jq for the next cursor."""
    position = next((name for name in POSITIONS if name in query), None)
    if position is None:
        return _after(query, reply)
    following = hint or _next(reply, position)
    if POSITIONS[position] != "cursor" and not (query[position].declaration.get("type") == "string" and following):
        return position, None
    return (position, following) if following else (None, None)


def _begins_at_zero(page: Field) -> bool:
    return 0 in (page.declaration.get("minimum"), page.declaration.get("default"), page.documented)


def _next(reply: Reply, position: str) -> str | None:
    """Where the body says the next cursor, also one level down (`.meta.next_cursor`)."""
    names = dict.fromkeys((*NEXT, position))
    fields = reply.fields or _said(reply.returns)
    for name in names:
        if name in fields and not fields[name]:
            return f".{name}"
    for outer, below in fields.items():
        for name in names:
            if name in below:
                return f".{outer}.{name}"
    return None


def _said(returns: Json) -> dict[str, tuple[str, ...]]:
    """The fields of a reply, where only `returns` says them."""
    below = returns if isinstance(returns, dict) else {}
    said = {name: one.get("properties") if isinstance(one, dict) else None for name, one in below.items()}
    return {name: tuple(one) if isinstance(one, dict) else () for name, one in said.items()}


def _after(query: Mapping[str, Field], reply: Reply) -> tuple[str | None, str | None]:
    """`after=<id of the last row>`, for bodies that say `has_more`."""
    name = next((name for name in AFTER if name in query), None)
    returns = reply.returns if isinstance(reply.returns, dict) else {}
    if name is None or "has_more" not in returns or not reply.rows:
        return None, None
    last = next((f".{last}" for last in LAST if last in returns), f".{reply.rows[1:]}[-1].id")
    return name, f"if .has_more then {last} else null end"


def _size(limit: Field) -> int | None:
    """Rows to ask for when the service gives no more than this at once; None for the usual size."""
    most = limit.declaration.get("maximum")
    return int(most) if isinstance(most, int | float) and 1 <= most < DEFAULT_SIZE else None
