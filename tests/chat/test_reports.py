"""What was reported of gateways and adapters does not happen here: the table beside this file."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentos_runtime.errors import AgentOSError
from tests.chat.support import Expressions, ndjson, schema, sse
from tests.reading import read_yaml

TABLE: list[dict[str, Any]] = read_yaml((Path(__file__).parent / "reports.yaml").read_text(encoding="utf-8"))
REPLY = Draft202012Validator(schema("chat-reply"))
DELTA = Draft202012Validator(schema("chat-delta"))
HI: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def rows(*keys: str) -> list[Any]:
    return [
        pytest.param(row, id=f"{row['skill']}: {row['name']}") for row in TABLE if any(key in row for key in keys)
    ]


def at(value: Any, place: str) -> Any:
    """What stands there; None where nothing does."""
    for step in place.split("."):
        try:
            value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value


@pytest.mark.parametrize("row", rows("sent", "refused"))
def test_a_request_that_was_refused_elsewhere_is_one_that_is_taken(
    row: dict[str, Any], expressions: Expressions
) -> None:
    wire, given = expressions.wire(row["skill"]), {**HI, **row.get("params", {})}
    refusal = wire.refusal(given)
    if "refused" in row:
        assert row["refused"] in (refusal or "")
        return
    assert refusal is None
    sent = wire.body(given)
    assert {place: at(sent, place) for place in row["sent"]} == row["sent"]
    assert sorted(wire.ignored(given)) == row.get("ignored", [])


def pieces_told(deltas: list[Any]) -> Any:
    """What those know who only add the deltas up."""
    calls: dict[int, str] = {}
    for piece in (piece for delta in deltas for piece in delta.get("tool_calls", [])):
        calls[piece["index"]] = calls.get(piece["index"], "") + piece.get("input_json", "")
    text = "".join(delta.get("content", "") for delta in deltas)
    return text, [json.loads(written or "{}") for _, written in sorted(calls.items())]


@pytest.mark.parametrize("row", rows("answer", "stream", "text"))
def test_an_answer_that_was_misread_elsewhere_is_read(row: dict[str, Any], expressions: Expressions) -> None:
    wire, given = expressions.wire(row["skill"]), {**HI, **row.get("params", {})}

    def said() -> Any:
        if "answer" in row:
            return wire.reply(given, row["answer"], row.get("status", 200))
        events = row["text"].encode() if "text" in row else told(row["stream"])
        streamed = wire.stream(given, events)
        inputs = [call["input"] for call in streamed.done["tool_calls"]]
        for delta in streamed.deltas:
            DELTA.validate(delta)
        assert pieces_told(streamed.deltas) == (streamed.done["content"] or "", inputs)
        last = streamed.deltas[-1] if streamed.deltas else {}
        assert {place: at(last, place) for place in row.get("told", {})} == row.get("told", {})
        return streamed.done

    def told(payloads: list[Any]) -> bytes:
        return ndjson(*payloads) if row["skill"] == "ollama" else sse(*payloads)

    if "error" in row:
        with pytest.raises(AgentOSError) as caught:
            said()
        assert caught.value.code == row["error"]
        assert row.get("words", "") in caught.value.message
        told_by = caught.value.as_json().get("upstream")
        assert {place: at(told_by, place) for place in row.get("upstream", {})} == row.get("upstream", {})
        return
    reply = said()
    REPLY.validate(reply)
    assert {place: at(reply, place) for place in row["reply"]} == row["reply"]


def test_every_row_is_tried() -> None:
    tried = {*map(str, (each.values[0] for each in rows("sent", "refused"))),
             *map(str, (each.values[0] for each in rows("answer", "stream", "text")))}  # fmt: skip
    assert len(tried) == len(TABLE)
    assert len({row["name"] for row in TABLE}) == len(TABLE)
