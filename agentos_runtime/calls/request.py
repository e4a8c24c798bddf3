"""Params become an upstream request; the secret is added last, outside of every expression."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from agentos_runtime.calls.encoding import EncodingError, encode_body, form_pairs, urlencoded
from agentos_runtime.calls.evaluate import (
    EMPTY,
    Empty,
    Evaluator,
    Inputs,
    Slots,
    Value,
    evaluator,
    expression_failed,
    jq_nodes,
    single,
)
from agentos_runtime.calls.files import Uploads
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.calls.placeholders import PlaceholderError, Placeholders, name_splits, split_field
from agentos_runtime.calls.urls import (
    CompiledUrl,
    compile_url,
    fill_url,
    plain_letters,
    same_structure,
    url_text,
)
from agentos_runtime.errors import AuthorError, ExpressionFailed, InvalidParams, ParamProblem
from agentos_runtime.expressions.program import Program, request_program
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import (
    Auth,
    AuthField,
    AuthTemplate,
    Jq,
    Literal,
    PlainPath,
    Rest,
    Skill,
    UrlTemplate,
    Utility,
)

Reveal = Callable[[str], str]
"""A credential's field name → its secret."""

_HEADER_TEXT = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_HTTP_URL = re.compile(r"https?://[^/?#\s]+", re.IGNORECASE)
_FILLERS = ("plain", "1")


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """How one utility's requests are built; compiled once, when the skill is loaded."""

    rest: Rest
    program: Program | None
    """All jq of the request in one program; None when there is none."""
    nodes: tuple[Jq, ...]
    """The expressions behind the program's outputs."""
    url_program: Program | None
    """The url alone, for the comparison with plain letters; None for a literal url."""
    url: CompiledUrl | str | int
    """A template, a literal, or the output that gives it."""
    headers: Evaluator
    query: Evaluator
    body: Evaluator | None
    stream_body: Evaluator | None
    body_extra: Evaluator | None
    auth: Auth | None
    auth_fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class Draft:
    """A request without its secrets: what `--dry-run` shows and what `complete` finishes."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...]
    body: Value
    encoding: str
    placeholders: Placeholders = field(default_factory=lambda: Placeholders({}))
    uploads: Uploads = field(default_factory=dict, repr=False)


def plan_request(skill: Skill, utility: Utility) -> RequestPlan:
    """Compile a utility's request. Pure; raises nothing for a skill that loaded."""
    rest = utility.rest
    streamed = rest.stream.body if rest.stream else None
    roots = [rest.url, rest.headers, rest.query, rest.body, streamed, rest.body_extra]
    nodes = tuple(node for root in roots if not isinstance(root, UrlTemplate) for node in jq_nodes(root))
    slots: Slots = {node: index for index, node in enumerate(nodes)}
    renamed = [name_splits(node.source) for node in nodes]
    sources = [source for source, _ in renamed]
    named = (name for node in nodes for name in node.auth_fields)
    auth_fields = frozenset(named).union(*(added for _, added in renamed))
    keep = rest.keep_null
    return RequestPlan(
        rest=rest,
        program=request_program(skill.definitions, sources) if nodes else None,
        nodes=nodes,
        url_program=request_program(skill.definitions, sources[:1]) if isinstance(rest.url, Jq) else None,
        url=_plan_url(rest, slots),
        headers=evaluator(rest.headers, slots, keep),
        query=evaluator(rest.query, slots, keep),
        body=None if rest.body is None else evaluator(rest.body, slots, keep),
        stream_body=None if streamed is None else evaluator(streamed, slots, keep),
        body_extra=None if rest.body_extra is None else evaluator(rest.body_extra, slots, keep),
        auth=skill.auth.get(utility.credential) if utility.credential else None,
        auth_fields=auth_fields,
    )


def _plan_url(rest: Rest, slots: Slots) -> CompiledUrl | str | int:
    if isinstance(rest.url, Literal):
        return str(rest.url.value)
    return compile_url(rest.url) if isinstance(rest.url, UrlTemplate) else slots[rest.url]


def document(params: dict[str, Json], settings: Mapping[str, Json], placeholders: Placeholders) -> dict[str, Json]:
    """What the request's expressions see as `.`; `auth` holds placeholders, never a secret."""
    return {"params": params, "settings": dict(settings), "auth": dict(placeholders.by_field)}


def plain_documents(seen: dict[str, Json]) -> list[bytes]:
    """The inputs for `url_program`: what the expressions see, with plain characters for every text."""
    return [dump(seen | {"params": plain_letters(seen["params"], filler)}) for filler in _FILLERS]


def draft_request(
    plan: RequestPlan,
    inputs: Inputs,
    *,
    streaming: bool,
    plain_urls: Sequence[Json] = (),
    placeholders: Placeholders | None = None,
    uploads: Uploads | None = None,
) -> Draft:
    """Build the request from the worker's outputs.

    `plain_urls` are the outputs of `url_program` over `plain_documents`. Raises ExpressionFailed (the author's
    mistake) and InvalidParams (a param that may not stand where the manifest puts it).
    """
    rest = plan.rest
    url = _url(plan, inputs, inputs.params, plain_urls)
    return Draft(
        method=rest.method,
        url=url,
        headers=tuple(_header_pairs(plan, plan.headers(inputs))),
        query=tuple(_query_pairs(plan, plan.query(inputs))),
        body=_body(plan, inputs, streaming),
        encoding=rest.encoding,
        placeholders=placeholders or Placeholders({}),
        uploads=uploads or {},
    )


