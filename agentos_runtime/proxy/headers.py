"""Which headers pass, in each direction."""

from collections.abc import Iterable, Mapping

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.headers.names import header_problem, value_problem
from agentos_runtime.manifest.model import Skill
from agentos_runtime.regexes import regex

MOST_HEADERS = 64
LARGEST_HEADERS = 32 * 1024
"""Bytes of names and values."""
OWN_KEYS = frozenset({"authorization", "x-api-key", "x-goog-api-key"})
"""What shows the runtime who calls, and is never for the service."""
_DROPPED = OWN_KEYS | frozenset(
    (
        *("host", "content-length", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"),
        *("expect", "http2-settings", "accept-encoding", "cookie", "cookie2", "origin", "referer", "forwarded"),
        *("traceparent", "tracestate", "baggage"),
        *("x-real-ip", "via", "x-agent", "x-request-id", "x-console-key", "waiting-id"),
    )
)
_DROPPED_FAMILIES = (
    "sec-",
    "proxy-",
    "x-forwarded-",
    "x-agentos-",
    "x-http-method",
    "x-method",
    "x-original-",
    "x-rewrite-",
)
"""What is between a client and this server, says who the client is, or could make another request of it."""
_RETURNED = regex(
    r"content-type|content-language|content-range|accept-ranges|etag|last-modified|location|retry-after(?:-ms)?"
    r"|request-id|link|x-should-retry|openai-.*|anthropic-.*|x-ratelimit-.*|x-goog-upload-.*|ratelimit(?:-.*)?"
)
_UPSTREAM_ID = "x-request-id"


@dataclass(frozen=True, slots=True)
class Passing:
    """What of a client's request does not reach the service of a skill, since its key stands there."""

    headers: frozenset[str]
    """Those of the key, and those that reach nobody's service."""
    query: frozenset[str]

    @classmethod
    def of(cls, skill: Skill) -> "Passing":
        headers, query = _key_names(skill, "header"), _key_names(skill, "query")
        # A service that takes its key in this header takes it in this query key, too, where a client's would stand
        # beside ours: https://cloud.google.com/docs/authentication/api-keys-use#using-with-rest
        return cls(
            _DROPPED | {_as_read(name) for name in headers},
            query | {"key"} if "x-goog-api-key" in headers else query,
        )


def _key_names(skill: Skill, location: str) -> frozenset[str]:
    """The headers or query keys, lower case, in which any credential of the skill goes."""
    return frozenset(
        template.name.casefold()
        for auth in skill.auth.values()
        for template in auth.templates
        if template.location == location
    )


def _as_read(name: str) -> str:
    """A name in lower case as many services read it, to which `X_Key` is `X-Key` (RFC 3875, 4.1.18)."""
    return name.replace("_", "-")


def headers_up(given: Iterable[tuple[str, str]], dropped: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """The client's headers as the service gets them: without `Passing.headers`. Raises InvalidParams."""
    kept: list[tuple[str, str]] = []
    named: list[str] = []
    size = 0
    for name, text in given:
        lower = name.lower()
        read = _as_read(lower)
        if lower == "connection":
            named += text.split(",")
        elif read not in dropped and not read.startswith(_DROPPED_FAMILIES):
            kept.append((name, text.strip(" \t")))
            size += len(name) + len(text)
    if named:
        hops = {token.strip().lower() for token in named}
        kept = [pair for pair in kept if pair[0].lower() not in hops]
    if len(kept) > MOST_HEADERS or size > LARGEST_HEADERS:
        raise InvalidParams(
            f"The request has more than {MOST_HEADERS} headers, or more than {LARGEST_HEADERS} bytes of them."
        )
    for name, text in kept:
        _check(name, text)
    return tuple(kept)


def _check(name: str, text: str) -> None:
    found = value_problem(text)
    problem = header_problem(name) or (f"cannot be sent: a header {found[1]}" if found else None)
    if problem is not None:
        shown = ascii(name)[1:-1][:60]
        raise InvalidParams(f"The header {shown} {problem}.", problems=[ParamProblem(f"headers.{shown}", problem)])


def headers_down(said: Mapping[str, str]) -> list[tuple[str, str]]:
    """The service's headers as the client gets them; their names are lower case."""
    kept = [(name, text) for name, text in said.items() if _RETURNED.fullmatch(name)]
    if _UPSTREAM_ID in said:
        kept.append((f"x-upstream-{_UPSTREAM_ID.removeprefix('x-')}", said[_UPSTREAM_ID]))
    return kept
