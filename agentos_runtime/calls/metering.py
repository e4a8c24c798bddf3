"""What a call used: tokens, cost, model, generation. Read from the reply and from the upstream's own body."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex


@dataclass(frozen=True, slots=True)
class Meter:
    """For the ledger: counts and names, never content. Cost in USD; what nobody said is None."""

    model: str | None = None
    provider: str | None = None
    generation_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    cached_input_tokens: int | None = None
    """Of the input tokens; so are those that were written to a cache."""
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    """Of the output tokens."""

    def and_then(self, later: "Meter") -> "Meter":
        """What two requests used together, under the names that the later one told."""
        told: dict[str, Any] = {each.name: getattr(later, each.name) for each in fields(Meter)}
        for name, before in ((each, getattr(self, each)) for each in told):
            if told[name] is None:
                told[name] = before
            elif name in NUMBERS and before is not None:
                told[name] += before
        return Meter(**told)


_NUMBER = frozenset({int, float})
_MOST = 2**53
_WRITTEN = regex(r"[0-9]{1,16}(\.[0-9]{1,40})?([eE]-?[0-9]{1,2})?")
"""A number as a text, as services give amounts that must not be rounded."""
NUMBERS: tuple[str, ...] = (
    *("input_tokens", "output_tokens", "cost"),
    *("cached_input_tokens", "cache_write_tokens", "reasoning_tokens"),
)
"""What of a meter are numbers."""
_OF_ANTHROPIC: Mapping[str, str] = {
    "cache_read_input_tokens": "cached_input_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}
"""What it read from its cache and wrote to it, which it counts apart."""
_OF_GOOGLE: Mapping[str, str] = {"modelVersion": "model", "responseId": "id"}
_COUNTS_OF_GOOGLE: Mapping[str, Sequence[str]] = {
    "input_tokens": ("promptTokenCount", "toolUsePromptTokenCount"),
    "output_tokens": ("candidatesTokenCount", "thoughtsTokenCount"),
    "cached_input_tokens": ("cachedContentTokenCount",),
    "reasoning_tokens": ("thoughtsTokenCount",),
}


def read_meter(*documents: Json, clean: Callable[[str], str] = str) -> Meter:
    """The first document that says a thing wins. `clean` takes out of a name what must not be kept.

    Only what has `usage` is a generation: other replies have ids too, and they are nobody's business here. So is
    what a stream of chat has come to, whatever it says of its usage yet.
    """
    sources = [said_by_google(document) or document for document in documents if isinstance(document, dict)]
    usages = [_with_cache(usage) for source in sources if isinstance(usage := source.get("usage"), dict)]
    model = _text(sources, "model", clean)
    if not usages:
        return Meter(model)
    return Meter(
        model,
        _text(sources, "provider", clean),
        _text(sources, "generation_id", clean) or _text(sources, "id", clean),
        _count(usages, "input_tokens", "prompt_tokens"),
        _count(usages, "output_tokens", "completion_tokens"),
        _first_cost(usages),
        _count(usages, "cached_input_tokens"),
        _count(usages, "cache_write_tokens"),
        _count(usages, "reasoning_tokens"),
    )


def told_so_far(total: Json, *, chat: bool) -> Json:
    """What a stream that is not over has told, in the form of an answer. A chat is a generation also before it says
    what it used.
    """
    if chat and isinstance(total, dict):
        return {"usage": {}} | total
    return _said_in_events(total) if isinstance(total, list) else total


def _said_in_events(events: Sequence[Json]) -> dict[str, Json]:
    """Names and usage in events of a service's own shape, which tell them themselves or in what they hold."""
    said: dict[str, Json] = {}
    usage: dict[str, Json] = {}
    for event in events:
        for source in (event, event.get("message"), event.get("response")) if isinstance(event, dict) else ():
            if not isinstance(source, dict):
                continue
            told = said_by_google(source) or source
            said |= {name: told[name] for name in ("model", "id", "provider") if told.get(name)}
            if isinstance(counts := told.get("usage"), dict):
                usage |= {name: value for name, value in counts.items() if value or usage.get(name) is None}
    return said | {"usage": usage} if usage else {}


