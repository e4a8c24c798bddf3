"""The secret is put on the request: the one place where a key meets it, outside of every expression.

A placeholder is replaced only where the skill's authority says that the credential goes. Everywhere else it fails
the call, however it came there.
"""

import base64
from collections.abc import Callable, Iterator
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from agentos_runtime.calls.evaluate import EMPTY, Empty, Value
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.calls.requests.drafting import Draft, unsayable
from agentos_runtime.calls.requests.encoding import EncodingError, encode_body, urlencoded
from agentos_runtime.calls.requests.nesting import NestingError, outer_name
from agentos_runtime.calls.requests.placeholders import REMEDY, PlaceholderError, Reveal, Use
from agentos_runtime.diagnostics import Place
from agentos_runtime.errors import ExpressionFailed
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth, AuthField, AuthTemplate
from agentos_runtime.manifest.places import BODY, URL, field_place, header_place, item_place, query_place

Pairs: TypeAlias = tuple[tuple[str, str], ...]


def inject(draft: Draft, auth: Auth | None, reveal: Reveal | None) -> UpstreamRequest:
    """The draft with its secrets. `reveal` None = no credential is sent, nor any field that would carry it.

    Raises ExpressionFailed for a credential that an expression put where the skill does not say that it goes, or
    used in a way that cannot be repeated, and for a body that it cannot go into.
    """
    url, headers, query, body = draft.url, draft.headers, draft.query, draft.body
    if draft.carries:
        filled = _Filling(draft, reveal)
        url, headers, query, body = filled.url(), filled.headers(), filled.query(), filled.body()
    if reveal is not None and auth is not None:
        for template in auth.templates:
            headers, query, body = _place(template, _filled_text(template, reveal), headers, query, body)
    if query:
        encoded = urlencoded([*query], draft.plan.rest.nested).replace("+", "%20")
        url = f"{url}{'&' if '?' in url else '?'}{encoded}"
    return _with_body(draft, url, headers, body)


def check_told(draft: Draft, is_secret: Callable[[str], bool]) -> None:
    """Raise ExpressionFailed when an upstream's own words would bring the credential where it does not go.

    An upstream may repeat the key in the address of the next page or of a job: it is followed only where the key
    stands at a place of the authority there too.
    """
    for place, spot in draft.told.items():
        texts = _told_url(draft) if place == URL else _texts_at(draft, place)
        if place not in draft.plan.places and any(map(is_secret, texts)):
            raise _refused(spot, place, f"what the service said would bring the credential to {place}")


def _texts_at(draft: Draft, place: str) -> Iterator[str]:
    """The texts of a query key, a header or a field of the body."""
    yield from (text for name, text in draft.query if query_place(name) == place)
    yield from (text for name, text in draft.headers if header_place(name) == place)
    if not isinstance(draft.body, Empty):
        yield from _in_field(BODY, draft.body, place)


def _in_field(at: str, body: Json, place: str) -> Iterator[str]:
    if isinstance(body, str) and at == place:
        yield body
    elif isinstance(body, dict) and at != place:
        for name, below in body.items():
            yield from _in_field(field_place(at, name), below, place)


def _told_url(draft: Draft) -> Iterator[str]:
    """The parts of a url where the credential does not go."""
    parts = urlsplit(draft.url)
    yield from (parts.path, unquote(parts.path))
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        yield name
        if query_place(name) not in draft.plan.places:
            yield text


