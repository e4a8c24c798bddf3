"""`/api/operator/…`: what the operator can look at and have done. Every route asks for the operator's proof."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.routing import Route

from agentos_runtime.calls.call import Call
from agentos_runtime.errors import InternalError, InvalidParams, ParamProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.runtime.operating import agents, approvals, credentials, revoking
from agentos_runtime.runtime.operating.attention import all_attention
from agentos_runtime.runtime.operating.explaining import explain, would_send
from agentos_runtime.runtime.service import Runtime
from agentos_runtime.security.agents import Caller
from agentos_runtime.security.credentials.store import KeyringError
from agentos_runtime.server.messages import Response, admitted, decisive_object, json_response
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.operators.proof import operator_of
from agentos_runtime.server.paths import known_query, variable
from agentos_runtime.storage.file_threads import aside
from agentos_runtime.storage.private_files import PrivateFileError
from agentos_runtime.storage.sqlite.files import DatabaseTrouble

PREFIX = "/api/operator"


class Asked:
    """One request of the operator: its path's parts and its body's members, read strictly."""

    def __init__(self, request: Request) -> None:
        admission = admitted(request.scope)
        self.operator: Caller = operator_of(admission)
        known_query(request.scope, ())
        self.request_id = admission.request_id
        self._request = request
        self._body = decisive_object(admission.body)

    def part(self, name: str) -> str:
        """A part of the path."""
        return variable(self._request.scope, name)

    def text(self, name: str) -> str:
        """A member of the body. Raises InvalidParams."""
        value = self._body.get(name)
        if not isinstance(value, str) or not value:
            raise _wrong(name, "must be text")
        return value

    def flag(self, name: str) -> bool:
        value = self._body.get(name, False)
        if not isinstance(value, bool):
            raise _wrong(name, "must be true or false")
        return value

    def object(self, name: str) -> dict[str, Json]:
        value = self._body.get(name, {})
        if not isinstance(value, dict):
            raise _wrong(name, "must be an object")
        return value

    def only(self, *names: str) -> None:
        """Raises InvalidParams for a member that means nothing here: ignored, it would look obeyed."""
        unknown: Iterable[str] = sorted(self._body.keys() - set(names))
        if problems := [ParamProblem(name, "is not known here") for name in unknown]:
            raise InvalidParams("The body has members that mean nothing here.", problems=problems)


Answer: TypeAlias = Callable[[Runtime, Asked], Json | Awaitable[Json]]


def operator_routes(opening: Opening) -> list[Route]:
    """All of them."""

    def route(method: str, path: str, answer: Answer) -> Route:
        is_async = iscoroutinefunction(answer)  # the others ask files, or a database

        async def endpoint(request: Request) -> Response:
            asked = Asked(request)
            runtime: Any = await opening.wait()
            try:
                given = answer(runtime, asked) if is_async else await aside(partial(answer, runtime, asked))
                value = await given if isawaitable(given) else given
            except (PrivateFileError, KeyringError, DatabaseTrouble) as error:
                raise InternalError(str(error)) from None
            return Response(b"", 204) if value is None else json_response(value)

        return Route(PREFIX + path, endpoint, methods=[method])

    return [route(method, path, answer) for method, path, answer in _ROUTES]


def _wrong(name: str, must: str) -> InvalidParams:
    return InvalidParams(f"{name} {must}.", problems=[ParamProblem(name, must)])


async def _attention(runtime: Runtime, asked: Asked) -> Json:
    return {"items": await all_attention(runtime)}


def _set_credential(runtime: Runtime, asked: Asked) -> Json:
    asked.only("fields", "authority")
    given = asked.object("fields")
    fields = {name: text for name, text in given.items() if isinstance(text, str)}
    if len(fields) < len(given):
        raise _wrong("fields", "must hold texts by the names of the fields")
    return credentials.set_credential(
        runtime, asked.part("skill"), asked.part("credential"), fields, asked.text("authority")
    )


def _remove_credential(runtime: Runtime, asked: Asked) -> Json:
    credentials.remove_credential(runtime, asked.part("skill"), asked.part("credential"))
    return None


async def _probe_credential(runtime: Runtime, asked: Asked) -> Json:
    asked.only()
    agent = asked.operator.agent
    return await credentials.probe_credential(runtime, asked.part("skill"), asked.part("credential"), agent)


def _approve(runtime: Runtime, asked: Asked) -> Json:
    asked.only("authority")
    return approvals.approve(runtime, asked.part("skill"), asked.text("authority"))


def _add_agent(runtime: Runtime, asked: Asked) -> Json:
    asked.only("agent")
    return agents.add_agent(runtime.home.agents, asked.text("agent"))


def _remove_agent(runtime: Runtime, asked: Asked) -> Json:
    agents.remove_agent(runtime.home.agents, asked.part("agent"))
    return None


def _stop_agent(runtime: Runtime, asked: Asked) -> Json:
    asked.only()
    return agents.stop_agent(runtime.home.agents, asked.part("agent"))


def _resume_agent(runtime: Runtime, asked: Asked) -> Json:
    agents.resume_agent(runtime.home.agents, asked.part("agent"))
    return None


async def _explain(runtime: Runtime, asked: Asked) -> Json:
    asked.only("skill", "utility", "params", "stream", "dry_run")
    skill, utility, params = asked.text("skill"), asked.text("utility"), asked.object("params")
    call = Call(skill, utility, params, asked.operator.agent, asked.request_id)
    look = would_send if asked.flag("dry_run") else explain
    return await look(runtime, call, streaming=asked.flag("stream"))


_ROUTES: tuple[tuple[str, str, Answer], ...] = (
    ("GET", "/attention", _attention),
    ("GET", "/credentials", lambda runtime, _: credentials.list_credentials(runtime)),
    ("POST", "/credentials/{skill}/{credential}", _set_credential),
    ("DELETE", "/credentials/{skill}/{credential}", _remove_credential),
    ("POST", "/credentials/{skill}/{credential}/probe", _probe_credential),
    ("GET", "/approvals", lambda runtime, _: approvals.list_approvals(runtime)),
    ("GET", "/approvals/{skill}", lambda runtime, asked: approvals.show_approval(runtime, asked.part("skill"))),
    ("POST", "/approvals/{skill}", _approve),
    ("DELETE", "/approvals/{skill}", lambda runtime, asked: revoking.revoke(runtime, asked.part("skill"))),
    ("GET", "/agents", lambda runtime, _: agents.list_agents(runtime.home.agents, runtime.limits)),
    ("POST", "/agents", _add_agent),
    ("DELETE", "/agents/{agent}", _remove_agent),
    ("POST", "/agents/{agent}/stop", _stop_agent),
    ("DELETE", "/agents/{agent}/stop", _resume_agent),
    ("GET", "/limits", lambda runtime, _: agents.list_limits(runtime.limits)),
    ("POST", "/explain", _explain),
)
