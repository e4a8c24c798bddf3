"""`GET /openapi.json`: what can be called, for tools."""

from typing import get_args

from starlette.requests import Request

from agentos_runtime.errors import InvalidParams, ParamProblem
from agentos_runtime.openapi.document import Asked, document
from agentos_runtime.openapi.operations import Version
from agentos_runtime.server.documents import Documents
from agentos_runtime.server.messages import Response, admitted
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.pages.reached import Reached
from agentos_runtime.server.paths import known_query, variable


class Described:
    """The OpenAPI documents, written once per change of the skills and kind of caller."""

    def __init__(self, opening: Opening, reached: Reached) -> None:
        self._opening = opening
        self._reached = reached
        self._documents = Documents()

    async def whole(self, request: Request) -> Response:
        """All skills."""
        return await self._answer(request, None)

    async def of_skill(self, request: Request) -> Response:
        """One skill. Raises UnknownSkill, NotAllowed, SkillBroken, Overloaded."""
        return await self._answer(request, variable(request.scope, "skill"))

    async def _answer(self, request: Request, skill: str | None) -> Response:
        runtime = await self._opening.wait()
        admission = admitted(request.scope)
        asked = _asked(request, skill, self._reached)
        if skill is not None:
            await runtime.ready(skill)
        visible = runtime.visible(admission.caller.agent)
        version = None if visible.loading else visible.registry.generation
        key = (visible.rule, asked)
        return await self._documents.answer(admission.headers, key, version, lambda: document(visible, asked))


def _asked(request: Request, skill: str | None, reached: Reached) -> Asked:
    """What the query says. Raises InvalidParams."""
    query = known_query(request.scope, KNOWN)
    problems: list[ParamProblem] = []
    version = query.get("version") or "3.1"
    known: tuple[Version, ...] = get_args(Version)
    found = next((each for each in known if version in (each, f"{each}.0")), None)
    if found is None:
        problems.append(ParamProblem("version", f"must be one of {', '.join(known)}"))
    if query.get("for", "") not in ("", "tools"):
        problems.append(ParamProblem("for", "must be tools"))
    if found is None or problems:
        first = problems[0]
        raise InvalidParams(f"The query cannot be read: {first.path} {first.message}", problems=problems)
    host = admitted(request.scope).headers[b"host"].decode("latin-1").lower()
    server = reached.public_url or f"http://{host}"
    return Asked(server, found, skill, query.get("for") == "tools", reached.needs_token)


KNOWN: tuple[str, ...] = ("version", "for")
