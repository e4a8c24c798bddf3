"""A streamed reply as it comes: text on stdout; reasoning, refusals, tool calls, usage and cost on stderr."""

from collections.abc import AsyncIterator
from typing import Any

from agentos_runtime import jsontext
from agentos_runtime.calls.call import Event
from agentos_runtime.cli.terminal.output import dim, flush, harmless, plain, print_json, say, style
from agentos_runtime.cli.terminal.shell import on_terminal


async def print_stream(events: AsyncIterator[Event], *, jsonl: bool = False) -> None:
    printer: _Printer | _Lines = _Lines() if jsonl else _Printer()
    async for event in events:
        printer.take(event)


class _Lines:
    """Every event as a line of JSON."""

    def take(self, event: Event) -> None:
        print_json({"event": event.name, "data": event.data}, pretty=False)


class _Printer:
    """The text of a chat as it comes; any other stream gives its deltas as lines of JSON."""

    def __init__(self) -> None:
        self._aside = False
        self._said = False
        self._is_chat = False
        self._on_terminal = on_terminal()

    def take(self, event: Event) -> None:
        if event.name == "done":
            self._finish(event.data)
        elif isinstance(event.data, str):
            self._say(event.data)
        elif isinstance(event.data, dict) and self._tells_of_a_chat(event.data):
            self._chat(event.data)
        else:
            print_json(event.data, pretty=False)

    def _tells_of_a_chat(self, delta: dict[str, Any]) -> bool:
        """Rows of a list, and events in a service's own shape, have some keys of a chat's deltas, and others."""
        self._is_chat = self._is_chat or delta.keys() <= _OF_A_CHAT
        return self._is_chat and bool(_OF_A_CHAT & delta.keys())

    def _chat(self, delta: dict[str, Any]) -> None:
        if delta.get("reasoning"):
            self._whisper(delta["reasoning"])
        if delta.get("content"):
            self._say(delta["content"])

    def _say(self, text: str) -> None:
        if self._aside:
            say(err=True)
            self._aside = False
        self._said = True
        say(text, nl=False)
        flush()

    def _whisper(self, text: str) -> None:
        self._aside = True
        say(dim(harmless(text)), nl=False, err=True)

    def _finish(self, reply: Any) -> None:
        if self._aside:
            say(err=True)
        if self._said:
            say()
        if isinstance(reply, dict):
            if self._is_chat:
                _print_aside(reply)
            _print_bill(reply)


def _print_aside(reply: dict[str, Any]) -> None:
    """What a chat says beside its text."""
    if refusal := reply.get("refusal"):
        say(f"{style('refused:', bold=True)} {plain(str(refusal))}", err=True)
    for tool in reply.get("tool_calls") or []:
        if isinstance(tool, dict):
            shown = tool.get("raw_arguments") or jsontext.dump(tool.get("input")).decode()
            problem = f" ({tool['problem']})" if tool.get("problem") else ""
            say(f"{style('tool', bold=True)} {plain(str(tool.get('name')))} {plain(shown + problem)}", err=True)
    for kind in ("images", "audio"):
        if reply.get(kind):
            say(f"{style(f'{kind}:', bold=True)} with --jsonl", err=True)


def _print_bill(reply: dict[str, Any]) -> None:
    usage = reply.get("usage")
    stopped = reply.get("stop_reason") or reply.get("native_stop_reason")
    facts = [f"stopped: {stopped}"] if stopped else []
    if isinstance(usage, dict):
        facts += [
            f"{usage[name]} {name.replace('_', ' ')}"
            for name in ("input_tokens", "output_tokens", "reasoning_tokens")
            if usage.get(name) is not None
        ]
        if isinstance(usage.get("cost"), int | float):
            facts.append(f"${usage['cost']:.9f}".rstrip("0").rstrip("."))
    if facts:
        say(dim(plain(", ".join(facts))), err=True)


_OF_A_CHAT = frozenset(
    {
        "content",
        "reasoning",
        "reasoning_details",
        "refusal",
        "tool_calls",
        "annotations",
        "images",
        "audio",
        "parts",
    }
    | {"stop_reason", "native_stop_reason", "stop_sequence", "usage", "id", "model", "provider", "created", "debug"}
    | {"logprobs", "logprobs_refusal", "service_tier", "system_fingerprint"}
)
"""What the deltas of a chat tell."""
