"""Where a param of a LAP file goes, of which LAP says nothing: the path shows some, names and types some more."""

from collections.abc import Sequence
from dataclasses import replace

from agentos_runtime.importers.api import Losses, Operation, Place
from agentos_runtime.importers.declarations import BEARER
from agentos_runtime.importers.lap.auth import Proofs, stands_in
from agentos_runtime.importers.lap.fields import LapType
from agentos_runtime.importers.openapi.keys import is_key, usual_keys
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.headers.names import header_problem
from agentos_runtime.regexes import regex

BODILESS = ("GET", "HEAD", "DELETE")
IDEMPOTENCY = "idempotency-key"
_HEADER = regex(
    r"[xX]-[\w-]+|[A-Z][A-Za-z\d]*(?:-[A-Z][A-Za-z\d]*)+|Authorization|Accept|Cookie"
    r"|(?i:accept-(?:charset|encoding|language)|content-(?:type|encoding|language|md5)|idempotency-key|user-agent"
    r"|if-(?:none-)?match|if-(?:un)?modified-since)"
)
"""Names that are written like those of headers."""
_WRITTEN_BY_RUNTIME = frozenset({"content-type", "content-length"})


def place_of(name: str, method: str, path: str) -> Place:
    if f"{{{name}}}" in path:
        return "path"
    if _HEADER.fullmatch(name):
        return "header"
    return "query" if method in BODILESS else "body"


def is_whole_body(name: str, kind: LapType, others: Sequence[LapType]) -> bool:
    """Whether a param is the body itself: `body: map`, as Swagger 2.0 names it, whose other params have no type."""
    plain = kind.kind in ("map", "list") and not kind.fields
    return name == "body" and plain and all(other.kind == "any" for other in others)


def without_runtimes(one: Operation, losses: Losses) -> Operation:
    """An operation without the headers that the runtime writes itself."""
    fields = []
    for field in one.fields:
        lower = field.name.lower()
        if field.place == "header" and lower == IDEMPOTENCY:
            one = replace(one, idempotency_header=field.name)
        elif field.place == "header" and (lower in _WRITTEN_BY_RUNTIME or header_problem(field.name)):
            losses.add("a header that the runtime writes itself is left out", f"{one.label} {field.name}")
        else:
            fields.append(field)
    return replace(one, fields=tuple(fields))


def proven(operations: Sequence[Operation], proofs: Proofs, losses: Losses) -> tuple[list[Operation], Json]:
    """The operations without params that are keys, which no caller gives, and what `auth` says of them."""
    auth = proofs.auth()
    sent = stands_in(proofs.usual)
    found = [_without_repeated(one, sent, losses) for one in operations]
    if auth is None and not proofs.settled:
        auth = _key_among(found, losses)
        found = [_without_repeated(one, stands_in(auth), losses) for one in found]
    if proofs.settled and auth is None:
        return found, None
    return [_without_keys(one, auth is not None, losses) for one in found], auth


def _without_repeated(one: Operation, sent: Sequence[str], losses: Losses) -> Operation:
    """An operation without the params that the credential is by itself."""
    kept = tuple(
        field for field in one.fields if field.place not in ("header", "query") or field.name.lower() not in sent
    )
    return replace(one, fields=kept)


def _key_among(operations: Sequence[Operation], losses: Losses) -> dict[str, Json] | None:
    """The credential that a param is, where the file names no way to prove a call."""
    usual = usual_keys(operations)
    for field in (field for one in operations for field in one.fields):
        if field.place == "header" and field.name.lower() == "authorization":
            losses.add("the param `Authorization` is taken for the key, sent as `Bearer …` (--auth changes it)")
            return {**BEARER}
        if field.place in ("query", "header") and is_key(field) and len(usual) == 1:
            losses.add("a param that is a key is filled in with the credential", field.name)
            return {"type": "api_key", field.place: field.name}
    return None


def _without_keys(one: Operation, has_auth: bool, losses: Losses) -> Operation:
    kept = []
    for field in one.fields:
        authorization = field.place == "header" and field.name.lower() == "authorization"
        if authorization or (has_auth and is_key(field) and field.place != "body" and not field.required):
            losses.add("a param that repeats the key is left out", f"{one.label} {field.name}")
            continue
        if is_key(field) and field.place != "body":
            losses.add(
                "a param that may be a key is asked of the caller (`--auth query:NAME` makes it the key)",
                f"{one.label} {field.name}",
            )
        kept.append(field)
    return replace(one, fields=tuple(kept))
