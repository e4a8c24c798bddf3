"""What callers are told about limits."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from agentos_runtime.errors import AgentOSError, BudgetExceeded, RateLimited
from agentos_runtime.jsontext import Json
from agentos_runtime.limits.counters import Claim, Level, Refusal
from agentos_runtime.limits.rules import NANO, TOTAL
from agentos_runtime.limits.windows import iso

SOON = 1.0
"""Seconds to wait when nobody knows how long a call under way will take."""


def refused(refusal: Refusal, claim: Claim) -> AgentOSError:
    """The error for a limit that was hit: which, how much is used, when there is room again."""
    kind, say = _WORDS[refusal.key]
    details: dict[str, Json] = {
        "limit": refusal.key,
        "used": shown(refusal.key, refusal.used),
        "allowed": shown(refusal.key, refusal.most),
        "resets_at": None if refusal.until is None else iso(refusal.until),
    }
    wait = SOON if refusal.until is None else max(SOON, refusal.until - claim.now)
    said = f"{who(refusal.subject, claim.agent)} {say(refusal, claim)}"
    return kind(said, retry_after=wait, details=details, refused_by=_REASONS.get(refusal.key, "budget"))


def warning(level: Level, agent: str) -> str:
    """For the header `X-Budget-Warning`."""
    key, most = level.budget.name, level.budget.most
    share = 100 * level.used // most if most else 100
    subject = "all agents" if level.subject == TOTAL else agent
    return (
        f"{key} of {subject}: {share}% used ({quantity(key, level.used)} of {quantity(key, most)}); "
        f"resets at {iso(level.until)}"
    )


def who(subject: str, agent: str) -> str:
    return "All agents together" if subject == TOTAL else f'The agent "{agent}"'


def shown(key: str, value: int) -> int | float:
    """As people and programs read it: money in dollars."""
    return round(value / NANO, 9) if "cost" in key else value


def quantity(key: str, value: int) -> str:
    """`$1.25`, `1200 tokens`, `3`."""
    if "cost" not in key:
        return f"{value} tokens" if "tokens" in key else str(value)
    return "$" + f"{value / NANO:.6f}".rstrip("0").rstrip(".")


def _resets(refusal: Refusal) -> str:
    return "" if refusal.until is None else f"; resets at {iso(refusal.until)}"


def _rate(refusal: Refusal, claim: Claim) -> str:
    return f"made {refusal.used} calls within a minute, as many as calls_per_minute allows{_resets(refusal)}."


def _concurrent(refusal: Refusal, claim: Claim) -> str:
    return f"has {refusal.used} calls under way, as many as concurrent allows. Try again when one has ended."


def _budget(refusal: Refusal, claim: Claim) -> str:
    used, most = quantity(refusal.key, refusal.used), quantity(refusal.key, refusal.most)
    if refusal.used >= refusal.most:
        return f"used {used} of {most} ({refusal.key}){_resets(refusal)}."
    reserve = f"a call may cost {quantity(refusal.key, claim.reserve)} (max_cost)"
    if refusal.until is None:
        return f"has {used} of {most} used or set aside for calls under way ({refusal.key}), and {reserve}."
    return f"used {used} of {most} ({refusal.key}), and {reserve}: the rest may not be enough{_resets(refusal)}."


def _max_cost(refusal: Refusal, claim: Claim) -> str:
    used, most = quantity("cost", refusal.used), quantity("cost", refusal.most)
    return (
        f"paid {used} for one call of {claim.utility} today, more than max_cost ({most}) allows. It is not called "
        f"again before the day ends, or until max_cost is raised{_resets(refusal)}."
    )


_REASONS: Mapping[str, str] = {"calls_per_minute": "rate", "concurrent": "concurrent"}
_Say: TypeAlias = Callable[[Refusal, Claim], str]
_WORDS: Mapping[str, tuple[type[AgentOSError], _Say]] = {
    "calls_per_minute": (RateLimited, _rate),
    "concurrent": (RateLimited, _concurrent),
    "tokens_per_day": (BudgetExceeded, _budget),
    "tokens_per_week": (BudgetExceeded, _budget),
    "cost_per_day": (BudgetExceeded, _budget),
    "cost_per_week": (BudgetExceeded, _budget),
    "max_cost": (BudgetExceeded, _max_cost),
}
