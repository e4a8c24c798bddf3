"""What is allowed in a request but probably not meant: the rules of `lint` about requests."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.addresses import is_private_host
from agentos_runtime.manifest.model import Jq, Literal, TemplateParam, UrlTemplate
from agentos_runtime.manifest.requests.streamed import requests_of
from agentos_runtime.manifest.sections.subject import Rule, Subject, warn, warn_key
from agentos_runtime.manifest.sections.urls import did_you_mean
from agentos_runtime.manifest.yaml.values import Cursor

Fields: TypeAlias = tuple[tuple[str, Cursor], ...]


def unset_url_param(subject: Subject) -> Iterator[Problem]:
    """A path needs all of its params."""
    for utility, cursor in subject.utilities:
        required: Any = utility.params.get("required", [])
        for rest in requests_of(utility.rest):
            for name in _names_in_path(rest.url):
                if name not in required and name not in utility.defaults:
                    message = f"the url needs `{name}`, which a caller may leave out"
                    yield warn_key(cursor.at("params", name), message, "Add `required: true` or a default")


def _names_in_path(url: Literal | UrlTemplate | Jq) -> Iterator[str]:
    for part in url.parts if isinstance(url, UrlTemplate) else ():
        if isinstance(part, TemplateParam):
            yield part.name
        elif "?" in part:
            return


def body_without_method(subject: Subject) -> Iterator[Problem]:
    """GET and HEAD with a body."""
    for utility, cursor in subject.utilities:
        body = cursor.at("rest").get("body")
        if body is not None and utility.rest.method in ("GET", "HEAD"):
            message = f"a {utility.rest.method} with a body is ignored or refused by most servers"
            yield warn_key(body, message, "Add `method: POST`, or use `query`")


def unsafe_retry(subject: Subject) -> Iterator[Problem]:
    """A repeated POST may do its work twice."""
    for utility, cursor in subject.utilities:
        retry = utility.rest.retry
        unsafe = utility.rest.method in ("POST", "PATCH")
        if retry is not None and unsafe and retry.attempts > 1 and not retry.idempotency_header:
            message = f"a {utility.rest.method} is repeated only when the API promises to do it once"
            fix = "Name the header: `idempotency_header: Idempotency-Key`; without it, only 429 and 503 are retried"
            yield warn_key(cursor.at("rest", "retry"), message, fix)


def header_of_auth(subject: Subject) -> Iterator[Problem]:
    """A header that the credential overwrites."""
    shared = _fields(subject.root, "api", "headers")
    for utility, cursor in subject.utilities:
        auth = subject.skill.auth.get(utility.credential or "")
        taken = {place.name.lower() for place in auth.templates if place.location == "header"} if auth else set()
        own = (*_fields(cursor, "rest", "headers"), *_fields(cursor, "rest", "stream", "headers"))
        for name, below in (*own, *shared):
            if name.lower() in taken and below.json is not None:
                yield warn_key(below, f"`{name}` is overwritten by the credential", "Remove it")


def removes_nothing(subject: Subject) -> Iterator[Problem]:
    """A null takes away what `api` gives to all, or a utility to its streams; elsewhere it does nothing."""
    for key, same in (("headers", str.lower), ("query", str)):
        shared = {same(name): name for name, _ in _fields(subject.root, "api", key)}
        for _, cursor in subject.utilities:
            own = _fields(cursor, "rest", key)
            yield from _idle_nulls(own, shared, f"api.{key}", same)
            known = shared | {same(name): name for name, _ in own}
            yield from _idle_nulls(_fields(cursor, "rest", "stream", key), known, f"rest.{key}", same)


def _idle_nulls(
    fields: Fields, known: Mapping[str, str], where: str, same: Callable[[str], str]
) -> Iterator[Problem]:
    for name, below in fields:
        if below.json is None and same(name) not in known:
            message = f"`{name}: null` takes nothing away: `{where}` has no `{name}`"
            yield warn_key(below, message, did_you_mean(name, known.values()) or "Remove it")


def _fields(cursor: Cursor, *keys: str) -> Fields:
    """The entries of the map below these keys; none when there is no such map."""
    for key in keys:
        below = cursor.get(key)
        if below is None:
            return ()
        cursor = below
    return tuple(cursor.items())


def plain_http(subject: Subject) -> Iterator[Problem]:
    """http:// to another machine can be read on the way."""
    places = [subject.root.at("api", "base_url")] if subject.skill.base_url else []
    for _, cursor in subject.utilities:
        rest = cursor.at("rest")
        places += [address for one in (rest, rest.get("stream")) if one and (address := one.get("url"))]
    for cursor in places:
        url = cursor.json
        if isinstance(url, str) and url.startswith("http://") and not _is_local(url):
            yield warn(cursor, "http:// can be read and changed on the way", "Use https://")


def _is_local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    return is_private_host(host) and "{" not in host


REQUEST_RULES: tuple[Rule, ...] = (
    unset_url_param,
    body_without_method,
    unsafe_retry,
    header_of_auth,
    removes_nothing,
    plain_http,
)
