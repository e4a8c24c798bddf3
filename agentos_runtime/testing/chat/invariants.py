"""Chat's invariants over cases: deltas add up, packets do not matter, no failure is a reply, replies go back.

Each starts from a case whose own test says what its generation is; only the delivery, or what follows, is changed.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.testing.model import Case, SimulatedAnswer
from agentos_runtime.testing.run import CaseRunner, Outcome

SAME = ("content", "tool_calls", "stop_reason", "reasoning", "refusal")
"""What one generation says whole and in pieces; ids and times are each answer's own."""
MARK = "agentos-result-5e1f"
"""Stands in the results that are sent back, to be found in what goes out."""
OURS = frozenset({"invalid_params", "expression_failed", "expression_limit", "internal_error", "reply_mismatch"})
NO_REPLIES: Mapping[str, bytes] = {
    "an empty answer": b"",
    "an empty object": b"{}",
    "a web page": b"<!DOCTYPE html><html><title>Just a moment</title></html>",
    "an error inside of a success": b'{"error": {"message": "something went wrong", "code": 500}}',
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant over one case; no problem = it holds."""

    case: Case
    invariant: str
    problem: str | None

    def as_json(self) -> dict[str, Json]:
        return {"case": self.case.name, "invariant": self.invariant, "problem": self.problem}


class Invariants:
    """Tries them through a runtime whose upstream answers with one case at a time."""

    def __init__(self, runner: CaseRunner) -> None:
        self._runner = runner

    async def of(self, cases: Sequence[Case]) -> AsyncIterator[Finding]:
        """Everything that is found about these cases, good and bad."""
        for finding in twins(cases):
            yield finding
        for case in cases:
            if case.error is not None or not isinstance(case.reply, dict):
                if case.error is not None and not case.streams and len(case.exchanges) == 1:
                    yield Finding(case, "a stream is refused like the plain call", await self._refused_stream(case))
                continue
            yield Finding(case, "tool_use stands with calls, and only then", _reason_problem(case.reply))
            yield Finding(case, "the reply goes back as it came", await self._replayed(case, case.reply))
            if case.streams:
                yield Finding(case, "the deltas add up to done", await self._added_up(case))
                yield Finding(case, "packets do not matter", await self._repacked(case))
                yield Finding(case, "a stream that is cut is no reply", await self._cut(case))
            elif len(case.exchanges) == 1:
                yield Finding(case, "no failure is a reply", await self._no_reply(case))

    async def _refused_stream(self, case: Case) -> str | None:
        if not case.utility.rest.stream or case.answer.status < 300:
            return None
        outcome = await self._runner.play(case, streaming=True)
        code = (outcome.error or {}).get("code")
        return None if code == (case.error or {}).get("code", code) and outcome.error else f"the stream says {code}"

    async def _replayed(self, case: Case, reply: Mapping[str, Json]) -> str | None:
        messages, calls = case.params.get("messages"), reply.get("tool_calls")
        if not isinstance(messages, list) or not isinstance(calls, list):
            return None
        made = [call for call in calls if isinstance(call, dict)]
        results: list[Json] = [{"role": "tool", "tool_call_id": call.get("id"), "content": MARK} for call in made]
        following: list[Json] = results or [{"role": "user", "content": MARK}]
        said: Json = {"role": "assistant", **reply}
        params = {**case.params, "messages": [*messages, said, *following]}
        outcome = await self._runner.play(replace(case, params=params))
        code = (outcome.error or {}).get("code")
        if code in OURS or not self._runner.sent:
            return f"sent back with {'its results' if results else 'a question'} it is {code}: {_words(outcome)}"
        return _missing(self._runner.sent[0].body, reply, made, len(following))

    async def _added_up(self, case: Case) -> str | None:
        outcome = await self._runner.play(case, streaming=True)
        if not isinstance(outcome.reply, dict):
            return f"it fails: {_words(outcome)}"
        deltas = [delta for delta in outcome.deltas if isinstance(delta, dict)]
        for key in ("content", "reasoning", "refusal"):
            told = "".join(str(delta.get(key) or "") for delta in deltas)
            if told != (outcome.reply.get(key) or ""):
                return f"{key} adds up to {_short(told)}, and done says {_short(outcome.reply.get(key))}"
        return _calls_problem(added_calls(deltas), outcome.reply.get("tool_calls"))

    async def _repacked(self, case: Case) -> str | None:
        events = case.answer.events or ()
        whole = b"".join(events)
        bytewise = tuple(whole[at : at + 7] for at in range(0, len(whole), 7))
        for packets in ((whole,), bytewise):
            outcome = await self._runner.play(
                _answering(case, replace(case.answer, events=packets)), streaming=True
            )
            if outcome.reply != case.reply:
                return (
                    f"in {'one packet' if len(packets) == 1 else 'small packets'} done differs: {_words(outcome)}"
                )
        return None

    async def _cut(self, case: Case) -> str | None:
        events = case.answer.events or ()
        for count in range(len(events) // 2 + 1):
            outcome = await self._runner.play(
                _answering(case, replace(case.answer, events=events[:count])), streaming=True
            )
            if outcome.error is None and outcome.reply != case.reply:
                return f"after {count} of {len(events)} events it passes for whole"
        return None

    async def _no_reply(self, case: Case) -> str | None:
        for what, body in NO_REPLIES.items():
            answer = SimulatedAnswer(200, case.answer.headers, body)
            outcome = await self._runner.play(_answering(case, answer), streaming=False)
            if outcome.error is None:
                return f"{what} with status 200 passes for a reply"
            if outcome.error.get("code") in OURS:
                return f"{what} with status 200 is {outcome.error.get('code')}: {_words(outcome)}"
        return None


def twins(cases: Sequence[Case]) -> Iterator[Finding]:
    """Cases with the same params, one whole and one in pieces, tell one generation."""
    whole = {dump(dict(case.params)): case for case in cases if not case.streams and _told(case)}
    for case in cases:
        other = whole.get(dump(dict(case.params))) if case.streams and _told(case) else None
        if other is None:
            continue
        one, two = _told(case), _told(other)
        differing = [key for key in SAME if one.get(key) != two.get(key)]
        problem = f"{', '.join(differing)} differ from those of the case {other.name}" if differing else None
        yield Finding(case, "whole and in pieces it is one reply", problem)


def added_calls(deltas: Sequence[Mapping[str, Json]]) -> list[dict[str, str]]:
    """The calls as a caller has them that only adds texts up by index."""
    calls: dict[int, dict[str, str]] = {}
    for delta in deltas:
        pieces = delta.get("tool_calls")
        for piece in pieces if isinstance(pieces, list) else []:
            if isinstance(piece, dict) and isinstance(index := piece.get("index"), int):
                call = calls.setdefault(index, {"id": "", "name": "", "input_json": ""})
                for key in call:
                    call[key] += str(piece.get(key) or "")
    return [call for _, call in sorted(calls.items())]


def _calls_problem(added: list[dict[str, str]], told: Json) -> str | None:
    calls = [call for call in told if isinstance(call, dict)] if isinstance(told, list) else []
    if len(added) != len(calls):
        return f"the deltas tell {len(added)} calls, and done {len(calls)}"
    for one, call in zip(added, calls, strict=True):
        if one["id"] != call.get("id") or one["name"] != call.get("name"):
            return (
                f"the deltas tell the call {one['id']} {one['name']}, and done {call.get('id')} {call.get('name')}"
            )
        if "raw_arguments" not in call and _read(one["input_json"]) != call.get("input"):
            return f"the arguments of {call.get('name')} add up to {_short(one['input_json'])}"
    return None


def _read(text: str) -> Json:
    try:
        value: Json = json.loads(text or "{}")
    except ValueError:
        return None
    return value


def _reason_problem(reply: Mapping[str, Json]) -> str | None:
    reason, calls = reply.get("stop_reason"), reply.get("tool_calls")
    if reason == "tool_use" and not calls:
        return "it says tool_use without a call: a loop that asks while it does would never end"
    if calls and reason not in ("tool_use", "max_tokens", "content_filter"):
        return f"it has calls, and says {reason}"
    return None


def _missing(
    body: object, reply: Mapping[str, Json], calls: Sequence[Mapping[str, Json]], marks: int
) -> str | None:
    sent = _unescaped(body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body))
    content = reply.get("content")
    if isinstance(content, str) and content.strip() and _unescaped(content) not in sent:
        return "what the model said is not sent back"
    for call in calls:
        if str(call.get("name")) not in sent:
            return f"the call of {call.get('name')} is not sent back"
    if sent.count(MARK) < marks:
        return "not every result is sent"
    return None


def _unescaped(text: str) -> str:
    """Without what JSON puts before quotes and in place of line ends, at any depth."""
    return text.replace("\\n", "").replace("\n", "").replace("\\", "")


def _told(case: Case) -> Mapping[str, Json]:
    return case.reply if case.error is None and isinstance(case.reply, dict) else {}


def _answering(case: Case, answer: SimulatedAnswer) -> Case:
    return replace(case, exchanges=(replace(case.exchanges[0], answer=answer),), listed=False)


def _words(outcome: Outcome) -> str:
    return _short(outcome.error.get("error") if outcome.error else outcome.reply)


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else dump(value).decode("utf-8", "replace")
    return text if len(text) <= 200 else text[:199] + "…"
