"""Params become an upstream request; the secret is added last, outside of every expression."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from urllib.parse import quote

from agentos_runtime.calls.evaluate import (
    EMPTY,
    Empty,
    Inputs,
    Value,
    expression_failed,
    single,
)
from agentos_runtime.calls.messages import Upload
from agentos_runtime.calls.requests.files import NO_UPLOADS, Uploads
from agentos_runtime.calls.requests.nesting import HalfError, NestingError, nested_pairs, without_empty
from agentos_runtime.calls.requests.placeholders import PlaceholderError, Placeholders
from agentos_runtime.calls.requests.planning import RequestPlan
from agentos_runtime.calls.requests.urls import (
    CompiledUrl,
    fill_url,
    plain_letters,
    plain_parts,
    refuse_unset,
    same_structure,
    url_text,
    without_unset,
)
from agentos_runtime.diagnostics import Place
from agentos_runtime.errors import AgentOSError, AuthorError, ExpressionFailed, InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.headers.names import value_problem
from agentos_runtime.manifest.model import (
    Fields,
    Jq,
    Literal,
    PlainPath,
)
from agentos_runtime.manifest.shapes import path_text
from agentos_runtime.regexes import regex

_HTTP_URL = regex(r"https?://[^/?#\s]+", re.IGNORECASE)
_BEYOND_ASCII = regex("[^\\x00-\\x7f\\ud800-\\udfff]+")
_FILLERS = ("plain", "1")
_OWN = frozenset({"params", "settings", "given", "auth"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A request without its secrets: what `--dry-run` shows and what `complete` finishes."""

    plan: RequestPlan = field(repr=False)
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...]
    body: Value
    encoding: str
    placeholders: Placeholders = field(default_factory=Placeholders)
    carries: bool = False
    """Whether placeholders may stand in it."""
    told: Mapping[str, Place] = field(default_factory=dict)
    """Places that hold what an upstream said (`url`, `query:cursor`), and the expressions that took it."""
    uploads: Uploads = field(default_factory=dict, repr=False)
    raw: bytes | None = field(default=None, repr=False)
    """A body that is sent as it stands, in place of `body`."""
    upload: Upload | None = field(default=None, repr=False)
    """One that is sent while it arrives."""


def document(
    params: dict[str, Json], settings: Mapping[str, Json], placeholders: Placeholders, given: Iterable[str] = ()
) -> dict[str, Json]:
    """What the request's expressions see as `.`; `auth` holds placeholders, never a secret.

    `given` has the names of the params that the caller gave, those unset with null included.
    """
    return {"params": params, "settings": dict(settings), "given": [*given], "auth": placeholders.document}


def program_document(plan: RequestPlan, seen: dict[str, Json]) -> dict[str, Json]:
    """What `plan.program` gets; `seen` is the document."""
    if plan.samples is None:
        return seen
    rest = {name: value for name, value in seen.items() if name != "auth"}
    return {**rest, "auths": [dict(sample) for sample in plan.samples.each]}


def settled_outputs(plan: RequestPlan, outputs: list[Json], placeholders: Placeholders) -> list[Json]:
    """An output per expression, with placeholders for what was made of the samples. Raises ExpressionFailed."""
    if plan.samples is None:
        return outputs
    width = len(plan.nodes)
    settled: list[Json] = []
    for index, node in enumerate(plan.nodes):
        try:
            settled.append(placeholders.settle(plan.samples, outputs[index::width]))
        except PlaceholderError as error:
            raise expression_failed(node, f"it does with .auth what cannot be kept safe: {error}") from None
    return settled


def plain_documents(plan: RequestPlan, seen: dict[str, Json]) -> list[bytes]:
    """The inputs for `url_program`: what the expressions see, with plain characters for every text.

    Choices keep their value: a url may depend on what the author listed. Where a param that the url needs is not
    set, as many inputs follow in which it is.
    """
    params = seen["params"]
    assert isinstance(params, dict)
    kept = {name: params[name] for name in plan.chosen if name in params}
    results = {name: value for name, value in seen.items() if name not in _OWN}
    plain = [
        (plain_letters(params, filler), plain_letters(results, filler), plain_parts(params, plan.slashes, filler))
        for filler in _FILLERS
    ]
    unset = plan.unset(params)
    letters: dict[str, Json] = dict.fromkeys(unset, _FILLERS[0])
    return [
        dump({**seen, **of_steps, "params": one | parts | kept | more})
        for more in ([{}, letters] if unset else [{}])
        for one, of_steps, parts in plain
        if isinstance(one, dict) and isinstance(of_steps, dict)
    ]


def draft_request(
    plan: RequestPlan,
    inputs: Inputs,
    *,
    streaming: bool,
    plain_urls: Sequence[Json] = (),
    placeholders: Placeholders | None = None,
    carries: bool = False,
    uploads: Uploads | None = None,
) -> Draft:
    """Build the request from the worker's outputs.

    `plain_urls` are the outputs of `url_program` over `plain_documents`, in their order. Raises ExpressionFailed
    (the author's mistake) and InvalidParams (a param that may not stand where the manifest puts it).
    """
    rest = plan.rest
    url = _url(plan, inputs, inputs.params, plain_urls)
    headers = plan.fixed_headers
    query: tuple[tuple[str, str], ...] = ()
    if headers is None:
        headers = tuple(_header_pairs(plan, plan.headers(inputs)))
    if rest.query.entries:
        query = tuple(_query_pairs(plan, plan.query(inputs)))
    body = _body(plan, inputs, streaming)
    return Draft(
        plan,
        rest.method,
        url,
        headers,
        query,
        body,
        rest.encoding,
        placeholders or Placeholders(),
        carries,
        uploads=uploads or NO_UPLOADS,
    )