def complete(draft: Draft, auth: Auth | None, reveal: Reveal | None) -> UpstreamRequest:
    """Put the secrets on: the one place where a key meets a request. `reveal` None = no credential is sent.

    Raises AuthorError's ExpressionFailed for a damaged placeholder or a body the secret cannot go into.
    """
    url, headers, query, body = draft.url, list(draft.headers), list(draft.query), draft.body
    if reveal is not None:
        get = _field_reader(reveal)
        url = _restored(draft, url, lambda name: quote(get(name), safe=""))
        headers = [(name, _restored(draft, text, get)) for name, text in headers]
        query = [(name, _restored(draft, text, get)) for name, text in query]
        for template in auth.templates if auth else ():
            text = "".join(part if isinstance(part, str) else _secret_text(part, get) for part in template.parts)
            headers, query, body = _place(template, text, headers, query, body)
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{urlencoded(query).replace('+', '%20')}"
    return _with_body(draft, UpstreamRequest(draft.method, url, tuple(headers)), body)


def _with_body(draft: Draft, request: UpstreamRequest, body: Value) -> UpstreamRequest:
    if isinstance(body, Empty) or (body is None and draft.encoding != "json"):
        return request
    try:
        data, content_type = encode_body(draft.encoding, body, draft.uploads)
    except EncodingError as error:
        raise ExpressionFailed(f"The manifest's rest.body cannot be sent as {draft.encoding}: {error}") from None
    headers = request.headers
    if draft.encoding == "multipart":  # only this one names the boundary
        headers = tuple(pair for pair in headers if pair[0].lower() != "content-type")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (*headers, ("Content-Type", content_type))
    return replace(request, headers=headers, body=data)


def _url(plan: RequestPlan, inputs: Inputs, params: dict[str, Json], plain_urls: Sequence[Json]) -> str:
    if isinstance(plan.url, str):
        return plan.url
    if isinstance(plan.url, CompiledUrl):
        return fill_url(plan.url, params)
    node = plan.nodes[plan.url]
    url = single(inputs.outputs[plan.url], node)
    if not isinstance(url, str) or not _HTTP_URL.match(url):
        raise expression_failed(node, "gives no http or https url")
    plain = [value for value in (single(outputs, node) for outputs in plain_urls) if isinstance(value, str)]
    if not any(same_structure(url, other) for other in plain):
        raise InvalidParams(
            "A param would change where this request goes: it may only fill a path segment or a query value",
            problems=[
                ParamProblem(
                    "params", f"a text used in the url of {node.place.key} has characters such as / ? # @ .."
                )
            ],
        )
    return url


def _header_pairs(plan: RequestPlan, headers: Value) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in headers.items() if isinstance(headers, dict) else ():
        text = url_text(value)
        if text is None:
            raise _field_failed(plan, f"headers.{name}", "must give a text, a number or true/false")
        if not _HEADER_TEXT.fullmatch(text):
            message = "would put a line break or a control character into a header"
            raise InvalidParams(f"A param {message} ({name})", problems=[ParamProblem(f"headers.{name}", message)])
        pairs.append((name, text.strip()))
    return pairs


def _query_pairs(plan: RequestPlan, query: Value) -> list[tuple[str, str]]:
    if not isinstance(query, dict):
        return []
    try:
        return form_pairs(query)
    except EncodingError as error:
        raise _field_failed(plan, "query", f"cannot be sent: {error}") from None


def _body(plan: RequestPlan, inputs: Inputs, streaming: bool) -> Value:
    body = plan.body(inputs) if plan.body else EMPTY
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


def _restored(draft: Draft, text: str, get: Reveal) -> str:
    if not draft.placeholders.by_field:
        return text
    try:
        return draft.placeholders.restore(text, get)
    except PlaceholderError as error:
        raise ExpressionFailed(f"The manifest uses .auth in a way that cannot be kept safe: {error}") from None


def _field_reader(reveal: Reveal) -> Reveal:
    return lambda name: split_field(name, reveal)


def _secret_text(part: AuthField, get: Reveal) -> str:
    if not part.basic:
        return get(part.name)
    pair = ":".join(get(name) for name in part.name.split(":"))
    return base64.b64encode(pair.encode()).decode("ascii")


def _place(
    template: AuthTemplate, text: str, headers: list[tuple[str, str]], query: list[tuple[str, str]], body: Value
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], Value]:
    name = template.name
    if template.location == "header":
        return [(n, t) for n, t in headers if n.lower() != name.lower()] + [(name, text)], query, body
    if template.location == "query":
        return headers, [(n, t) for n, t in query if n != name] + [(name, text)], body
    if isinstance(body, Empty):
        body = {}
    if not isinstance(body, dict):
        raise ExpressionFailed(f"The credential goes into the body's field {name}, but the body is no object")
    return headers, query, body | {name: text}
