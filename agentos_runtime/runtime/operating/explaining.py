"""A call explained: what would be sent, or what each stage of a call gave, as JSON."""

import time
from contextlib import aclosing

from agentos_runtime.calls.call import Call
from agentos_runtime.errors import AgentOSError
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.runtime.service import Runtime

MOST_STAGES = 500
"""Of a long stream the first ones are told."""
LARGEST_STAGE = 256 * 1024
"""Bytes of one stage's JSON that are told."""


async def would_send(runtime: Runtime, call: Call, *, streaming: bool) -> dict[str, Json]:
    """`{request, refusal}`: the request with its secrets masked, and what would keep it from being sent.

    Nothing is sent or recorded. Raises AgentOSError for params and expressions.
    """
    preview = await runtime.preview(call, streaming=streaming)
    refusal = preview.refusal.as_json() if preview.refusal else None
    return {"request": preview.masked(), "refusal": refusal}


async def explain(runtime: Runtime, call: Call, *, streaming: bool) -> dict[str, Json]:
    """Make the call: `{"stages": [{stage, ms, value}], "error"}`. The call has its row, and costs what it costs."""
    told = _Told()
    try:
        if streaming:
            async with aclosing(await runtime.stream(call, trace=told.tell)) as stream:
                async for batch in stream:
                    for event in batch:
                        told.tell({"done": "reply", "error": "failed"}.get(event.name, "delta"), event.data)
        else:
            reply = await runtime.invoke(call, trace=told.tell)
            raw = reply.raw
            told.tell("reply", reply.value if raw is None else f"{len(raw.body)} bytes of {raw.content_type}")
    except AgentOSError as error:
        return {"stages": told.stages, "error": error.as_json() | {"request_id": call.request_id}}
    return {"stages": told.stages, "error": None}


class _Told:
    """Stages as they come, each with the milliseconds since the one before."""

    def __init__(self) -> None:
        self.stages: list[Json] = []
        self._last = time.perf_counter()

    def tell(self, name: str, value: Json) -> None:
        now = time.perf_counter()
        taken, self._last = round((now - self._last) * 1e3, 2), now
        if len(self.stages) < MOST_STAGES:
            size = len(dump(value))
            shown = value if size <= LARGEST_STAGE else f"({size} bytes, too many to show)"
            self.stages.append({"stage": name, "ms": taken, "value": shown})
