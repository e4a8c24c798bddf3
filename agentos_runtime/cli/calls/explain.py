"""`agentos call --explain`: every stage of a call, what it gave and how long it took."""

import time
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from agentos_runtime.calls.call import Call
from agentos_runtime.cli.calls.dry_run import print_request
from agentos_runtime.cli.calls.in_process import InProcess, in_process
from agentos_runtime.cli.terminal.output import dim, harmless, json_text, plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import Shell
from agentos_runtime.config.settings import Settings
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump

MOST_LINES = 60
"""Lines of a value that are shown."""
EXPLAINED: Mapping[str, str] = {
    "params": "the params, defaults put in",
    "ignored": "params that are not sent (rest.ignored)",
    "page": "where a person would look (web_url)",
    "renewal": "the token was renewed",
    "request": "what is sent",
    "stderr": "the end of what the program wrote to its error",
    "step": "what a step gave",
    "jq": "how expressions ran",
    "response": "what the upstream answers",
    "body": "the answer as response.as reads it",
    "error": "response.error gave (null: it is no error)",
    "root": "response.root points at",
    "transform": "response.transform gave",
    "mapping": "response.mapping gave",
    "mismatch": "what of the reply is not as `returns` says (strict_returns: false)",
    "event": "an event of the upstream",
    "delta": "what is passed on",
    "reply": "what the caller gets",
}


async def explain(
    shell: Shell,
    settings: Settings,
    call: Call,
    read: Callable[[Any], dict[str, Json]],
    *,
    stream: bool,
    jsonl: bool,
) -> None:
    """Make the call in this process and print its stages. `read` makes the params from the utility's schema."""
    stages = Stages(jsonl)
    async with in_process(shell, settings, stages.tell) as backend:
        utility = await backend.utility(call.skill, call.utility)
        given = replace(call, params=read(utility["params"]))
        stages.restart()
        await (_streamed if stream else _plain)(backend, given, stages)


async def _plain(backend: InProcess, call: Call, stages: "Stages") -> None:
    answer = await backend.invoke(call)
    raw = answer.raw
    stages.tell("reply", answer.value if raw is None else f"{len(raw.body)} bytes of {raw.content_type}")


async def _streamed(backend: InProcess, call: Call, stages: "Stages") -> None:
    async for event in backend.stream(call):
        stages.tell("reply" if event.name == "done" else "delta", event.data)


@dataclass(slots=True)
class Stages:
    """Prints stages as they come, each with the milliseconds since the one before."""

    jsonl: bool
    _last: float = field(default_factory=time.perf_counter)

    def restart(self) -> None:
        self._last = time.perf_counter()

    def tell(self, name: str, value: Json) -> None:
        now = time.perf_counter()
        taken, self._last = (now - self._last) * 1e3, now
        if self.jsonl:
            print_json({"stage": name, "ms": round(taken, 2), "value": value}, pretty=False)
            return
        say(f"{style(name, bold=True)}  {dim(f'{EXPLAINED[name]}, {taken:.1f} ms')}")
        if name in ("jq", "event", "delta"):
            _print_short(value)
        elif name == "request" and isinstance(value, dict):
            print_request(value, "  ")
        else:
            _print_value(value)
        say()


def _print_value(value: Json) -> None:
    lines = harmless(json_text(value)).splitlines()
    for line in lines[:MOST_LINES]:
        say(f"  {line}")
    if len(lines) > MOST_LINES:
        say(dim(f"  … and {len(lines) - MOST_LINES} lines more"))


def _print_short(value: Json) -> None:
    if isinstance(value, dict) and value.keys() == {"data", "gave"}:
        say(f"  {plain(dump(value['data']).decode())}")
        say(f"  {dim('gave')} {plain(dump(value['gave']).decode())}")
    else:
        say(f"  {plain(dump(value).decode())}")
