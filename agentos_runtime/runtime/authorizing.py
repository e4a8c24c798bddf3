"""The credential goes onto a request: the last thing that happens to it, and the only way to what may be sent."""

import asyncio
from dataclasses import replace
from functools import partial

from agentos_runtime.calls.messages import SAFE_METHODS, UpstreamRequest
from agentos_runtime.calls.paging import Pages, Wanted
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.requests.injecting import check_told, inject
from agentos_runtime.calls.requests.placeholders import Use
from agentos_runtime.calls.requests.sendable import sendable, sendable_key
from agentos_runtime.errors import AgentOSError, UpstreamTimeout
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model import Auth
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.runtime.answering.local import asked_of
from agentos_runtime.runtime.authorized import AuthorizedRequest
from agentos_runtime.runtime.building import build
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.preview import Preview, preview
from agentos_runtime.security.broker import Authorization
from agentos_runtime.security.credentials.secret import Credential, Secret


async def authorize(
    ctx: CallContext, draft: Draft, auth: Auth | None = None, *, refused: Credential | None = None
) -> AuthorizedRequest:
    """Put the credential on a draft: in the places of `auth`, the utility's own when None.

    One that ends soon, or that was `refused` by the service, is renewed before. The call's results know every
    secret of the request before it is made. Raises CredentialNotFound, ApprovalRequired, NotAllowed for an agent
    that was stopped meanwhile, InvalidParams for what cannot be sent, and what a renewal raises.
    """
    ctx.services.check_stopped(ctx.call.agent)  # also before the next page, and the next look at a job
    plan = ctx.plan
    literal = draft.url is draft.plan.url  # most are, and their origin is known
    origin = (draft.plan.origin if literal else origin_of(draft.url)) or ""
    stage = ("request", preview_draft(ctx, draft).masked()) if ctx.trace is not None else None
    try:
        authorization = _authorized(ctx, origin, draft.method)
        credential = authorization.credential
        if credential is not None and _may_end(ctx, credential, refused):
            current = await _renewed(ctx, credential, refused)
            # what is approved may have changed meanwhile
            authorization = _with_token(ctx, _authorized(ctx, origin, draft.method), current)
            credential = authorization.credential
    finally:
        if stage is not None:
            ctx.trace_stages([stage])
    if draft.told:
        check_told(draft, ctx.results.would_change)
    if credential is None:
        request = inject(draft, None, None)
    else:
        reveal = partial(_revealed, credential)
        request = inject(draft, auth or plan.request.auth, reveal)
        if draft.carries and (uses := draft.placeholders.pieces):
            ctx.results.learn(authorization.redactor.and_pieces([Secret(reveal(use)) for use in uses]))
    renews = refused is None and credential is not None and credential.renewable
    return AuthorizedRequest(
        sendable(_with_key(ctx, request), draft.plan.named),
        origin,
        authorization,
        partial(_again, ctx, draft, auth, credential) if credential is not None and renews else None,
    )


def _authorized(ctx: CallContext, origin: str, method: str) -> Authorization:
    """What the broker hands out; the results know its secrets first."""
    plan = ctx.plan
    authorization = ctx.services.broker.authorize(
        plan.skill, plan.utility, origin, method, streamed=ctx.wants_events
    )
    ctx.results.learn(authorization.redactor)
    return authorization


def _may_end(ctx: CallContext, credential: Credential, refused: Credential | None) -> bool:
    """Whether a renewal is due."""
    renewals, name = ctx.services.renewals, ctx.plan.utility.credential
    return (
        renewals is not None
        and name is not None
        and renewals.is_due(ctx.plan.skill.auth[name], credential, refused)
    )


async def _renewed(ctx: CallContext, credential: Credential, refused: Credential | None) -> Credential:
    """What came of a renewal, which may have taken long. Raises UpstreamTimeout."""
    skill, renewals = ctx.plan.skill, ctx.services.renewals
    assert renewals is not None
    auth = skill.auth[ctx.plan.utility.credential or ""]
    seconds = ctx.plan.utility.rest.timeout
    try:
        async with asyncio.timeout(seconds):
            current = await renewals.current(skill, auth, credential, refused)
    except TimeoutError:  # the renewal goes on, for the next call
        raise UpstreamTimeout(f'The login of the skill "{skill.id}" was not renewed within {seconds:g} s') from None
    if current is not credential and not current.held:
        ctx.trace_stages([("renewal", {"expires_at": current.life.expires_at if current.life else None})])
    return current


