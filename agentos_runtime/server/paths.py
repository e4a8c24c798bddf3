"""One spelling for each path, so that routes match what was meant and an encoded slash stays inside its part."""

from urllib.parse import quote, unquote, unquote_to_bytes

from starlette.types import Scope


def settle_path(scope: Scope) -> None:
    """Gives the routes the path with its parts encoded one way, and without a slash at the end.

    ASGI's own `path` is decoded as a whole: in it `a%2Fb` would be two parts.
    """
    raw: bytes = scope["raw_path"]
    if b"%" in raw or raw.endswith(b"/"):
        parts = raw.removesuffix(b"/").split(b"/")
        scope["path"] = "/".join([quote(unquote_to_bytes(part), safe="") for part in parts])


def variable(scope: Scope, name: str) -> str:
    """The decoded part of the path that the route calls `name`; bytes that are no UTF-8 are replaced."""
    part: str = scope["path_params"][name]
    return unquote(part) if "%" in part else part
