"""One call of an address as JSON: what is asked for, and the whole answer."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from agentos_runtime.calls.call import Timings
from agentos_runtime.calls.requests.urls import whole
from agentos_runtime.calls.trace_context import TraceParent
from agentos_runtime.errors import InvalidParams, NotStreamable, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.proxy.exchange import Exchange
from agentos_runtime.proxy.service import METHODS, WHOLE, Asked, Proxy
from agentos_runtime.proxy.targets import Target, parse_url

_SCALAR = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and how long it waits for a person's yes: as in `Asked`."""

    agent: str
    request_id: str
    patience: float | None = None
    waiting_id: str | None = None
    parent: TraceParent | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """The answer as one JSON object, and what is said beside it."""

    answer: dict[str, Json]
    timings: Timings
    warning: str | None
    simulated: str | None


async def use_once(proxy: Proxy, given: Mapping[str, Json], caller: Caller) -> Once:
    """Status, headers and body that the service answered with, whatever its status.

    Raises AgentOSError when there is no answer of the service, InvalidParams with every problem.
    """
    async with await proxy.open(asked_of(given, caller)) as exchange:
        body = await exchange.whole()
        return Once(answered(exchange, body), exchange.timings, exchange.warning, exchange.simulated)


def asked_of(given: Mapping[str, Json], caller: Caller) -> Asked:
    """What is asked for, checked. Raises InvalidParams, NotStreamable."""
    _check(given)
    fields: Any = given
    if fields.get("stream"):
        raise NotStreamable("The answer comes here in one piece. For a stream, call /use/<host>/<path>.")
    body, usual_type = _body(fields)
    headers = [(name, str(value)) for name, value in (fields.get("headers") or {}).items()]
    if usual_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", usual_type))
    return Asked(
        (fields.get("method") or ("GET" if body is None else "POST")).upper(),
        _with_query(parse_url(fields["url"]), fields.get("query") or {}),
        caller.agent,
        caller.request_id,
        tuple(headers),
        body,
        fields.get("skill"),
        fields.get("credential"),
        fields.get("timeout") or WHOLE,
        parent=caller.parent,
        patience=caller.patience,
        waiting_id=caller.waiting_id,
    )


def answered(exchange: Exchange, body: bytes) -> dict[str, Json]:
    """The answer as one JSON object; a body that is no text is in base64."""
    headers: dict[str, Json] = {**dict(exchange.headers)}
    answer: dict[str, Json] = {"status": exchange.status, "headers": headers, **_shown(exchange, body)}
    answer |= {"truncated": False, "skill": exchange.skill, "request_id": exchange.request_id}
    used = exchange.usage
    return answer | ({"usage": used} if used else {})


def _shown(exchange: Exchange, body: bytes) -> dict[str, Json]:
    if not body:
        return {"body": None}
    if exchange.content_type.endswith("json"):
        try:
            return {"body": parse(body)}
        except JsonTextError:
            pass
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": base64.b64encode(body).decode("ascii")}


def _body(fields: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
    """The body, and its type where the caller says none."""
    if fields.get("body_base64") is not None:
        return base64.b64decode(fields["body_base64"]), "application/octet-stream"
    body = fields.get("body")
    if body is None:
        return None, None
    if isinstance(body, str):
        return whole(body, "body").encode(), "text/plain; charset=utf-8"
    return dump(body), "application/json"


def _with_query(target: Target, query: Mapping[str, Any]) -> Target:
    if not query:
        return target
    pairs = [
        (whole(name, "query"), _text(value))
        for name, values in query.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    more = urlencode(pairs)
    return Target(target.origin, target.path, f"{target.query}&{more}" if target.query else more)


def _text(value: Any) -> str:
    return dump(value).decode() if isinstance(value, bool | int | float) else whole(str(value), "query")


def _check(given: Mapping[str, Json]) -> None:
    problems = [
        ParamProblem(name, f"is not known here; known: {', '.join(_FIELDS)}")
        for name in given.keys() - _FIELDS.keys()
    ]
    for name, (holds, words) in _FIELDS.items():
        if (value := given.get(name)) is not None and not holds(value):
            problems.append(ParamProblem(name, words))
    if given.get("url") is None:
        problems.append(ParamProblem("url", "is required"))
    if given.get("body") is not None and given.get("body_base64") is not None:
        problems.append(ParamProblem("body_base64", "excludes body: send one of the two"))
    if problems:
        first = problems[0]
        raise InvalidParams(f"{first.path} {first.message}. Nothing was sent.", problems=problems)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_method(value: Json) -> bool:
    return isinstance(value, str) and value.upper() in METHODS


def _are_headers(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _is_query(value: Json) -> bool:
    return isinstance(value, dict) and all(
        isinstance(one, _SCALAR) for each in value.values() for one in (each if isinstance(each, list) else [each])
    )


def _is_base64(value: Json) -> bool:
    try:
        base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        return False
    return isinstance(value, str)


def _are_seconds(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= WHOLE


def _is_flag(value: Json) -> bool:
    return isinstance(value, bool)


def _is_anything(value: Json) -> bool:
    return True


_FIELDS: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "url": (_is_text, "must be text"),
    "method": (_is_method, f"must be one of {', '.join(sorted(METHODS))}"),
    "headers": (_are_headers, "must be an object whose values are texts"),
    "query": (_is_query, "must be an object of texts, numbers, true or false, or lists of them"),
    "body": (_is_anything, ""),
    "body_base64": (_is_base64, "must be base64"),
    "skill": (_is_text, "must be a skill's id"),
    "credential": (_is_text, "must be the name of a credential"),
    "timeout": (_are_seconds, f"must be seconds, {WHOLE:g} at most"),
    "stream": (_is_flag, "must be true or false"),
}