class _Filling:
    """A draft whose placeholders become secrets, or whose fields are left out when there is no secret."""

    def __init__(self, draft: Draft, reveal: Reveal | None) -> None:
        self._draft = draft
        self._reveal = reveal

    def url(self) -> str:
        text = self._filled(URL, self._draft.url, declared=URL in self._draft.plan.places)
        if text is None:
            raise self._refused(URL, "it writes the credential into the url, and there is none to write")
        return text

    def headers(self) -> Pairs:
        return tuple(self._pairs(self._draft.headers, header_place))

    def query(self) -> Pairs:
        nested = self._draft.plan.rest.nested
        return tuple(self._pairs(self._draft.query, lambda name: query_place(outer_name(name, nested))))

    def body(self) -> Value:
        body = self._draft.body
        return body if isinstance(body, Empty) else self._in_body(BODY, body, BODY in self._draft.plan.places)

    def _pairs(self, pairs: tuple[tuple[str, str], ...], named: Callable[[str], str]) -> Iterator[tuple[str, str]]:
        for name, text in pairs:
            place = named(name)
            filled = self._filled(place, text, declared=place in self._draft.plan.places)
            if filled is not None:
                yield name, filled

    def _in_body(self, place: str, body: Json, declared: bool) -> Value:
        if isinstance(body, str):
            filled = self._filled(place, body, declared=declared)
            return EMPTY if filled is None else filled
        if isinstance(body, list):
            below = item_place(place)
            items = [self._in_body(below, item, declared or below in self._draft.plan.places) for item in body]
            return [item for item in items if not isinstance(item, Empty)]
        if isinstance(body, dict):
            fields = [(name, self._field(place, name, item, declared)) for name, item in body.items()]
            return {name: item for name, item in fields if not isinstance(item, Empty)}
        return body

    def _field(self, above: str, name: str, item: Json, declared: bool) -> Value:
        if self._draft.placeholders.suspected_in(name.encode("utf-8", "replace")):
            raise self._refused(above, "a credential may not stand in the name of a field")
        place = field_place(above, name)
        return self._in_body(place, item, declared or place in self._draft.plan.places)

    def _refused(self, place: str, reason: str) -> ExpressionFailed:
        return _refused(_spot(self._draft, place), place, reason)

    def _filled(self, place: str, text: str, *, declared: bool) -> str | None:
        """The text with its secrets; None when it would carry a credential that there is not."""
        placeholders = self._draft.placeholders
        if not placeholders.found_in(text):
            if placeholders.suspected_in(text.encode("utf-8", "replace")):
                raise self._refused(place, REMEDY)
            return text
        if not declared:
            raise self._refused(place, f"nothing says that the credential goes to {place}")
        if self._reveal is None:
            return None
        try:
            return placeholders.restore(text, self._reveal, in_url=place == URL)
        except PlaceholderError as error:
            raise self._refused(place, str(error)) from None


def _spot(draft: Draft, place: str) -> Place:
    """Where the manifest says what fills a place."""
    spots = draft.plan.spots
    return next((spots[above] for above in _above(place) if above in spots), draft.plan.rest.url_place)


def _refused(spot: Place, place: str, reason: str) -> ExpressionFailed:
    return ExpressionFailed(
        f"The manifest's {spot.key} uses the credential otherwise than the skill says: {reason} "
        f"({spot.position}). Name it in that very field as .auth.key, or under `auth` with its place",
        details={"key": spot.key, "line": spot.position.line, "place": place},
    )


def _above(place: str) -> Iterator[str]:
    """The place, and those around it in the body, the nearest first."""
    yield place
    while place.startswith(f"{BODY}:"):
        cut = max(place.rfind("."), place.rfind("[]"))
        place = place[:cut] if cut > 0 else BODY
        yield place


def _with_body(draft: Draft, url: str, headers: Pairs, body: Value) -> UpstreamRequest:
    if draft.raw is not None or draft.upload is not None:
        return UpstreamRequest(draft.method, url, headers, draft.raw, draft.upload)
    if isinstance(body, Empty) or (body is None and draft.encoding != "json"):
        return UpstreamRequest(draft.method, url, headers)
    try:
        data, content_type = encode_body(draft.encoding, body, draft.uploads, draft.plan.rest.nested)
    except NestingError as error:
        raise unsayable(draft.plan, "body", error) from None
    except EncodingError as error:
        raise ExpressionFailed(f"The manifest's rest.body cannot be sent as {draft.encoding}: {error}") from None
    if draft.encoding == "multipart":  # only this one names the boundary
        headers = _without(headers, "content-type")
    if "content-type" not in [name.lower() for name, _ in headers]:
        headers = (*headers, ("Content-Type", content_type))
    return UpstreamRequest(draft.method, url, headers, data)


def _without(headers: Pairs, name: str) -> Pairs:
    """name: in lower case."""
    return tuple([pair for pair in headers if pair[0].lower() != name])


def _filled_text(template: AuthTemplate, reveal: Reveal) -> str:
    return "".join([part if isinstance(part, str) else _secret_text(part, reveal) for part in template.parts])


def _secret_text(part: AuthField, reveal: Reveal) -> str:
    if not part.basic:
        return reveal(Use(part.name))
    pair = ":".join(reveal(Use(name)) if name else "" for name in part.name.split(":"))
    return base64.b64encode(pair.encode()).decode("ascii")


def _place(
    template: AuthTemplate, text: str, headers: Pairs, query: Pairs, body: Value
) -> tuple[Pairs, Pairs, Value]:
    name = template.name
    if template.location == "header":
        return (*(_without(headers, name.lower()) if headers else ()), (name, text)), query, body
    if template.location == "query":
        return headers, (*[pair for pair in query if pair[0] != name], (name, text)), body
    if isinstance(body, Empty):
        body = {}
    if not isinstance(body, dict):
        raise ExpressionFailed(f"The credential goes into the body's field {name}, but the body is no object")
    return headers, query, body | {name: text}
