"""Which case answers a request: the same one, else the nearest one of that utility."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, parse
from agentos_runtime.manifest.model import Jq, Literal, TemplateParam, UrlTemplate
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.manifest.requests.streamed import requests_of
from agentos_runtime.manifest.shapes import same
from agentos_runtime.testing.compare import differences
from agentos_runtime.testing.fake_credentials import STAND_IN, named_stand_ins, without_stand_ins
from agentos_runtime.testing.model import Case, SimulatedAnswer


@dataclass(frozen=True, slots=True)
class Address:
    """A url in parts that can be compared."""

    origin: str
    path: str
    query: tuple[tuple[str, str], ...]
    """Sorted, without the credential's pairs."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as a case speaks of it: without what belongs to the credential."""

    method: str
    address: Address
    body: Json
    """JSON when it is, else text; None = no body."""
    has_body: bool


MOST_NAMED = 5
"""Places of a body that are named."""
Rank: TypeAlias = tuple[bool, bool, int, bool, bool, float]


def see(request: UpstreamRequest) -> Seen:
    """The request without the stand-ins of its credential."""
    return Seen(request.method, read_address(request.url), read_body(request.body), request.body is not None)


def read_address(url: str) -> Address:
    """The url in parts; the origin is empty for what is no absolute url."""
    origin = origin_of(url)
    if origin is None:
        return Address("", url, ())
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = tuple(sorted(pair for pair in pairs if not STAND_IN.search(pair[1])))
    return Address(origin, named_stand_ins(parts.path) or "/", query)


def read_body(body: bytes | None) -> Json:
    """The body as a case writes it."""
    if body is None:
        return None
    try:
        return without_stand_ins(parse(body))
    except JsonTextError:
        return named_stand_ins(body.decode("utf-8", "replace"))


def readable_answer(answer: SimulatedAnswer) -> Json:
    """The answer's body as a case writes it."""
    return read_body(answer.body or None)


def choose(cases: Iterable[Case], seen: Seen, *, streaming: bool) -> Case | None:
    """The case that answers; None when no case is about such a request.

    In this order: the same request; cases that answer as asked (events for a stream) before others; the same query;
    all that the case says of the body is in the request's; cases that succeed; the likest body; names of files.
    A plain request is never answered with events.
    """
    ranked = [
        (rank, case)
        for case in cases
        if (streaming or not case.streams) and (rank := _rank(case, seen, streaming)) is not None
    ]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def is_exact(case: Case, seen: Seen) -> bool:
    """Whether the case is about the very request."""
    return next(differing(case, seen), None) is None


def differing(case: Case, seen: Seen) -> Iterator[str]:
    """What of the request is another than the case says: its method, url or query, places of its body."""
    if case.request.method != seen.method:
        yield "the method"
    own = read_address(case.request.url)
    if own != seen.address:
        yield "the query" if (own.origin, own.path) == (seen.address.origin, seen.address.path) else "the url"
    if not case.request.states_body:
        if seen.has_body:
            yield "the body, of which it says nothing"
        return
    found = [each.path or "the body" for each in differences(case.request.body, seen.body)]
    yield from found[:MOST_NAMED]
    if len(found) > MOST_NAMED:
        yield f"{len(found) - MOST_NAMED} more places"


def _rank(case: Case, seen: Seen, streaming: bool) -> Rank | None:
    if case.request.method != seen.method:
        return None
    distance = _distance(case, seen.address)
    if distance is None:
        return None
    stated = case.request.body
    equal = same(stated, seen.body) if case.request.states_body else not seen.has_body
    return (
        not (distance == 0 and equal),
        case.streams != streaming,
        distance,
        not (equal or _is_part(stated, seen.body)),
        case.error is not None,
        -_likeness(stated, seen.body),
    )


def _distance(case: Case, address: Address) -> int | None:
    """0 = the same url, 1 = another query, 2 = another value in the path; None = another address."""
    own = read_address(case.request.url)
    if own == address:
        return 0
    if own.origin != address.origin:
        return None
    if own.path == address.path:
        return 1
    return 2 if _fits_template(case, own.path, address.path) else None


def _fits_template(case: Case, own: str, path: str) -> bool:
    """Whether the utility could have made the path, going by its urls and by the path that the case has."""
    return any(_fits_url(rest.url, case, own, path) for rest in requests_of(case.utility.rest))


def _fits_url(url: Literal | UrlTemplate | Jq, case: Case, own: str, path: str) -> bool:
    if isinstance(url, UrlTemplate):
        pattern = "".join(map(_pattern, url.parts)).partition(r"\?")[0]
        return all(re.fullmatch(pattern, _whole(case, each)) is not None for each in (own, path))
    mine, given = own.split("/"), path.split("/")
    differing = sum(left != right for left, right in zip(mine, given, strict=False))
    return isinstance(url, Jq) and len(mine) == len(given) and differing == 1


def _pattern(part: str | TemplateParam) -> str:
    if isinstance(part, str):
        return re.escape(part)
    return ".*" if part.keep_slashes else "[^/]+"


def _whole(case: Case, path: str) -> str:
    parts = urlsplit(case.request.url)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _is_part(stated: Json, body: Json) -> bool:
    if not isinstance(stated, dict) or not isinstance(body, dict):
        return False
    return all(name in body and same(value, body[name]) for name, value in stated.items())


def _likeness(left: Json, right: Json) -> float:
    """0 = nothing in common, 1 = the same places with the same values."""
    ours, theirs = set(_marks(left, ())), set(_marks(right, ()))
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0


def _marks(value: Json, path: Sequence[str | int]) -> Iterator[tuple[object, ...]]:
    """Every place of a value, alone and with what stands there."""
    yield (*path,)
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _marks(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _marks(item, (*path, index))
    else:
        yield (*path, "=", type(value).__name__, value)
