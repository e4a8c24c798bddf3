"""One call underway: its plan and params, and the way through the workers, the vault and the upstream."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from agentos_runtime.calls.completing import complete
from agentos_runtime.calls.evaluate import Inputs
from agentos_runtime.calls.files import Uploads
from agentos_runtime.calls.messages import UpstreamRequest
from agentos_runtime.calls.paging import Pages, Wanted
from agentos_runtime.calls.placeholders import Placeholders, split_pieces
from agentos_runtime.calls.plan import CallPlan
from agentos_runtime.calls.reply import failed_output
from agentos_runtime.calls.request import Draft, document, draft_request, plain_documents
from agentos_runtime.credentials.redactor import Redactor
from agentos_runtime.credentials.secret import Secret
from agentos_runtime.errors import AgentOSError
from agentos_runtime.expressions.outcome import Outcome
from agentos_runtime.expressions.program import Program
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Auth
from agentos_runtime.origins import origin_of
from agentos_runtime.runtime.ports import Workers
from agentos_runtime.runtime.preview import Preview, preview
from agentos_runtime.runtime.record import Watch
from agentos_runtime.runtime.tracing import Trace
from agentos_runtime.vault import Vault

NOTHING_SECRET = Redactor(())
SAFE_METHODS = frozenset({"GET", "HEAD"})
"""What needs no idempotency key; the pages of a list and the looks at a job must not share one."""


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
    idempotency_key: str | None = None
    """The caller's, handed on to an API that honours one."""
    owned: Mapping[str, Json] = field(default_factory=dict)
    """The params that belong to the runtime: `limit`, `all`, `wait`."""
    uploads: Uploads = field(default_factory=dict)

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
        return self.finish(await self.draft())

    def finish(self, draft: Draft, auth: Auth | None = None) -> UpstreamRequest:
        """Put the credential on a draft: in the places of `auth`, the utility's own when None."""
        if self.trace is not None:
            self.trace("request", self._preview(draft).masked())
        plan = self.plan
        release = self.vault.release(plan.skill, plan.utility, origin_of(draft.url) or "", draft.method)
        self.redactor, self.allow_private = release.redactor, release.allow_private
        if release.credential is None:
            return self._with_key(complete(draft, None, None))
        fields = release.credential.fields
        pieces = split_pieces(plan.request.auth_fields, lambda name: fields[name].reveal())
        if pieces:
            self.redactor = Redactor.of(release.credential, map(Secret, pieces))
        return self._with_key(complete(draft, auth or plan.request.auth, lambda name: fields[name].reveal()))

    def _with_key(self, request: UpstreamRequest) -> UpstreamRequest:
        retry = self.plan.utility.rest.retry
        header = retry.idempotency_header if retry else None
        if header is None or self.idempotency_key is None or request.method in SAFE_METHODS:
            return request
        others = tuple(pair for pair in request.headers if pair[0].lower() != header.lower())
        return replace(request, headers=(*others, (header, self.idempotency_key)))

    def pages(self, draft: Draft, max_bytes: int) -> Pages:
        """The list that the draft begins; for a utility that paginates."""
        assert self.plan.pages is not None
        return Pages(self.plan.pages, Wanted.of(self.owned), draft.query, max_bytes=max_bytes)

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
            for text in plain_documents(plan, seen):
                outcome = await self.run(plan.url_program, text)
                plain += outcome.outputs if outcome.failure is None else []
        return draft_request(
            plan,
            Inputs(seen, outputs),
            streaming=self._streams_events,
            plain_urls=plain,
            placeholders=placeholders,
            uploads=self.uploads,
        )

    async def preview(self) -> Preview:
        """The first request with a stand-in for every secret, also a missing one. Raises AgentOSError."""
        draft = await self.draft()
        if self.plan.pages is not None and not self._streams_events:
            draft = replace(draft, query=self.pages(draft, 0).query)
        return self._preview(draft)

    @property
    def _streams_events(self) -> bool:
        """Whether the upstream is asked for a stream of events."""
        return self.streaming and self.plan.stream is not None

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

    def clean_text(self, text: str) -> str:
        """The text without the credential's secrets."""
        return self.redactor.clean_text(text)

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