def _url(plan: RequestPlan, inputs: Inputs, params: dict[str, Json], plain_urls: Sequence[Json]) -> str:
    if isinstance(plan.url, str):
        return plan.url
    if isinstance(plan.url, CompiledUrl):
        return fill_url(plan.url, params)
    node = plan.nodes[plan.url]
    url = _whole_url(node, inputs.outputs[plan.url])
    if url is None or not _HTTP_URL.match(url):
        wanted = "no path that begins with /" if node.base else "no http or https url"
        raise expression_failed(node, f"gives {wanted}")
    unset = plan.unset(params)
    plain = [_whole_url(node, outputs) for outputs in plain_urls]
    filled = plain[len(plain) // 2 :] if unset else plain
    refuse_unset(unset, plain, filled)
    for one, other in zip(plain, filled, strict=False):
        if one is not None and same_structure(url, one):
            return without_unset(url, one, other) if unset else url
    raise InvalidParams(
        "A param would change where this request goes: it may only fill a path segment or a query value",
        problems=[
            ParamProblem("params", f"a text used in the url of {node.place.key} has characters such as / ? # @ ..")
        ],
    )


def _whole_url(node: Jq, outputs: Json) -> str | None:
    """What a url's expression gave, after the url that it is relative to."""
    url = single(outputs, node)
    if not isinstance(url, str) or (node.base and not url.startswith("/")):
        return None
    host = _HTTP_URL.match(url)
    at = host.end() if host is not None else 0
    rest = _BEYOND_ASCII.sub(lambda found: quote(found[0]), url[at:])
    return (node.base + url[:at] + rest).replace(" ", "%20")


def _header_pairs(plan: RequestPlan, headers: Value) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in headers.items() if isinstance(headers, dict) else ():
        text = url_text(value)
        if text is None:
            raise _field_failed(plan, f"headers.{name}", "must give a text, a number or true/false")
        text = text.strip(" \t")
        found = value_problem(text)
        if found is not None:
            message = f"is used in a header, and a header {found[1]}"
            raise InvalidParams(f"A param {message} ({name})", problems=[ParamProblem(f"headers.{name}", message)])
        pairs.append((name, text))
    return pairs


def _query_pairs(plan: RequestPlan, query: Value) -> list[tuple[str, str]]:
    if not isinstance(query, dict):
        return []
    nested = plan.rest.nested
    try:
        return nested_pairs(query if nested is None else without_empty(plan.rest.query, query), nested)
    except NestingError as error:
        raise unsayable(plan, "query", error) from None


def unsayable(plan: RequestPlan, key: str, error: NestingError) -> AgentOSError:
    """The error of a `query` or `body` that cannot be sent: the caller's when a param is handed on as it is."""
    node = getattr(plan.rest, key)
    steps = error.path
    if isinstance(node, Fields):
        node = next((child for name, child in node.entries if name == error.path[0]), None)
        steps = error.path[1:]
    of_text = isinstance(error, HalfError)  # no expression makes half of a character
    where = (path_text(error.path) or key) if of_text else None
    if isinstance(node, PlainPath) and node.steps[:1] == ("params",) and (of_text or plan.rest.nested is not None):
        where = path_text((*node.steps[1:], *steps))
    if where is not None:
        return InvalidParams(f"{where} {error}", problems=[ParamProblem(where, str(error))])
    fix = "" if plan.rest.nested else ". `nested: brackets` or `dots` writes what is inside"
    return _field_failed(plan, key, f"cannot be sent: {path_text(error.path)} {error}{fix}")


def _body(plan: RequestPlan, inputs: Inputs, streaming: bool) -> Value:
    body = plan.body(inputs) if plan.body else EMPTY
    if plan.rest.nested is not None and plan.rest.body is not None and not isinstance(body, Empty):
        body = without_empty(plan.rest.body, body)
    if body is None and not isinstance(plan.rest.body, Literal):
        body = EMPTY
    overlay = plan.stream_body(inputs) if streaming and plan.stream_body else EMPTY
    if isinstance(overlay, dict):
        body = _merged(plan, body, overlay)
    extra = plan.body_extra(inputs) if plan.body_extra else EMPTY
    if isinstance(extra, Empty) or extra is None:
        return body
    if not isinstance(extra, dict):
        raise _field_failed(plan, "body_extra", "must give an object")
    _refuse_stream_keys(plan, extra)
    return _merged(plan, body, extra)


def _merged(plan: RequestPlan, body: Value, extra: dict[str, Json]) -> Value:
    if isinstance(body, Empty):
        return extra
    if not isinstance(body, dict):
        raise _field_failed(plan, "body", "must be an object, because more fields are merged into it")
    return body | extra


def _refuse_stream_keys(plan: RequestPlan, extra: dict[str, Json]) -> None:
    """A caller must not turn streaming on or off behind the runtime's back: the reply could not be read."""
    stream = plan.rest.stream
    names = [name for name, _ in stream.body.entries if name in extra] if stream else []
    if names:
        source = plan.rest.body_extra
        path = ".".join(str(step) for step in source.steps[1:]) if isinstance(source, PlainPath) else "extra"
        message = 'cannot be set here; ask for a stream with "stream": true'
        problems = [ParamProblem(f"{path}.{name}", message) for name in names]
        raise InvalidParams(f"{problems[0].path} {message}", problems=problems)


def _field_failed(plan: RequestPlan, key: str, reason: str) -> AuthorError:
    place = plan.rest.url_place
    path = f"{place.key.rsplit('.', 1)[0]}.{key}"
    return ExpressionFailed(f"The manifest's {path} {reason} ({place.position.file})", details={"key": path})
