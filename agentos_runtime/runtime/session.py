"""One call underway: its plan and params, and the way through the workers, the vault and the upstream."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agentos_runtime.calls.evaluate import Inputs
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.calls.placeholders import Placeholders
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.calls.reply import failed_output
from agentos_runtime.calls.request import Draft, complete, document, draft_request, plain_documents
from agentos_runtime.credentials.redactor import Redactor
from agentos_runtime.errors import AgentOSError
from agentos_runtime.expressions.outcome import Outcome
from agentos_runtime.expressions.program import Program
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.origins import origin_of
from agentos_runtime.runtime.ports import Workers
from agentos_runtime.runtime.preview import Preview, preview
from agentos_runtime.runtime.record import Watch
from agentos_runtime.runtime.tracing import Trace
from agentos_runtime.vault import Vault

NOTHING_SECRET = Redactor(())


@dataclass(slots=True)
class Session:
    """The state of one call between its steps."""

    plan: CallPlan
    params: dict[str, Json]
    workers: Workers
    vault: Vault
    watch: Watch
    streaming: bool = False
    redactor: Redactor = NOTHING_SECRET
    allow_private: bool = False
    """Whether the request's origin may be at a private address."""
    trace: Trace | None = field(default=None, repr=False)

    @property
    def settings(self) -> Mapping[str, Json]:
        return self.plan.settings

    async def run(self, program: Program, text: bytes) -> Outcome:
        """Run a program, its time counted."""
        started = self.watch.clock()
        outcome = await self.workers.run(program, text)
        self.watch.expressions += self.watch.clock() - started
        return outcome

    def tell(self, stages: Iterable[tuple[str, Json]]) -> None:
        """Hand stages to the trace, if there is one, without the credential's secrets."""
        if self.trace is not None:
            for name, value in stages:
                self.trace(name, self.redactor.clean(value))

    async def request(self) -> UpstreamRequest:
        """The request, complete. Raises AgentOSError: expressions, params, credentials, approval."""
        draft = await self.draft()
        if self.trace is not None:
            self.trace("request", self._preview(draft).masked())
        plan = self.plan
        release = self.vault.release(plan.skill, plan.utility, origin_of(draft.url) or "", draft.method)
        self.redactor, self.allow_private = release.redactor, release.allow_private
        if release.credential is None:
            return complete(draft, None, None)
        fields = release.credential.fields
        return complete(draft, plan.request.auth, lambda name: fields[name].reveal())

    async def draft(self) -> Draft:
        """The request without its secrets."""
        plan = self.plan.request
        placeholders = Placeholders.fresh(plan.auth_fields)
        seen = document(self.params, self.settings, placeholders)
        outputs: list[Json] = []
        if plan.program is not None:
            outputs = await self._outputs(plan.program, dump(seen))
        plain: list[Json] = []
        if plan.url_program is not None:
            for text in plain_documents(seen):
                outcome = await self.run(plan.url_program, text)
                plain += outcome.outputs if outcome.failure is None else []
        return draft_request(
            plan,
            Inputs(seen, outputs),
            streaming=self.streaming,
            plain_urls=plain,
            placeholders=placeholders,
        )

    async def preview(self) -> Preview:
        """The request with a stand-in for every secret, also when the secret is missing. Raises AgentOSError."""
        return self._preview(await self.draft())

    def _preview(self, draft: Draft) -> Preview:
        plan, refusal, fields = self.plan, None, tuple[str, ...]()
        auth = plan.skill.auth.get(plan.utility.credential) if plan.utility.credential else None
        try:
            origin = origin_of(draft.url) or ""
            credential = self.vault.release(plan.skill, plan.utility, origin, draft.method).credential
        except AgentOSError as error:
            credential, refusal = None, error
        if auth is not None and (credential or refusal):
            fields = auth.fields
        return preview(draft, auth, fields, refusal)

    def clean_error(self, error: AgentOSError) -> AgentOSError:
        """The error without the credential's secrets."""
        return redacted(error, self.redactor)

    async def _outputs(self, program: Program, text: bytes) -> list[Json]:
        outcome = await self.run(program, text)
        if outcome.failure is not None:
            raise failed_output(self.plan.request.nodes, outcome)
        return outcome.outputs


def redacted(error: AgentOSError, redactor: Redactor) -> AgentOSError:
    """The same error, cleaned of secrets in its sentence and in what the upstream said."""
    error.message = redactor.clean_text(error.message)
    error.args = (error.message,)
    failure = error.upstream
    if failure is not None:
        error.upstream = replace(
            failure,
            code=redactor.clean(failure.code),
            message=redactor.clean_text(failure.message) if failure.message else failure.message,
            provider=redactor.clean_text(failure.provider) if failure.provider else failure.provider,
            raw=redactor.clean(failure.raw),
        )
    return error
