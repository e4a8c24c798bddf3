"""Which operations list page by page, told by the names of their query fields and by what they answer."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from agentos_runtime.importers.api import Field, Operation, Reply
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

LINK = "link"
LIMITS = (
    "limit", "per_page", "page_size", "pageSize", "perPage", "max_results", "maxResults", "count", "size", "first",
    "page[size]", "page[limit]", "PageSize", "per-page", "page-size", "$top", "resultsPerPage", "results_per_page",
)  # fmt: skip
POSITIONS: Mapping[str, str] = {
    "offset": "offset", "skip": "offset", "startAt": "offset", "start_at": "offset",
    "page": "page", "page_number": "page", "pageNumber": "page",
    "cursor": "cursor", "page_token": "cursor", "pageToken": "cursor", "next_token": "cursor",
    "nextToken": "cursor", "next_cursor": "cursor", "continuation_token": "cursor",
    "continue": "cursor", "marker": "cursor", "next_page_token": "cursor", "nextPageToken": "cursor",
    "page[number]": "page", "page[offset]": "offset", "page[cursor]": "cursor", "page[after]": "cursor",
    "start_cursor": "cursor", "startIndex": "offset",
}  # fmt: skip
"""The query field that says where to go on → the style."""
NEXT = (
    "next_cursor", "nextCursor", "next_page_token", "nextPageToken", "next_token", "nextToken", "next_marker",
    "nextMarker", "continue", "next", "cursor",
)  # fmt: skip
AFTER = ("starting_after", "after", "after_id", "page[after]", "after_cursor")
ENDS = (
    ("next", "after"),
    ("next", "cursor"),
    ("cursors", "after"),
    ("cursors", "next"),
    ("next", "starting_after"),
)
"""The last words of a path to a cursor, more than two levels deep."""
LAST = ("last_id", "lastId")
_KEPT_UP = frozenset({"sync", "delta", "deltas", "changes", "longpoll"})
_LASTING = frozenset({
    "next_sync_token", "nextSyncToken", "sync_token", "syncToken", "delta_link", "deltaLink", "@odata.deltaLink",
    "next_delta_token", "next_stream_position",
})  # fmt: skip
"""Fields of a reply that a caller keeps until the next time."""
_SINCE = regex(
    r"\bincremental(?:ly)? |\b(?:since|after) (?:the|your|a) (?:last|previous) (?:sync|call|request|update)", re.I
)
DEFAULT_SIZE = 100
ROWS = ("data", "items", "results", "result", "records", "rows", "values", "value", "entries", "objects")
NO_ROWS = frozenset({
    "links", "_links", "errors", "warnings", "included", "messages", "warningMessages", "errorMessages", "facets",
    "aggregations",
})  # fmt: skip


def rows_of(lists: Collection[str]) -> str | None:
    """Which of a reply's lists it is about: one with a telling name, or the only one."""
    real = [name for name in lists if name not in NO_ROWS]
    return next((name for name in ROWS if name in lists), real[0] if len(real) == 1 else None)


def paged(one: Operation, hint: str | None = None) -> Operation:
    """An operation with the way in which its list goes on, where there is one.

    What the service needs of it in each call is sent without being asked for. `hint` is jq that the document gives
    for the next cursor.
    """
    in_body = one.method == "POST" and one.body.encoding == "json" and not one.body.whole
    if one.method == "GET":
        found = pagination(one.fields, one.reply, hint)
    elif in_body and one.idempotency_header is None and one.stream_field is None:
        found = _by_body(one, hint)
    else:
        found = None
    if found is None:
        return one
    fields = tuple(_first(field, found) for field in one.fields)
    asks = any(field.place == "body" and field.name not in owned_by(found) for field in fields)
    return replace(one, paginate=found, fields=fields, body=replace(one.body, empty=in_body and not asks))


def is_kept_up(one: Operation) -> bool:
    """Whether callers come again with the last cursor and ask what is new: they need it in the reply."""
    last = [
        part.rstrip("()") for part in one.path.lower().partition("?")[0].strip("/").split("/") if "{" not in part
    ]
    names = {name for name in (*one.reply.fields, *one.reply.cursors) if isinstance(name, str)}
    names |= {below for inside in one.reply.fields.values() for below in inside}
    said = [
        one.description,
        *(str(field.declaration.get("description", "")) for field in one.fields if _is_cursor(field)),
    ]
    goes_on = any(name in names for name in (*NEXT, "cursor", *_LASTING)) and one.method in ("GET", "POST")
    told = bool({*last[-1:]} & _KEPT_UP) or any(_SINCE.search(text) for text in said) or bool(names & _LASTING)
    return told and goes_on


def _is_cursor(field: Field) -> bool:
    return POSITIONS.get(field.name) == "cursor" or field.name in AFTER


def owned_by(paginate: Mapping[str, Json]) -> dict[str, str]:
    """The fields that say where a list goes on and how many rows are wanted, and their places."""
    owned: dict[str, str] = {}
    said = paginate.get("next")
    position = paginate.get("position", paginate["style"])
    by_address = said == LINK or isinstance(said, dict)
    for one in (None if by_address else position, paginate.get("limit")):
        if isinstance(one, str):
            owned[one] = "query"
        elif isinstance(one, dict):
            owned[str(one["body"]).removeprefix("/")] = "body"
    return owned


