"""A server's log: a line for each call, for each change of a skill, and for what goes wrong."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from agentos_runtime import jsontext
from agentos_runtime.calls.messages import NEAREST
from agentos_runtime.cli.serving.printing import Lines
from agentos_runtime.cli.terminal.output import dim, plain, style
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex
from agentos_runtime.runtime.telling.watched import Ended
from agentos_runtime.visible import visible_json

_COLOURS: Mapping[str, str] = {"ok": "green", "error": "red", "cancelled": "yellow"}
MOST_OF_A_NAME = 200
MOST_NAMES = 10
_NAME = regex("[A-Za-z][A-Za-z0-9_.]{0,30}")
"""Characters of what a caller calls a skill or a utility."""


class Log:
    """What a server has to say. Texts are for people, and events hold the same for programs."""

    def __init__(self, lines: Lines, *, as_json: bool, wall: Callable[[], float] = time.time) -> None:
        self._lines = lines
        self._as_json = as_json
        self._wall = wall

    def tell(self, event: str, text: str, about: Mapping[str, Json]) -> None:
        """One line. event: its kind; about: what programs get besides."""
        now = datetime.fromtimestamp(self._wall(), UTC)
        if self._as_json:
            moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            said = jsontext.dump({"time": moment, "event": event, **about}).decode("utf-8", "surrogatepass")
            self._lines.say(visible_json(said))
        else:
            self._lines.say(f"{dim(now.astimezone().strftime('%H:%M:%S'))} {text}")

    def warn(self, text: str) -> None:
        self.tell("warning", f"{style('warning:', fg='yellow', bold=True)} {text}", {"message": text})

    def call(self, ended: Ended) -> None:
        """A call that ended."""
        call, closing = ended.call, ended.closing
        about: dict[str, Json] = {
            "request_id": call.request_id,
            "trace_id": call.parent.trace_id if call.parent else None,
            "agent": call.agent,
            "skill": call.skill[:MOST_OF_A_NAME],
            "utility": call.utility[:MOST_OF_A_NAME],
            "surface": call.surface,
            "streamed": ended.streamed,
            "simulated": ended.simulated,
            **({"ignored_params": [*_ignored(ended)]} if ended.ignored else {}),
            **asdict(closing),
        }
        self.tell("call", _call_text(ended), about)

    def inexact(self, ended: Ended) -> None:
        """A call that a simulation answered with something else than what was asked for."""
        call = ended.call
        if ended.simulated is not None and ended.simulated.endswith(NEAREST):
            case = ended.simulated.partition(";")[0]
            said = (
                f"{plain(f'{call.skill}/{call.utility}')}: no case is about this very request; the nearest, "
                f"{plain(case)}, answered (--simulate=strict refuses)"
            )
            self.tell("inexact", said, {"request_id": call.request_id, "message": said})


def _call_text(ended: Ended) -> str:
    call, closing = ended.call, ended.closing
    named = f" {closing.code}" if closing.code else ""
    outcome = f"{closing.status if closing.outcome == 'error' else closing.outcome}{named}"
    parts = [
        plain(call.agent),
        plain(f"{call.skill[:MOST_OF_A_NAME]}/{call.utility[:MOST_OF_A_NAME]}"),
        style(outcome, fg=_COLOURS[closing.outcome]),
        _duration(closing.duration_ms or 0.0),
        *([plain(closing.model)] if closing.model else []),
        *_usage(ended),
        *(["stream"] if ended.streamed else []),
        *([f"case {plain(ended.simulated.partition(';')[0])}"] if ended.simulated else []),
        *([f"ignored {plain(', '.join(_ignored(ended)))}"] if ended.ignored else []),
        dim(call.request_id),
        *([dim(f"trace {call.parent.trace_id}")] if call.parent else []),
    ]
    return "  ".join(parts)


def _ignored(ended: Ended) -> list[str]:
    """The names of params that were not sent: some of them, and for what looks like no name `…`."""
    names = [name if _NAME.fullmatch(name) else "…" for name in ended.ignored[:MOST_NAMES]]
    return [*names, "…"] if len(ended.ignored) > MOST_NAMES else names


def _usage(ended: Ended) -> list[str]:
    closing = ended.closing
    said = []
    if closing.input_tokens is not None or closing.output_tokens is not None:
        said.append(f"{closing.input_tokens or 0}+{closing.output_tokens or 0} tokens")
    if closing.cost is not None:
        said.append("$" + (f"{closing.cost:.9f}".rstrip("0").rstrip(".") or "0"))
    return said


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1e3:.1f} s"


class LoggedRecords(logging.Handler):
    """What parts of the runtime log of their own accord: bugs, with where they were and never what they held."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        level = record.levelname.lower()
        self._log.tell(level, f"{style(f'{level}:', fg='red', bold=True)} {message}", {"message": message})


class BareRecords(logging.Handler):
    """The same where no log is kept: only what they say."""

    def __init__(self, lines: Lines) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.say(record.getMessage())
