"""What needs its owner, each with the one button that leads to the fix."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from agentos_runtime.console.shown.times import ago
from agentos_runtime.frozen import dataclass

FIRST, SHORT = 3, 40
"""How many params of a call that waits are told, and how many characters of each."""
MOST = 6
"""How many are shown on Home."""
TOGETHER = 3
"""From so many on, skills without a key are one entry."""


@dataclass(frozen=True, slots=True)
class Need:
    """One entry: its word of state, a sentence or two, and where its button leads (below the console)."""

    word: str
    title: str
    text: str
    button: str
    href: str
    tone: str = "warn"


def needs_of(waiting: Sequence[Any], items: Sequence[Any], now: float) -> list[Need]:
    """The entries for what waits and what `attention` found, the most urgent first."""
    keys = [each for each in items if each["kind"] == "credential"]
    together = len(keys) >= TOGETHER
    needs = [_waiting(each, now) for each in waiting]
    needs += [
        _MADE[each["kind"]](each) for each in items if each["kind"] in _MADE and not (together and each in keys)
    ]
    if together:
        names = ", ".join(str(each["name"]) for each in keys)
        needs.append(Need("no key", f"{len(keys)} skills have no key", names, "Set keys", "keys"))
    if len(needs) > MOST:
        more = len(needs) - MOST + 1
        needs = [
            *needs[: MOST - 1],
            Need("more", f"{more} more", "All skills that need something.", "See them", "skills"),
        ]
    return needs


def _waiting(entry: Any, now: float) -> Need:
    left = ago(datetime.fromisoformat(entry["expires_at"]).timestamp() - now)
    title = f"{entry['agent']} wants {entry['skill']}/{entry['utility']}"
    call = entry["call"] or {}
    said = [
        str(call.get("description") or "").rstrip("."),
        _params(call.get("params") or {}),
        f"Gives up in {left}",
    ]
    text = "".join(f"{each}. " for each in said if each).rstrip()
    return Need("waiting", title, text, "Look and decide", f"waiting/{entry['id']}")


def _params(params: Mapping[str, Any]) -> str:
    """Those that are first, as far as they are short: what two questions differ in."""
    told = [f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in [*params.items()][:FIRST]]
    return ", ".join(each if len(each) <= SHORT else f"{each[:SHORT]}…" for each in told)


def _skill(item: Any, tab: str) -> str:
    return f"skills/{quote(str(item['skill']), safe='')}/{tab}"


def _broken(item: Any) -> Need:
    title, _, why = str(item["text"]).partition(": ")
    return Need("broken", title, why, "See the line", _skill(item, "problems"), "bad")


def _stale(item: Any) -> Need:
    title, _, why = str(item["text"]).partition(": ")
    return Need("broken save", title, why, "See the line", _skill(item, "problems"), "bad")


def _approval(item: Any) -> Need:
    return Need(
        "not approved",
        str(item["text"]),
        "Its calls are refused until you say yes.",
        "Look and decide",
        _skill(item, "authority"),
    )


def _credential(item: Any) -> Need:
    return Need(
        "no key",
        str(item["text"]),
        "Its calls fail with 424 until it has one.",
        "Set the key",
        f"keys?skill={quote(str(item['skill']), safe='')}",
    )


def _budget(item: Any) -> Need:
    return Need("budget", str(item["text"]), "", "See the budgets", "agents")


def _stopped(item: Any) -> Need:
    title = str(item["text"]).partition(" since ")[0]
    return Need("stopped", title, "None of its calls is made.", "See the agents", "agents")


def _runtime(item: Any) -> Need:
    return Need(
        "trouble", str(item["text"]), f"In a terminal: {item['command']}", "See the activity", "activity", "bad"
    )


_MADE: Mapping[str, Callable[[Any], Need]] = {
    "runtime": _runtime,
    "broken": _broken,
    "stale": _stale,
    "approval": _approval,
    "credential": _credential,
    "budget": _budget,
    "stopped": _stopped,
}
