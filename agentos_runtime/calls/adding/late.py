"""What only the whole reply of a chat tells, as the last delta."""

from agentos_runtime.jsontext import Json, dump


def late_words(total: Json, reply: Json) -> Json:
    """The delta that tells what only the reply has: ids that we gave, what came whole at the end; else None."""
    if not isinstance(total, dict) or not isinstance(reply, dict):
        return None
    late: dict[str, Json] = {
        key: reply[key] for key in _LATE_TEXTS if not total.get(key) and _is_words(reply.get(key))
    }
    late |= {key: reply[key] for key in _LATE_LISTS if reply.get(key) and not total.get(key)}
    calls = reply.get("tool_calls")
    told = total.get("tool_calls") or []
    if isinstance(told, list) and isinstance(calls, list) and len(told) in (0, len(calls)):
        before = told or [{}] * len(calls)
        pieces = [_late_call(index, one, call) for index, (one, call) in enumerate(zip(before, calls, strict=True))]
        more: list[Json] = [piece for piece in pieces if len(piece) > 1]
        late |= {"tool_calls": more} if more else {}
        if more and not told and total.get("stop_reason") == "end_turn" and reply.get("stop_reason") == "tool_use":
            late["stop_reason"] = "tool_use"
    return late or None


_LATE_TEXTS = ("content", "reasoning", "refusal")
_LATE_LISTS = ("annotations", "images")


def _late_call(index: int, told: Json, call: Json) -> dict[str, Json]:
    """What of a call was not told in pieces: nothing of one without a name was."""
    piece: dict[str, Json] = {"index": index}
    if isinstance(told, dict) and isinstance(call, dict):
        before = told if told.get("name") else {}
        piece |= {key: call[key] for key in ("id", "name") if not before.get(key) and _is_words(call.get(key))}
        written = call.get("raw_arguments") or (dump(call["input"]).decode() if call.get("input") else None)
        if written and not before.get("input_json"):
            piece["input_json"] = written
    return piece


def _is_words(value: Json) -> bool:
    return isinstance(value, str) and value != ""
