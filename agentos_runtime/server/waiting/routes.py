"""`/api/waiting`: what waits for a person's yes. An agent sees its own; the operator sees all, and answers."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from agentos_runtime.errors import InvalidParams, ParamProblem, ShuttingDown
from agentos_runtime.runtime.operating import waiting
from agentos_runtime.server.messages import Admitted, Response, admitted, decisive_object, json_response
from agentos_runtime.server.open_calls import STOPPING, OpenCalls
from agentos_runtime.server.opening import Opening
from agentos_runtime.server.operators.proof import operator_of
from agentos_runtime.server.paths import known_query, variable
from agentos_runtime.waiting.entries import OPEN, STATES

ANSWER = frozenset({"decision", "reason", "minutes"})
WAITING_FILTERS = frozenset({"state"})
ONE_FILTERS = frozenset({"wait"})


class WaitingRoutes:
    """The endpoints. A look that waits is one of the open calls: it ends when the server stops."""

    def __init__(self, opening: Opening, calls: OpenCalls) -> None:
        self._opening = opening
        self._calls = calls

    def routes(self) -> list[Route]:
        return [
            Route("/api/waiting", self.listed),
            Route("/api/waiting/{id}", self.one),
            Route("/api/waiting/{id}", self.decide, methods=["POST"]),
            Route("/api/waiting/{id}", self.end, methods=["DELETE"]),
        ]

    async def listed(self, request: Request) -> Response:
        runtime: Any = await self._opening.wait()
        asked = known_query(request.scope, WAITING_FILTERS).get("state")
        states = STATES if asked == "all" else OPEN if asked is None else [each for each in STATES if each == asked]
        if not states:
            raise _wrong("state", f"must be all, or one of {', '.join(STATES)}")
        return json_response(await waiting.list_waiting(runtime, admitted(request.scope).caller, states))

    async def one(self, request: Request) -> Response:
        runtime: Any = await self._opening.wait()
        given = known_query(request.scope, ONE_FILTERS).get("wait", "0")
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", given):
            raise _wrong("wait", "must be a number of seconds")
        admission = admitted(request.scope)
        with self._calls.open(admission.connection) as open_call:
            try:
                return json_response(
                    await waiting.show_waiting(runtime, admission.caller, _id(request), float(given))
                )
            except asyncio.CancelledError:
                if not open_call.absorb_cancel():
                    raise
                raise ShuttingDown(STOPPING, retry_after=1) from None

    async def decide(self, request: Request) -> Response:
        runtime: Any = await self._opening.wait()
        admission = admitted(request.scope)
        decider = waiting.decider_of(operator_of(admission))
        return json_response(await waiting.decide(runtime, decider, _id(request), **_answer(admission)))

    async def end(self, request: Request) -> Response:
        runtime: Any = await self._opening.wait()
        operator_of(admitted(request.scope))
        await waiting.end_standing(runtime, _id(request))
        return Response(b"", 204)


def _answer(admission: Admitted) -> Mapping[str, Any]:
    """`{decision: yes or no, reason?, minutes?}`. Raises InvalidJson, InvalidParams."""
    given = decisive_object(admission.body)
    decision, reason, minutes = given.get("decision"), given.get("reason"), given.get("minutes")
    whole = isinstance(minutes, int) and not isinstance(minutes, bool)
    problems = [ParamProblem(name, "is not known here") for name in sorted(given.keys() - ANSWER)]
    if decision not in ("yes", "no"):
        problems.append(ParamProblem("decision", "must be yes or no"))
    if reason is not None and not isinstance(reason, str):
        problems.append(ParamProblem("reason", "must be text"))
    if minutes is not None and not whole:
        problems.append(ParamProblem("minutes", "must be a whole number"))
    if problems:
        raise InvalidParams(
            f"The answer cannot be taken: {problems[0].path} {problems[0].message}", problems=problems
        )
    return {"yes": decision == "yes", "reason": reason or None, "minutes": minutes}


def _id(request: Request) -> str:
    return variable(request.scope, "id")


def _wrong(name: str, must: str) -> InvalidParams:
    return InvalidParams(f"The query cannot be read: {name} {must}", problems=[ParamProblem(name, must)])
