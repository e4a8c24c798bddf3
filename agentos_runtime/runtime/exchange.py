"""One call's way to the upstream and back: requests out, and what their answers say."""

from agentos_runtime.calls.call import RawReply, Reply
from agentos_runtime.calls.evaluate import Value
from agentos_runtime.calls.messages import UpstreamRequest, UpstreamResponse
from agentos_runtime.calls.reply import (
    Body,
    error_input,
    failed_response,
    is_failed,
    read_body,
    read_error,
    read_reply,
    reply_input,
)
from agentos_runtime.calls.values import ValuePlan, read_value, value_input
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.runtime.clocks import Clocks
from agentos_runtime.runtime.ports import Upstream
from agentos_runtime.runtime.record import Record
from agentos_runtime.runtime.session import Session
from agentos_runtime.runtime.tracing import reply_stages, response_stages


class Exchange:
    """What a call of several requests does with each of them; the one of a plain call too."""

    def __init__(self, session: Session, record: Record, upstream: Upstream, clocks: Clocks) -> None:
        self.session = session
        self.clocks = clocks
        self._record = record
        self._upstream = upstream

    @property
    def request_id(self) -> str:
        return self._record.call.request_id

    async def send(self, request: UpstreamRequest, timeout: float) -> UpstreamResponse:
        """The whole answer, whatever its status. Raises AgentOSError."""
        started = self.clocks.monotonic()
        session = self.session
        try:
            response = await self._upstream.send(
                request,
                timeout=timeout,
                retry=session.plan.utility.rest.retry,
                allow_private=session.allow_private,
            )
        finally:
            self._record.watch.upstream += self.clocks.monotonic() - started
        self._record.upstream_status = response.status
        session.tell(response_stages(response.status, response.headers, response.body))
        return response

    async def check_status(self, response: UpstreamResponse) -> None:
        """Raise the typed error of an answer that is no 2xx."""
        session, plan = self.session, self.session.plan.reply
        if not is_failed(response):
            return
        text = error_input(plan, response, session.settings)
        said = await session.run(plan.error_program, text) if plan.error_program and text else None
        raise failed_response(plan, response, said, self.clocks.wall())

    async def check_said(self, response: UpstreamResponse) -> None:
        """Raise what the manifest's own `error` says of a 2xx answer that no reply is made of."""
        session, plan = self.session, self.session.plan.reply
        text = error_input(plan, response, session.settings)
        if plan.error_program is not None and text is not None:
            read_error(plan, await session.run(plan.error_program, text), self.clocks.wall())

    async def reply(self, response: UpstreamResponse) -> Reply:
        """The reply that an answer makes. Raises AgentOSError."""
        await self.check_status(response)
        if self.session.plan.reply.response.raw:
            return Reply(None, b"null", self._raw(response), self._record.watch.timings())
        body = self.body(response)
        self._record.said.append(body.whole)
        value = await self.value(body)
        self._record.said.append(value)
        return self.plain(value)

    async def value_of(self, response: UpstreamResponse) -> Json:
        """The reply's value alone. Raises AgentOSError."""
        return (await self.reply(response)).value

    def body(self, response: UpstreamResponse) -> Body:
        """The parsed body of a 2xx answer. Raises the error that it holds, by the default predicate."""
        return read_body(self.session.plan.reply, response, self.clocks.wall())

    async def value(self, body: Body) -> Json:
        """What `error`, `transform` and `mapping` make of a body, checked. Raises AgentOSError."""
        session, plan = self.session, self.session.plan.reply
        outcome = None
        if plan.program is not None:
            outcome = await session.run(plan.program, reply_input(plan, body, session.params, session.settings))
        session.tell(reply_stages(plan, body, outcome))
        return read_reply(plan, body, outcome, self.clocks.wall())

    async def ask(self, plan: ValuePlan, whole: Json, response: UpstreamResponse) -> Value:
        """One expression over a body. Raises ExpressionFailed, ExpressionLimit."""
        session, outcome = self.session, None
        if plan.program is not None:
            text = value_input(plan.program, response, session.params, session.settings)
            outcome = await session.run(plan.program, text)
        return read_value(plan, whole, outcome)

    def plain(self, value: Json, *, more: bool = False) -> Reply:
        """The value as a reply, without the credential's secrets."""
        text = dump(value)
        if self.session.redactor.found_in(text):
            value = self.session.redactor.clean(value)
            text = dump(value)
        return Reply(value, text, None, self._record.watch.timings(), more=more)

    def _raw(self, response: UpstreamResponse) -> RawReply:
        """Bytes handed on. Raises the upstream's error when a JSON body holds one instead of the bytes."""
        content_type = response.headers.get("content-type", "application/octet-stream")
        if content_type.split(";")[0].strip().lower() == "application/json":
            self.body(response)
        redactor = self.session.redactor
        return RawReply(redactor.clean_bytes(response.body), redactor.clean_text(content_type))
