"""What can be looked at: skills, their icons."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from starlette.requests import Request

from agentos_runtime.errors import NotFound
from agentos_runtime.jsontext import Json
from agentos_runtime.server.activity.routes import wants_all
from agentos_runtime.server.documents import Documents, chosen
from agentos_runtime.server.messages import Response, admitted, json_response
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.paths import known_query, variable
from agentos_runtime.server.ports import Catalog
from agentos_runtime.skills.files import LARGEST_ICON
from agentos_runtime.storage.file_threads import aside


class Reads:
    """The endpoints that only look."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._documents = Documents()

    async def skills(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        caller = admitted(request.scope).caller
        filters = known_query(request.scope, SEARCH)
        catalog = runtime.catalog(caller, everything=wants_all(filters, caller))
        q = filters.get("q")

        def listed() -> dict[str, Json]:
            loading = catalog.loading()
            return {"skills": catalog.entries(q), **({"loading": loading} if loading else {})}

        key, headers = (catalog.rule, "", q), admitted(request.scope).headers
        return await self._documents.answer(headers, key, catalog.version, listed)

    async def skill(self, request: Request) -> Response:
        catalog = await self._catalog(request)
        skill = variable(request.scope, "skill")
        fields = known_query(request.scope, ONE_SKILL).get("fields")

        def shown() -> dict[str, Json]:
            detail = catalog.detail(skill)
            return detail if fields is None else chosen(detail, fields)

        key, headers = (catalog.rule, skill, fields), admitted(request.scope).headers
        return await self._documents.answer(headers, key, catalog.version, shown)

    async def utility(self, request: Request) -> Response:
        catalog = await self._catalog(request)
        known_query(request.scope, ())
        return json_response(catalog.utility(*(variable(request.scope, name) for name in ("skill", "utility"))))

    async def icon(self, request: Request) -> Response:
        catalog = await self._catalog(request)
        skill = variable(request.scope, "skill")
        icon = catalog.icon(skill)
        content_type = None if icon is None else ICON_TYPES.get(icon.path.suffix.lower())
        if icon is None or content_type is None:
            raise NotFound(f"The skill {skill} has no icon.")
        try:
            image = await aside(partial(icon.read, LARGEST_ICON))
        except OSError:
            raise NotFound(f"The icon of {skill} cannot be read.") from None
        return Response(image, content_type=content_type, headers=_ICON_HEADERS)

    async def entities(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        known_query(request.scope, ())
        return json_response({"entities": runtime.catalog(admitted(request.scope).caller).entities()})

    async def entity(self, request: Request) -> Response:
        runtime = await self._opening.wait()
        known_query(request.scope, ())
        catalog = runtime.catalog(admitted(request.scope).caller)
        return json_response(catalog.entity(variable(request.scope, "entity")))

    async def _catalog(self, request: Request) -> Catalog:
        """For what is asked for by its name: the operator sees all of it."""
        runtime = await self._opening.wait()
        await runtime.ready(variable(request.scope, "skill"))
        caller = admitted(request.scope).caller
        return runtime.catalog(caller, everything=caller.operator)


SEARCH = frozenset({"q", "all"})
ONE_SKILL = frozenset({"fields", "all"})
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
