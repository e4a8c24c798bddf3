"""A person is asked before a call goes out, where the operator's limits want that: part of letting a call in.

What would fail anyway asks nobody. A call that waits holds no slot and no reserve; it takes them after the yes.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import field
from importlib import import_module

from agentos_runtime.calls.call import Call
from agentos_runtime.calls.requests.drafting import Draft
from agentos_runtime.calls.requests.files import Uploads, upload_in
from agentos_runtime.errors import AgentOSError, AlreadyDecided, DecisionDenied, DecisionExpired, DecisionPending
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.enforcement import Limits
from agentos_runtime.limits.rules import Rule
from agentos_runtime.manifest.model import Effect, Skill
from agentos_runtime.manifest.origins import origin_of
from agentos_runtime.runtime.authorizing import rehearse
from agentos_runtime.runtime.context import CallContext
from agentos_runtime.runtime.preview import Preview
from agentos_runtime.runtime.safeguards import Permit, Safeguards
from agentos_runtime.security.authority import authority_of
from agentos_runtime.security.credentials.secret import MASK
from agentos_runtime.skills.registry import Registry
from agentos_runtime.waiting.desk import Desk
from agentos_runtime.waiting.entries import Entry, Question, Standing, iso, url_of

ADDRESSED = frozenset({"use", "face"})
"""The surfaces whose calls are of addresses, not of utilities."""
DETECTOR = "agentos_runtime.manifest.secrets.shapes"
ASK_AGAIN = 5.0
"""Seconds after which a caller who was not held any longer may ask again."""


@dataclass(frozen=True, slots=True)
class Yes:
    """A person's yes to a call that is about to begin."""

    desk: Desk
    entry_id: str | None
    """None: it holds for some minutes, and is not used up."""

    async def give_back(self) -> None:
        """The call was not made: the yes is there for the next time it is asked for."""
        if self.entry_id is not None:
            await self.desk.give_back(self.entry_id)


@dataclass(frozen=True, slots=True)
class AddressMatter:
    """A call of an address that a person is asked about. draft: what would be sent, without the key."""

    utility: str
    """The utility whose address it is, or `use`: by this name the limits ask."""
    effect: Effect
    description: str
    params: Mapping[str, Json] = field(repr=False)
    """What makes it the same call again: method, url, the headers that count, and the body's digest."""
    shown: Mapping[str, Json] = field(repr=False)
    """Further facts for the person who is asked."""
    draft: Draft = field(repr=False)


