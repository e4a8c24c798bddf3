"""Params become an upstream request; the secret is added last, outside of every expression."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agentos_runtime.calls.encoding import EncodingError, form_pairs
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
from agentos_runtime.calls.placeholders import Placeholders, name_splits
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
from agentos_runtime.manifest.mentions import names_auth
from agentos_runtime.manifest.model import (
    Auth,
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
    carriers: frozenset[str]
    """Where expressions write the credential themselves: `url`, `header:X-Key`, `query:key`."""
    chosen: frozenset[str]
    """Params of a list of choices: the author knows all of their values."""


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
    carriers: frozenset[str] = frozenset()
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
        carriers=frozenset(_carriers(rest)),
        chosen=frozenset(_chosen(utility)),
    )


def _carriers(rest: Rest) -> Iterator[str]:
    if names_auth(rest.url):
        yield "url"
    yield from (f"header:{name}" for name, node in rest.headers.entries if names_auth(node))
    yield from (f"query:{name}" for name, node in rest.query.entries if names_auth(node))


def _chosen(utility: Utility) -> Iterator[str]:
    declared = utility.params.get("properties")
    for name, schema in declared.items() if isinstance(declared, dict) else ():
        if isinstance(schema, dict) and "enum" in schema:
            yield name


def _plan_url(rest: Rest, slots: Slots) -> CompiledUrl | str | int:
    if isinstance(rest.url, Literal):
        return str(rest.url.value)
    return compile_url(rest.url) if isinstance(rest.url, UrlTemplate) else slots[rest.url]


def document(params: dict[str, Json], settings: Mapping[str, Json], placeholders: Placeholders) -> dict[str, Json]:
    """What the request's expressions see as `.`; `auth` holds placeholders, never a secret."""
    return {"params": params, "settings": dict(settings), "auth": dict(placeholders.by_field)}


def plain_documents(plan: RequestPlan, seen: dict[str, Json]) -> list[bytes]:
    """The inputs for `url_program`: what the expressions see, with plain characters for every text.

    Choices keep their value: a url may depend on what the author listed.
    """
    params = seen["params"]
    assert isinstance(params, dict)
    kept = {name: params[name] for name in plan.chosen if name in params}
    plain = [plain_letters(params, filler) for filler in _FILLERS]
    return [dump(seen | {"params": one | kept}) for one in plain if isinstance(one, dict)]


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
        carriers=plan.carriers,
        uploads=uploads or {},
    )


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