def _with_token(ctx: CallContext, authorization: Authorization, current: Credential) -> Authorization:
    """With the token of a client in place of its id and secret; the results know it first."""
    renewals, skill, given = ctx.services.renewals, ctx.plan.skill, authorization.credential
    auth = skill.auth[ctx.plan.utility.credential or ""]
    if renewals is None or given is None or auth.login is None or auth.login.in_browser:
        return authorization  # what was renewed is stored, and was handed out anew
    redactor = renewals.redactor(skill, auth, given, current)
    ctx.results.learn(redactor)
    return Authorization(current, redactor, authorization.allow_private)


async def _again(
    ctx: CallContext, draft: Draft, auth: Auth | None, refused: Credential
) -> AuthorizedRequest | None:
    """The request with a renewed credential; None when there is no other."""
    again = await authorize(ctx, draft, auth, refused=refused)
    credential = again.authorization.credential
    return again if credential is not None and credential.fields != refused.fields else None


def check_again(ctx: CallContext, authorized: AuthorizedRequest) -> None:
    """Ask whether the request would still be let out. Raises ApprovalRequired, CredentialNotFound, NotAllowed."""
    ctx.services.check_stopped(ctx.call.agent)
    plan = ctx.plan
    method = authorized.request.method
    ctx.services.broker.authorize(plan.skill, plan.utility, authorized.origin, method, streamed=ctx.wants_events)


def pages_of(ctx: CallContext, draft: Draft, max_bytes: int) -> Pages:
    """The list that the draft begins; for a utility that paginates."""
    assert ctx.plan.pages is not None
    return Pages(ctx.plan.pages, Wanted.of(ctx.inputs.runtime_params), draft, max_bytes=max_bytes)


async def preview_of(ctx: CallContext) -> Preview:
    """The first request with a stand-in for every secret, also a missing one. Raises AgentOSError."""
    draft = await build(ctx)
    if ctx.plan.pages is not None and not ctx.wants_events:
        draft = pages_of(ctx, draft, 0).draft
    return preview_draft(ctx, draft)


async def rehearse(ctx: CallContext, draft: Draft | None = None) -> Preview:
    """The first request as it would be sent, after all that could keep it from being sent. Raises AgentOSError.

    draft: the request, where it is there already. The results know the secrets that it would carry.
    """
    previewed = await preview_of(ctx) if draft is None else preview_draft(ctx, draft)
    _authorized(ctx, origin_of(previewed.request.url) or "", previewed.request.method)
    return previewed


def preview_draft(ctx: CallContext, draft: Draft) -> Preview:
    """A draft with a stand-in for every secret, also a missing one."""
    plan, refusal, fields = ctx.plan, None, tuple[str, ...]()
    auth = plan.skill.auth.get(plan.utility.credential) if plan.utility.credential else None
    try:
        origin = origin_of(draft.url) or ""
        credential = ctx.services.broker.authorize(
            plan.skill, plan.utility, origin, draft.method, streamed=ctx.wants_events
        ).credential
    except AgentOSError as error:
        credential, refusal = None, error
    if plan.utility.local is not None:
        body = asked_of(ctx, draft)
        draft = replace(draft, body=body)
        refusal = refusal or _refused_here(ctx, body)
    if auth is not None and (credential or refusal):
        fields = auth.fields
    return preview(draft, auth, fields, refusal)


def _refused_here(ctx: CallContext, body: dict[str, Json]) -> AgentOSError | None:
    """What would keep a program of this machine from being run now."""
    if ctx.services.machine is None or "steps" in body:
        return None
    try:
        ctx.services.machine.check(ctx, body)
    except AgentOSError as error:
        return error
    return None


def _with_key(ctx: CallContext, request: UpstreamRequest) -> UpstreamRequest:
    """With the caller's idempotency key, for an API that honours one."""
    retry, key = ctx.plan.utility.rest.retry, ctx.call.idempotency_key
    header = retry.idempotency_header if retry else None
    if header is None or key is None or request.method in SAFE_METHODS:
        return request
    others = tuple(pair for pair in request.headers if pair[0].lower() != header.lower())
    return replace(request, headers=(*others, (header, sendable_key(key))))


def _revealed(credential: Credential, use: Use) -> str:
    """The secret for a use of the credential. Raises PlaceholderError when it has no such piece."""
    text = credential.fields[use.field].reveal()
    return text if credential.stands_in else use.of(text)