class Asking:
    """Asks, and holds the caller meanwhile.

    stopped: raises when the agent of a call that waits was stopped. proven: whether a name is bound to a token.
    """

    def __init__(
        self,
        desk: Desk,
        limits: Limits,
        registry: Registry,
        stopped: Callable[[str], None],
        proven: Callable[[str], bool],
    ) -> None:
        self.desk = desk
        self._limits = limits
        self._registry = registry
        self._check_stopped = stopped
        self._is_proven = proven
        self._authorities: dict[str, tuple[Skill, str]] = {}

    def concerns(self, ctx: CallContext) -> bool:
        """Whether a person is asked about this call."""
        utility = ctx.plan.utility
        rule = self._limits.rule_of(ctx.call.agent)
        return bool(rule.ask_person) and rule.asks_person(ctx.plan.skill.id, utility.name, utility.effect)

    async def admit(self, ctx: CallContext, safeguards: Safeguards, matter: AddressMatter | None = None) -> Permit:
        """Let the call in; what it was let in with is given back when its row is closed.

        matter: the call is one of an address, and a person has to be asked about it.
        Raises DecisionDenied, DecisionExpired, DecisionPending when the caller's patience ends before,
        AlreadyDecided, RateLimited, BudgetExceeded, Overloaded, and whatever would keep the call from being made
        anyway.
        """
        asks = matter is not None or self.concerns(ctx)
        yes = await self._let_in(ctx, matter) if asks else None
        nested = ctx.call.depth > 0
        try:
            permit = await safeguards.admit(ctx.call.agent, ctx.plan, ctx.record.row, nested=nested)
        except BaseException:
            if yes is not None:
                await yes.give_back()
            raise
        ctx.record.permit = permit
        return permit

    async def _let_in(self, ctx: CallContext, matter: AddressMatter | None) -> Yes:
        """The yes that the call begins with."""
        paid = ctx.plan.utility.credential is not None
        await self._limits.check(ctx.call.agent, ctx.plan.skill.id, ctx.plan.utility.name, paid=paid)
        question = self._question(ctx, await rehearse(ctx, matter.draft if matter else None), matter)
        timer = ctx.record.timer
        began = timer.clock()
        await ctx.record.waits()
        try:
            return await self._answered(ctx, question, began)
        finally:
            timer.waiting += timer.clock() - began
            if ctx.record.decision is not None:
                ctx.record.decision["waited_ms"] = round(timer.waiting * 1e3, 1)
            await ctx.record.goes_on()

    async def _answered(self, ctx: CallContext, question: Question, began: float) -> Yes:
        call, waiting_id = ctx.call, ctx.call.waiting_id
        while True:
            try:
                found = await self.desk.ask(question, waiting_id)
            except AlreadyDecided as error:
                known = error.details.get("waiting")
                ctx.record.decision = dict(known) if isinstance(known, dict) else None
                raise
            if isinstance(found, Standing):
                ctx.record.decision = found.decision()
                return Yes(self.desk, None)
            ctx.record.decision = found.decision()
            if found.state == "used":
                return Yes(self.desk, found.id)
            if found.state == "pending":
                left = None if call.patience is None else call.patience - (ctx.record.timer.clock() - began)
                found = await self._held(call, found, left)
                ctx.record.decision = found.decision()
            if found.state not in (
                "approved",
                "used",
            ):  # a yes that is there has to be got first
                raise await self._refusal(found, call)

    async def _held(self, call: Call, entry: Entry, left: float | None) -> Entry:
        """The entry when it is not pending any more, or the caller's patience has ended."""
        if left is not None and left <= 0:
            return entry

        def current(waiting: Entry) -> bool:
            self._check_stopped(call.agent)
            return self.holds(waiting)

        return await self.desk.wait(entry, left, current)

    async def _refusal(self, entry: Entry, call: Call) -> AgentOSError:
        what, waiting = f"{entry.skill}/{entry.utility}", _waiting(entry)
        details: dict[str, Json] = {"waiting": waiting, "skill": entry.skill, "utility": entry.utility}
        if entry.state == "denied":
            await self.desk.told(entry.id)
            reason = f": {entry.reason}" if entry.reason else "."
            return DecisionDenied(f"A person said no to this call of {what}{reason}", details=details)
        if entry.state in ("expired", "lapsed"):
            await self.desk.told(entry.id)
            why = "Nobody answered in time" if entry.state == "expired" else "The yes was not used in time"
            return DecisionExpired(
                f"{why} for this call of {what}: it was not made. Nobody said no.", details=details
            )
        if entry.state == "void":
            text = f"The skill or the limits changed while this call of {what} waited, so it was not made."
        else:
            text = f"This call of {what} waits for a person's yes until {iso(entry.until)}; it was not made yet."
        addressed = call.surface in ADDRESSED
        again = "method, url, headers and body" if addressed else f"params: POST /api/skills/{what}"
        return DecisionPending(
            f"{text} Ask again with the same {again}",
            retry_after=ASK_AGAIN,
            details=details,
        )

    # ------------------------------------------------------------------ what a yes rests on

    def holds(self, entry: Entry) -> bool:
        """Whether what a yes to it would rest on is as it was when it was asked."""
        found = self._registry.find(entry.skill)
        if found is None:  # while skills are being loaded nobody knows
            return self._registry.is_loading
        if found.skill is None:
            return False
        rule = self._limits.rule_of(entry.agent)
        kinds = (True, False) if entry.utility in found.skill.utilities else (True,)
        rested = [self._conditions(rule, found.skill, entry.utility, address=each) for each in kinds]
        return entry.conditions in rested

    def _conditions(self, rule: Rule, skill: Skill, utility: str, *, address: bool) -> bytes:
        """address: a yes for some minutes to a utility's calls is none to calls of its address, nor the reverse."""
        known, authority = self._authorities.get(skill.id, (None, ""))
        if known is not skill:
            authority = authority_of(skill).digest
            self._authorities[skill.id] = skill, authority
        rested = f"{skill.digest}\0{authority}\0{utility}\0{rule!r}" + ("\0address" if address else "")
        return hashlib.sha256(rested.encode("utf-8", "surrogatepass")).digest()

    def _question(self, ctx: CallContext, previewed: Preview, matter: AddressMatter | None) -> Question:
        call, skill = ctx.call, ctx.plan.skill
        rule = self._limits.rule_of(call.agent)
        if matter is None:
            utility, params, shown = ctx.plan.utility.name, call.params, _shown_call(ctx)
        else:
            utility, params, shown = matter.utility, dict(matter.params), _shown_address(matter)
        conditions = self._conditions(rule, skill, utility, address=matter is not None)
        shown |= {
            "name": skill.name,
            "method": previewed.request.method,
            "origin": origin_of(previewed.request.url),
            "url": _without_secrets(previewed.masked()["url"]),
            "credential": ctx.plan.utility.credential,
        }
        cleaned = ctx.results.value(shown)
        return Question(
            call.agent,
            skill.id,
            utility,
            params,
            conditions,
            rule.console_only,
            cleaned if isinstance(cleaned, dict) else {},
            self._is_proven(call.agent),
        )


def _waiting(entry: Entry) -> dict[str, Json]:
    until = iso(entry.until) if entry.state == "pending" else None
    return {"id": entry.id, "url": url_of(entry.id), "state": entry.state, "expires_at": until}


def _shown_call(ctx: CallContext) -> dict[str, Json]:
    """What will happen, and all params, as a person is shown them."""
    utility = ctx.plan.utility
    params = {**ctx.inputs.params, **ctx.inputs.runtime_params}
    return {
        "description": utility.description,
        "effect": utility.effect,
        "params": _without_secrets(_with_files(params, ctx.inputs.uploads)),
        "streaming": ctx.streaming,
    }


def _shown_address(matter: AddressMatter) -> dict[str, Json]:
    """The same of a call of an address."""
    return {
        "description": matter.description,
        "effect": matter.effect,
        "params": _without_secrets({**matter.params, **matter.shown}),
        "streaming": False,
    }


def _with_files(value: Json, uploads: Uploads) -> Json:
    """A file as its name, size and digest."""
    upload = upload_in(value, uploads)
    if upload is not None:
        digest = hashlib.sha256(upload.data).hexdigest()
        return {"file": upload.filename, "size": len(upload.data), "sha256": digest}
    if isinstance(value, dict):
        return {name: _with_files(each, uploads) for name, each in value.items()}
    return [_with_files(each, uploads) for each in value] if isinstance(value, list) else value


def _without_secrets(value: Json, name: str = "") -> Json:
    """With a stand-in for what looks like a secret, by its form or by where it stands."""
    detector = import_module(DETECTOR)
    if isinstance(value, dict):
        return {detector.without_secrets(key): _without_secrets(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each, name) for each in value]
    if isinstance(value, str) and detector.holds_secret(value, name):
        cleaned = detector.without_secrets(value)
        return MASK if cleaned == value else cleaned
    return value
