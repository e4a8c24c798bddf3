"""Where the body of a list says how it goes on: the address of its next page, or a cursor some levels deep."""

import re
from collections.abc import Iterator

from agentos_runtime.importers.api import Losses
from agentos_runtime.importers.messages import snake
from agentos_runtime.importers.openapi.document import Located, resolve
from agentos_runtime.importers.openapi.flat import Flat
from agentos_runtime.importers.openapi.schemas import Flattener
from agentos_runtime.regexes import regex

MAX_DEPTH = 4
_NAMED = regex(r"(?:odata_)?next_(?:page_|results_|batch_)?(?:url|uri|link|href|path)")
"""A field of this name holds nothing else."""
_NEXT = frozenset({"next", "next_page"})
ABOVE_ADDRESSES = frozenset({"links", "_links"})
"""What stands below them is an address."""
_WRAPPERS = frozenset({
    "links", "paging", "pagination", "page", "pages", "page_info", "meta", "metadata", "cursor", "cursors", "next",
    "next_page", "response_metadata", "info",
})  # fmt: skip
"""What a list says of itself stands below these."""
_ADDRESSES = ("uri", "url", "uri-reference", "uri-template")
_INSIDE = ("href", "url", "uri", "link")
_SAID = regex(r"\b(?:url|uri|link|address|href|endpoint)\b", re.IGNORECASE)

Path = tuple[str, ...]


def is_address(flat: Flat) -> bool:
    """`next: https://…?page=2` is no cursor."""
    if flat.format in _ADDRESSES:
        return True
    return isinstance(flat.example, str) and bool(re.match(r"https?://|/[\w/.-]+\?", flat.example))


def is_next_address(name: str, flat: Flat) -> bool:
    """Whether a field that could be a cursor by its name is an address by what is said of it."""
    spoken = flat.types in ((), ("string",)) and not flat.properties and bool(_SAID.search(flat.description))
    return is_address(flat) or (snake(name) in _NEXT and spoken)


def in_header(response: Located, losses: Losses) -> bool:
    """Whether a response is said to have a `Link` header that leads to the next page."""
    said = next((node for name, node in response.map("headers").items() if name.lower() == "link"), None)
    if said is None:
        return False
    header = resolve(said, losses)
    shown = (header.get("description"), header.get("example"), header.at("schema").get("example"))
    return any(isinstance(one, str) and re.search(r"\bnext\b|\bpag(?:e|inat)", one, re.IGNORECASE) for one in shown)


def next_address(body: Flat, flattener: Flattener) -> str | None:
    """jq that gives the address of the next page; None where nothing declared says it."""
    found: list[tuple[int, str]] = []
    for path, flat in _said(body, flattener):
        name = snake(path[-1])
        below_links = any(part.lower() in ABOVE_ADDRESSES for part in path[:-1])
        if _NAMED.fullmatch(name) and not flat.is_object:
            found.append((0, jq_path(path)))
        elif name in _NEXT and flat.is_object and not _also_text(flat):
            inside = next((one for one in _INSIDE if one in flat.properties), None)
            if inside is not None:
                found.append((1, jq_path((*path, inside))))
        elif name in _NEXT and (below_links or is_next_address(name, flat)):
            either = f'{jq_path(path)} | if type == "object" then .href else . end'
            found.append((1, either if _also_text(flat) else jq_path(path)))
        elif path[-1] in ABOVE_ADDRESSES and flat.types == ("array",) and _are_related(flat, flattener):
            found.append((2, f'first({jq_path(path)}[]? | select(.rel == "next") | .href)'))
    return min(found, default=(0, None), key=lambda one: one[0])[1]


def cursors(body: Flat, flattener: Flattener) -> tuple[Path, ...]:
    """The fields below those that say something of the list, which may be cursors."""
    return tuple(
        path
        for path, flat in _said(body, flattener)
        if len(path) > 2 and not ABOVE_ADDRESSES & {*path} and _is_single(flat) and not is_address(flat)
    )


def _is_single(flat: Flat) -> bool:
    return not flat.is_object and "array" not in flat.types


def jq_path(path: Path) -> str:
    """`.links.next`, `.["@odata.nextLink"]`."""
    written = "".join(
        f".{part}" if re.fullmatch(r"[A-Za-z_]\w*", part, re.ASCII) else f'["{part}"]' for part in path
    )
    return written if written.startswith(".") else f".{written}"


def _said(body: Flat, flattener: Flattener, above: Path = ()) -> Iterator[tuple[Path, Flat]]:
    for name, schemas in body.properties.items():
        if '"' in name or "\\" in name:
            continue
        flat = flattener.flat(schemas, "")
        yield (*above, name), flat
        if flat.properties and len(above) + 1 < MAX_DEPTH and snake(name) in _WRAPPERS:
            yield from _said(flat, flattener, (*above, name))


def _also_text(flat: Flat) -> bool:
    return "string" in flat.types and ("object" in flat.types or bool(flat.properties))


def _are_related(flat: Flat, flattener: Flattener) -> bool:
    """`[{rel, href}]`."""
    return bool(flat.items) and {"rel", "href"} <= flattener.flat(flat.items, "").properties.keys()
