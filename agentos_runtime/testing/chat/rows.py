"""What a chat can be asked and can answer, as rows that cases cover."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from agentos_runtime.jsontext import Json
from agentos_runtime.testing.model import Case


def _reply(case: Case) -> Mapping[str, Json]:
    return case.reply if case.error is None and isinstance(case.reply, dict) else {}


def _calls(case: Case) -> list[Json]:
    calls = _reply(case).get("tool_calls")
    return calls if isinstance(calls, list) else []


def _messages(case: Case) -> list[Mapping[str, Json]]:
    messages = case.params.get("messages")
    return [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []


def _parts(case: Case) -> Iterator[Json]:
    for message in _messages(case):
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            yield part.get("type") if isinstance(part, dict) else None


def _has_no_input(call: Json) -> bool:
    return isinstance(call, dict) and call.get("input") == {}


def _status(case: Case) -> int:
    return case.exchanges[0].answer.status if case.exchanges else 0


Row = Callable[[Case], bool]

ROWS: Mapping[str, Row] = {
    "a text, whole": lambda case: not case.streams and bool(_reply(case).get("content")),
    "a text, in pieces": lambda case: case.streams and bool(_reply(case).get("content")),
    "a call, whole": lambda case: not case.streams and bool(_calls(case)),
    "a call, in pieces": lambda case: case.streams and bool(_calls(case)),
    "several calls in one reply": lambda case: len(_calls(case)) > 1,
    "a call without arguments": lambda case: any(map(_has_no_input, _calls(case))),
    "thinking": lambda case: bool(_reply(case).get("reasoning")),
    "an answer cut at the token limit": lambda case: _reply(case).get("stop_reason") == "max_tokens",
    "an answer that was filtered": lambda case: _reply(case).get("stop_reason") == "content_filter",
    "a reply and its results, sent back": lambda case: any(m.get("role") == "tool" for m in _messages(case)),
    "a system prompt": lambda case: bool(case.params.get("system")),
    "a picture in a message": lambda case: "image_url" in _parts(case),
    "a tool that has to be called": lambda case: case.params.get("tool_choice") not in (None, "auto", "none"),
    "JSON of a schema": lambda case: case.params.get("response_format") is not None,
    "a failure before the answer": lambda case: case.error is not None and _status(case) >= 400,
    "a failure inside of a success": lambda case: (
        case.error is not None and not case.streams and _status(case) == 200
    ),
    "a failure in the middle of a stream": lambda case: case.error is not None and case.streams,
    "a limit of calls": lambda case: (case.error or {}).get("code") == "upstream_rate_limited",
    "a wrong key": lambda case: (case.error or {}).get("code") == "credential_rejected",
    "params that the service refuses": lambda case: (case.error or {}).get("code") == "upstream_rejected",
}


def uncovered(cases: Sequence[Case]) -> tuple[str, ...]:
    """The rows that none of these cases is about."""
    return tuple(name for name, covers in ROWS.items() if not any(map(covers, cases)))
