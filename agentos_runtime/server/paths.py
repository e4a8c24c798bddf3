"""Paths in one spelling, so that routes match what was meant and an encoded slash stays in its part; queries."""

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_to_bytes

from starlette.types import Scope

from agentos_runtime.errors import InvalidParams, ParamProblem

if TYPE_CHECKING:  # calls go past the router, and need nothing of it
    from starlette.requests import Request


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


def known_query(request: "Request", known: frozenset[str]) -> dict[str, str]:
    """The query; empty values say nothing. An unknown name is refused: ignored, it would look obeyed."""
    pairs = request.query_params.multi_items()
    problems = [
        ParamProblem(name, f"is not known here; known: {', '.join(sorted(known))}")
        for name, _ in pairs
        if name not in known
    ]
    if problems:
        raise InvalidParams("The query has names that mean nothing here.", problems=problems)
    return {name: value for name, value in pairs if value}
