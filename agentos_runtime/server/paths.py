"""Paths in one spelling, so that routes match what was meant and an encoded slash stays in its part; queries."""

from collections.abc import Collection
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes

from starlette.types import Scope

from agentos_runtime.errors import InvalidParams, ParamProblem


def settle_path(scope: Scope) -> None:
    """Gives the routes the path with its parts encoded one way, and without a slash at the end.

    ASGI's own `path` is decoded as a whole: in it `a%2Fb` would be two parts.
    """
    raw: bytes = scope["raw_path"]
    if b"%" in raw or raw.endswith(b"/"):
        parts = raw.removesuffix(b"/").split(b"/")
        scope["path"] = "/".join([quote(unquote_to_bytes(part), safe="") for part in parts]) or "/"


def variable(scope: Scope, name: str) -> str:
    """The decoded part of the path that the route calls `name`; bytes that are no UTF-8 are replaced."""
    part: str = scope["path_params"][name]
    return unquote(part) if "%" in part else part


def known_query(scope: Scope, known: Collection[str]) -> dict[str, str]:
    """The query; empty values say nothing. An unknown name, or one that is there twice, is refused: ignored, it
    would look obeyed.
    """
    if not scope["query_string"]:
        return {}
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    names = [name for name, _ in pairs]
    problems = [ParamProblem(name, _why_unknown(known)) for name in names if name not in known]
    problems += [
        ParamProblem(name, "is there twice: send it once")
        for name in dict.fromkeys(names)
        if name in known and names.count(name) > 1
    ]
    if problems:
        first = problems[0]
        raise InvalidParams(f"The query cannot be read: {first.path} {first.message}", problems=problems)
    return {name: value for name, value in pairs if value}


def _why_unknown(known: Collection[str]) -> str:
    return f"is not known here; known: {', '.join(sorted(known))}" if known else "is not known here: no query is"
