"""What can be looked at: health, skills, their icons, the activity, the usage."""

import asyncio
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request

from agentos_runtime.errors import InvalidParams, NotFound, Overloaded, ParamProblem, ShuttingDown
from agentos_runtime.surfaces.http.messages import Response, json_response
from agentos_runtime.surfaces.http.open_calls import STOPPING, OpenCalls
from agentos_runtime.surfaces.http.opening import Opening
from agentos_runtime.surfaces.http.paths import variable


class Reads:
    """The endpoints that only look."""

    def __init__(self, opening: Opening, calls: OpenCalls) -> None:
        self._opening = opening
        self._calls = calls

    async def health(self, request: Request) -> Response:
        """The only one that does not wait for the runtime to open."""
        if self._calls.stopping:
            raise ShuttingDown(STOPPING, details={"status": "stopping"})
        if self._opening.runtime is None:
            raise Overloaded("The server is starting.", retry_after=1, details={"status": "starting"})
        return json_response(self._opening.runtime.health())

    async def skills(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        return json_response({"skills": runtime.catalog.entries(_filters(request, _SEARCH).get("q"))})

    async def skill(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        return json_response(runtime.catalog.detail(variable(request.scope, "skill")))

    async def utility(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        skill, utility = variable(request.scope, "skill"), variable(request.scope, "utility")
        return json_response(runtime.catalog.utility(skill, utility))

    async def icon(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        skill = variable(request.scope, "skill")
        icon = runtime.catalog.icon(skill)
        content_type = None if icon is None else ICON_TYPES.get(icon.suffix.lower())
        if icon is None or content_type is None:
            raise NotFound(f"The skill {skill} has no icon.")
        try:
            image = await asyncio.to_thread(_read_regular_file, icon)
        except OSError:
            raise NotFound(f"The icon of {skill} cannot be read.") from None
        return Response(image, content_type=content_type, headers=_ICON_HEADERS)

    async def activity(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        return json_response(await runtime.activity(_filters(request, ACTIVITY_FILTERS)))

    async def usage(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        return json_response(await runtime.usage(_filters(request, USAGE_FILTERS)))


def _filters(request: Request, known: frozenset[str]) -> dict[str, str]:
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


def _read_regular_file(path: Path) -> bytes:
    """Raises OSError, also for what is no regular file (a pipe would never end) or larger than an icon is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_ICON:
            raise OSError("not an icon")
        return file.read(_LARGEST_ICON)


_SEARCH = frozenset({"q"})
ACTIVITY_FILTERS = frozenset({"agent", "skill", "utility", "outcome", "since", "limit", "cursor"})
USAGE_FILTERS = frozenset({"agent", "skill", "utility", "outcome", "since", "by"})
ICON_TYPES: Mapping[str, bytes] = MappingProxyType(
    {
        ".svg": b"image/svg+xml",
        ".png": b"image/png",
        ".jpg": b"image/jpeg",
        ".jpeg": b"image/jpeg",
        ".webp": b"image/webp",
        ".gif": b"image/gif",
        ".ico": b"image/x-icon",
    }
)
_ICON_HEADERS = ((b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox"),)
_LARGEST_ICON = 1024 * 1024
