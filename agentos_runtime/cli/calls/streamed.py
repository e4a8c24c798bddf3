"""A streamed reply as it comes: text on stdout; reasoning, tool calls, usage and cost on stderr."""

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
    """Text as it comes; a stream without text gives its deltas as lines of JSON."""

    def __init__(self) -> None:
        self._aside = False
        self._said = False
        self._on_terminal = on_terminal()

    def take(self, event: Event) -> None:
        if event.name == "done":
            self._finish(event.data)
        elif isinstance(event.data, str):
            self._say(event.data)
        elif isinstance(event.data, dict) and _CHAT & event.data.keys():
            self._chat(event.data)
        else:
            print_json(event.data, pretty=False)

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
            for tool in reply.get("tool_calls") or []:
                shown = jsontext.dump(tool.get("input")).decode() if isinstance(tool, dict) else ""
                say(f"{style('tool', bold=True)} {plain(str(tool.get('name')))} {plain(shown)}", err=True)
            _print_bill(reply)


def _print_bill(reply: dict[str, Any]) -> None:
    usage = reply.get("usage")
    facts = [f"stopped: {reply['stop_reason']}"] if reply.get("stop_reason") else []
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


_CHAT = frozenset({"content", "reasoning", "tool_calls", "usage", "stop_reason", "id", "model"})
