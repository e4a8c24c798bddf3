"""From a path and a method to what answers it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from agentos_runtime.errors import MethodNotAllowed, NotFound
from agentos_runtime.surfaces.http.messages import Request, Response, Send

Endpoint: TypeAlias = Callable[..., Awaitable[Response | None]]
"""Takes the request, `send`, and the path's variables; gives the answer, or None when it sent it itself."""


@dataclass(frozen=True, slots=True)
class Route:
    """`*` in the pattern is one segment of the path, handed to the endpoint."""

    method: str
    pattern: tuple[str, ...]
    endpoint: Endpoint

    @classmethod
    def of(cls, method: str, path: str, endpoint: Endpoint) -> "Route":
        return cls(method, tuple(path.strip("/").split("/")), endpoint)

    def match(self, segments: Sequence[str]) -> list[str] | None:
        """The variables, or None when the path is another."""
        pattern = self.pattern
        if len(segments) != len(pattern):
            return None
        variables: list[str] = []
        for expected, segment in zip(pattern, segments, strict=True):
            if expected == "*":
                variables.append(segment)
            elif expected != segment:
                return None
        return variables


class Router:
    """The first route that matches path and method; a GET route answers HEAD too, and OPTIONS lists the methods."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)

    async def answer(self, request: Request, send: Send) -> Response | None:
        """Raises NotFound, MethodNotAllowed (its details say what is allowed), and whatever the endpoint raises."""
        segments = _segments(request.path)
        method = "GET" if request.method == "HEAD" else request.method
        for route in self._routes:
            if route.method == method:
                variables = route.match(segments)
                if variables is not None:
                    return await route.endpoint(request, send, *variables)
        allowed = list(self._allowed(segments))
        if not allowed:
            raise NotFound(
                "Nothing is here. GET /api/skills lists the skills; POST /api/skills/<id>/<utility> calls one."
            )
        if method == "OPTIONS":
            return Response(b"", 204, headers=(allow_header(allowed),))
        raise MethodNotAllowed(
            f"{request.method} is not answered here, only {', '.join(allowed)}.", details={"allow": [*allowed]}
        )

    def _allowed(self, segments: Sequence[str]) -> Iterator[str]:
        methods = {route.method for route in self._routes if route.match(segments) is not None}
        if methods:
            yield from sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))


def allow_header(methods: Sequence[str]) -> tuple[bytes, bytes]:
    return b"allow", ", ".join(methods).encode()


def _segments(path: bytes) -> list[str]:
    """The path's parts, each decoded by itself: an encoded slash stays inside. A slash at the end is fine."""
    parts = path.split(b"/")[1:]
    if parts and not parts[-1]:
        parts.pop()
    if b"%" in path:
        parts = [unquote_to_bytes(part) for part in parts]
    return [part.decode("utf-8", "replace") for part in parts]