def _first(field: Field, paginate: Mapping[str, Json]) -> Field:
    """A field that each call needs, with what the first page is asked for by; a cursor stays the caller's."""
    default = field.declaration.get("default")
    if owned_by(paginate).get(field.name) != field.place or not (field.required or default is not None):
        return field
    if default is None:
        is_limit = field.name in LIMITS
        kind = POSITIONS.get(field.name, "cursor")
        if kind == "cursor" and not is_limit:
            return field
        default = paginate.get("size", DEFAULT_SIZE) if is_limit else paginate.get("start", int(kind == "page"))
    return replace(field, required=True, write=str(default)) if isinstance(default, int) else field


def _by_body(one: Operation, hint: str | None) -> dict[str, Json] | None:
    """A list that is asked for with a POST, whose body says where it goes on."""
    named = [
        replace(field, place="query") for field in one.fields if field.place == "body" and "/" not in field.name
    ]
    reply = replace(one.reply, next_address=None)
    found = pagination(named, reply, hint)
    if found is None or (found["style"] != "cursor" and "limit" not in found):
        return None
    places: dict[str, Json] = {"position": {"body": f"/{found.get('position', found['style'])}"}}
    if "limit" in found:
        places["limit"] = {"body": f"/{found['limit']}"}
    return {
        "style": found["style"],
        **places,
        **{key: found[key] for key in found if key not in ("style", *places)},
    }


def pagination(fields: Iterable[Field], reply: Reply, hint: str | None = None) -> dict[str, Json] | None:
    """`paginate` for an operation; None when nothing says that it has pages.

    `hint` is jq that the document gives for the next cursor.
    """
    if reply.rows is None:
        return None
    query = {field.name: field for field in fields if field.place == "query" and _can_be_a_position(field)}
    limit = next((name for name in LIMITS if name in query), None)
    position, following = _position(query, reply, hint)
    found = _by_position(query[position], following) if position else _by_address(query, reply, limit)
    if found is None:
        return None
    more: dict[str, Json] = {"limit": limit} if limit is not None else {}
    size = _size(query[limit]) if limit else None
    return {
        **{key: found[key] for key in ("style", "position") if key in found},
        **more,
        **({"items": reply.rows} if reply.rows else {}),
        **{key: found[key] for key in ("next", "start") if key in found},
        **({"size": size} if size else {}),
    }


def _by_position(position: Field, following: str | None) -> dict[str, Json]:
    style = "cursor" if following else POSITIONS.get(position.name, "cursor")
    found: dict[str, Json] = {"style": style}
    if position.name != style:
        found["position"] = position.name
    if style == "cursor":
        found["next"] = following
    if style == "page" and _begins_at(position, 0):
        found["start"] = 0
    if style == "offset" and position.name == "startIndex" and _begins_at(position, 1):
        found["start"] = 1
    return found


def _by_address(query: Mapping[str, Field], reply: Reply, limit: str | None) -> dict[str, Json] | None:
    """By the address of the next page, where the reply says one."""
    address = reply.next_address
    if address is None or (address.startswith("first(") and limit is None and not query.keys() & POSITIONS.keys()):
        return None  # links of a list that has no pages
    return {"style": "cursor", "next": address if address == LINK else {"link": address}}


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


def _begins_at(position: Field, first: int) -> bool:
    return first in (position.declaration.get("minimum"), position.declaration.get("default"), position.documented)


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
    return _deep(reply)


def _deep(reply: Reply) -> str | None:
    ends = (*ENDS, *(((name,)) for name in NEXT if name not in ("next", "cursor")))
    found = next((path for end in ends for path in reply.cursors if path[-len(end) :] == end), None)
    plain = found is not None and all(re.fullmatch(r"[A-Za-z_]\w*", part, re.ASCII) for part in found)
    return f".{'.'.join(found)}" if found is not None and plain else None


def _said(returns: Json) -> dict[str, tuple[str, ...]]:
    """The fields of a reply, where only `returns` says them."""
    below = returns if isinstance(returns, dict) else {}
    said = {name: one.get("properties") if isinstance(one, dict) else None for name, one in below.items()}
    return {name: tuple(one) if isinstance(one, dict) else () for name, one in said.items()}


def _after(query: Mapping[str, Field], reply: Reply) -> tuple[str | None, str | None]:
    """`after=<id of the last row>`, for bodies that say `has_more`."""
    name = next((name for name in AFTER if name in query), None)
    returns = reply.returns if isinstance(reply.returns, dict) else {}
    if name is not None and (deep := _deep(reply)):
        return name, deep
    if name is None or "has_more" not in returns or not reply.rows:
        return None, None
    last = next((f".{last}" for last in LAST if last in returns), f".{reply.rows[1:]}[-1].id")
    return name, f"if .has_more then {last} else null end"


def _size(limit: Field) -> int | None:
    """Rows to ask for when the service gives no more than this at once; None for the usual size."""
    most = limit.declaration.get("maximum")
    return int(most) if isinstance(most, int | float) and 1 <= most < DEFAULT_SIZE else None
