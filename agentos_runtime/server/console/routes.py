"""`/console/…`: the shell for everybody, pages for browsers that were let in."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.responses import Response as StarletteResponse
from starlette.routing import BaseRoute, Route

from agentos_runtime import jsontext
from agentos_runtime.console.access.browsers import browser_label
from agentos_runtime.console.access.door import AGAIN, Door
from agentos_runtime.console.files import StaticFiles, content_type, read_static_files
from agentos_runtime.console.opening import Pages, load_pages
from agentos_runtime.console.shell import POLICY, root_of, shell
from agentos_runtime.console.visits import Visit, zone_of
from agentos_runtime.errors import ConsoleLocked, ForbiddenPeer, InternalError, InvalidJson, NotFound
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.security.agents import Caller
from agentos_runtime.server.console.events import ConsoleEvents
from agentos_runtime.server.limits import Limits
from agentos_runtime.server.messages import Admitted, Response, admitted, json_response
from agentos_runtime.server.open_calls import OpenCalls
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.paths import variable
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.storage.private_files import PrivateFileError

FRAGMENT = b"text/x-fragment"


@dataclass(slots=True)
class Console:
    """The endpoints. The templates are read and the libraries for them imported at the first page."""

    door: Door
    opening: Opening
    files: StaticFiles
    pages: Pages | None = None

    async def shell_or_page(self, request: Request) -> StarletteResponse | Response:
        raw: str = request.scope["raw_path"].decode("latin-1")
        if raw == "/console":
            return RedirectResponse("console/")  # relative: right behind a proxy that strips a prefix, too
        admission = admitted(request.scope)
        if FRAGMENT not in admission.headers.get(b"accept", b""):
            return Response(shell(raw, self.files), content_type=b"text/html; charset=utf-8", headers=_OF_PAGES)
        pages, visit = await self.prepare(request)
        fragment = await pages.answer(visit)
        return Response(fragment.body, fragment.status, FRAGMENT + b"; charset=utf-8", _OF_PAGES)

    async def static(self, request: Request) -> Response:
        """Under their hash they never change, so that browsers may keep them."""
        name = variable(request.scope, "name")
        data = self.files.find(variable(request.scope, "version"), name)
        if data is None:
            raise NotFound("This file is of another version of the console. Load the page again.")
        return Response(data, content_type=content_type(name), cache=b"public, max-age=31536000, immutable")

    async def begin(self, request: Request) -> Response:
        """`POST /console/session` with `{"ticket"}` or `{"token"}`: the key of a new session."""
        admission = admitted(request.scope)
        given = _given(admission.body)
        host = _text(admission.headers, b"host")
        label = browser_label(_text(admission.headers, b"user-agent"))
        enter = self.door.enter_with_token if "token" in given else self.door.enter_with_ticket
        if "ticket" in given and admission.connection is not None and admission.connection.foreign:
            raise ForbiddenPeer("This console belongs to another user of this machine.")
        secret = given.get("token", given.get("ticket"))
        try:
            key = await aside(partial(enter, str(secret), host, label))
        except (PrivateFileError, OSError) as error:
            raise InternalError(f"No session can be kept: {error}") from None
        return json_response({"key": key, "browser": label})

    async def end(self, request: Request) -> Response:
        """`DELETE /console/session`: locks this browser."""
        admission = admitted(request.scope)
        self.let_in(admission)
        try:
            await aside(partial(self.door.sessions.end, _text(admission.headers, b"x-console-key")))
        except PrivateFileError as error:
            raise InternalError(f"The session could not be ended: {error}") from None
        return Response(b"", 204)

    async def prepare(self, request: Request) -> tuple[Pages, Visit]:
        """The pages, and who looks at which. Raises ConsoleLocked."""
        admission = admitted(request.scope)
        caller = self.let_in(admission)
        if self.pages is None:
            self.pages = await aside(load_pages)
        return self.pages, await self._visit(
            request, request.scope["raw_path"].decode("latin-1"), admission, caller
        )

    def let_in(self, admission: Admitted) -> Caller:
        """Whose session it is: no token opens the console. Raises ConsoleLocked."""
        if admission.caller.session is not None:
            return admission.caller
        host = _text(admission.headers, b"host")
        self.door.check(host)
        details: dict[str, Json] = {"takes_token": True} if self.door.takes_token(host) else {}
        if admission.headers.get(b"x-console-key"):  # a browser that has no key sends an empty one
            raise ConsoleLocked("The session of this browser has ended. " + AGAIN, details=details)
        raise ConsoleLocked("This browser has not been let in. " + AGAIN, details=details)

    async def _visit(self, request: Request, raw: str, admission: Admitted, caller: Caller) -> Visit:
        return Visit(
            runtime=await self.opening.wait(),  # type: ignore[arg-type]  # the port has what HTTP needs of it
            caller=Caller(CONSOLE_AGENT, operator=True, session=caller.session),
            path=tuple(filter(None, _path(request))),
            query=MappingProxyType(dict(request.query_params.multi_items())),
            zone=zone_of(_text(admission.headers, b"x-console-zone")),
            root=root_of(raw),
            now=self.door.sessions.now(),
        )


def console_routes(door: Door, opening: Opening, calls: OpenCalls, limits: Limits) -> list[BaseRoute]:
    """All addresses below `/console`."""
    console = Console(door, opening, read_static_files())
    return [
        Route("/console/session", console.begin, methods=["POST"]),
        Route("/console/session", console.end, methods=["DELETE"]),
        Route("/console/events", ConsoleEvents(console.prepare, calls, limits), methods=["GET"]),
        Route("/console/static/{version}/{name}", console.static),
        Route("/console", console.shell_or_page),
        Route("/console/{path:path}", console.shell_or_page),
    ]


def _path(request: Request) -> list[str]:
    path: str = request.scope["path"]
    return [variable({"path_params": {"part": part}}, "part") for part in path.split("/")[2:]]


def _given(body: bytes) -> dict[str, Json]:
    try:
        value = jsontext.parse(body) if body else None
    except jsontext.JsonTextError as error:
        raise InvalidJson(f"The body is not JSON: {error}.") from None
    if isinstance(value, dict) and (isinstance(value.get("ticket"), str) or isinstance(value.get("token"), str)):
        return value
    raise InvalidJson('The body must be {"ticket": "…"} or {"token": "…"}.')


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


CONSOLE_AGENT = "console"
"""What calls made from the pages are called in the ledger."""
_OF_PAGES: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"vary", b"Accept, X-Console-Key"),
)