def said_by_google(document: Mapping[str, Json]) -> dict[str, Json]:
    """What an answer of Gemini's says in these words; nothing of any other. What is thought is written, what its
    tools read is read.
    """
    usage = document.get("usageMetadata")
    if not isinstance(usage, dict):
        return {}
    counts: dict[str, Json] = {}
    for name, parts in _COUNTS_OF_GOOGLE.items():
        told = [count for part in parts if isinstance(count := usage.get(part), int)]
        if told:
            counts[name] = sum(told)
    named = {ours: document.get(theirs) for theirs, ours in _OF_GOOGLE.items()}
    return {ours: name for ours, name in named.items() if isinstance(name, str) and name} | {"usage": counts}


def _with_cache(usage: dict[str, Json]) -> dict[str, Json]:
    """With what Anthropic read from its cache and wrote to it among the tokens that went in, as in chats."""
    usage = _with_summaries(usage)
    cached = {ours: count for name, ours in _OF_ANTHROPIC.items() if isinstance(count := usage.get(name), int)}
    count = usage.get("input_tokens")
    if not cached or not isinstance(count, int):
        return usage
    return cached | usage | {"input_tokens": count + sum(cached.values())}


def _with_summaries(usage: dict[str, Json]) -> dict[str, Json]:
    """With what summaries of the conversation took, which Anthropic makes on the way, counts apart and bills."""
    listed = usage.get("iterations")
    made = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    made = [each for each in made if each.get("type") == "compaction"]
    sums: dict[str, Json] = {}
    for name in ("input_tokens", "output_tokens", *_OF_ANTHROPIC) if made else ():
        counts = [count for each in (usage, *made) if isinstance(count := each.get(name), int)]
        if counts:
            sums[name] = sum(counts)
    return usage | sums


def _text(sources: list[dict[str, Json]], name: str, clean: Callable[[str], str]) -> str | None:
    for source in sources:
        value = source.get(name)
        if isinstance(value, str) and value:
            return clean(value)[:200]
    return None


def _number(source: dict[str, Json], name: str) -> float | None:
    value = source.get(name)
    if value is None:  # as most are
        return None
    if isinstance(value, str):
        value = _written(value)
    if value.__class__ in _NUMBER and 0 <= value < _MOST:  # type: ignore[operator]
        return value  # type: ignore[return-value]
    return None


def _written(text: str) -> Json:
    """The number that some write as a text, so that nobody rounds it."""
    if not _WRITTEN.fullmatch(text):
        return None
    return int(text) if text.isdigit() else float(text)


def _first_cost(usages: list[dict[str, Json]]) -> float | None:
    """Of a chat that has no name for it, it stands among the details: nothing else tells what a stream cost."""
    details = [told for usage in usages if isinstance(told := usage.get("details"), dict)]
    for usage in (*usages, *details):
        cost = _cost(usage)
        if cost is not None:
            return cost
    return None


def _cost(usage: dict[str, Json]) -> float | None:
    """What the caller pays in all: with a key of its own at the provider also what that one charges.

    Without such a key the provider's charge is the cost again, so that only `is_byok` makes it count.
    """
    cost = _number(usage, "cost")
    details = usage.get("cost_details")
    if usage.get("is_byok") is not True or not isinstance(details, dict):
        return cost
    charged = _number(details, "upstream_inference_cost")
    return cost if charged is None else (cost or 0) + charged


def _count(sources: list[dict[str, Json]], *names: str) -> int | None:
    for source in sources:
        for name in names:
            value = source.get(name)
            if value.__class__ is int and 0 <= value < _MOST:
                return value
            if value is not None and (number := _number(source, name)) is not None:
                return int(number)
    return None
