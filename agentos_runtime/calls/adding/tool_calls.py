"""Pieces of tool calls find their call, however a provider numbers them.

By `index`, a count, or `key`, any other value that stands for one call in this stream; else by the id; else the
call opened last goes on. A new id with a name begins a call of its own wherever it comes. Callers always see an
index. Where callers know tools by other names than the provider (`names`), a name is told when it is whole.
"""

from agentos_runtime.calls.adding.arguments import Arguments
from agentos_runtime.calls.adding.texts import DeltaError, JoinedTexts, hashable, listed
from agentos_runtime.jsontext import Json

_OWN = frozenset({"index", "key", "id", "name", "names", "input_json"})


class ToolCalls:
    """The tool calls of one reply."""

    def __init__(self, texts: JoinedTexts) -> None:
        self._texts = texts
        self._calls: dict[int, _Call] = {}
        self._places: dict[Json, int] = {}
        """Where a provider's index or key stands now."""
        self._ids: dict[str, int] = {}
        self._last: int | None = None
        """The call opened last."""

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def is_any_named(self) -> bool:
        """Whether there is a call that says of what."""
        return any(call.is_named for call in self._calls.values())

    def take(self, value: Json) -> list[Json]:
        """Add pieces; gives what of them is news. Raises DeltaError."""
        news: list[Json] = []
        for part in listed("tool_calls", value):
            if not isinstance(part, dict):
                raise DeltaError("a delta's tool_calls must be objects")
            index = self._index_of(part)
            fresh = self._calls[index].take(part)
            if (identifier := self._calls[index].identifier) is not None:
                self._ids[identifier] = index
            if fresh:
                news.append({"index": index} | fresh)
        return news

    def go_on(self, index: int, key: str, text: str) -> list[Json]:
        """Add what was held back of a call's name or arguments."""
        fresh = self._calls[index].go_on(key, text)
        return [{"index": index} | fresh] if fresh else []

    def flush(self) -> list[Json]:
        """Names that waited for arguments, which some calls have not, and arguments that waited.

        What has no name is the reply's to tell.
        """
        told = [(index, call.flush()) for index, call in sorted(self._calls.items())]
        return [{"index": index} | news for index, news in told if news]

    def total(self) -> list[Json]:
        return [call.total() for _, call in sorted(self._calls.items())]

    def _index_of(self, part: dict[str, Json]) -> int:
        """The call that a piece belongs to, opened when it is the first of it."""
        place, identifier, name = _place(part), _said(part.get("id")), _said(part.get("name"))
        if place is None:
            found = self._unplaced(part, identifier, name)
            return self._open(None) if found is None else found
        found = self._places.get(place)
        if found is None:
            found = self._not_placed_yet(part, place, identifier, name)
        if found is None or self._calls[found].is_over_for(part, identifier, name):
            return self._open(place)
        self._places[place] = found
        return found

    def _unplaced(self, part: dict[str, Json], identifier: str | None, name: str | None) -> int | None:
        """Without an index the id says whose piece it is, else it goes on with the call opened last."""
        if identifier in self._ids:
            found = self._ids[identifier]
            return None if self._calls[found].is_told(part, name) else found
        if self._last is None:
            return None
        last = self._calls[self._last]
        if identifier is not None:
            nameless = last.identifier is None and (name is None or last.may_be_named(name))
            goes_on = nameless or last.goes_on_in(part, name)
        else:
            goes_on = name is None or last.may_be_named(name) or last.waits_for_arguments
        return self._last if goes_on else None

    def _not_placed_yet(
        self, part: dict[str, Json], place: Json, identifier: str | None, name: str | None
    ) -> int | None:
        """The call that was opened without an index and goes on with one, or is told again at another."""
        placed = self._places.values()
        if identifier in self._ids:
            found = self._ids[identifier]
            is_other = found in placed and name is not None and not self._calls[found].is_told_again(part, name)
            return None if is_other else found
        alone = identifier is None and name is None
        counted = isinstance(place, int)
        fits = alone and self._last not in placed and (self._last == place or not counted)
        return self._last if fits else None

    def _open(self, place: Json) -> int:
        free = type(place) is int and place not in self._calls
        index = place if isinstance(place, int) and free else max(self._calls, default=-1) + 1
        self._calls[index] = _Call(index, self._texts)
        if place is not None:
            self._places[place] = index
        self._last = index
        return index


class _Call:
    """One tool call. Its first id counts, since later pieces repeat it as null, "" or another one."""

    __slots__ = (
        *("_arguments", "_index", "_input", "_more", "_name", "_names", "_shown", "_texts", "_waiting"),
        "identifier",
    )

    def __init__(self, index: int, texts: JoinedTexts) -> None:
        self._index = index
        self._texts = texts
        self.identifier: str | None = None
        self._name = ""
        """As the provider wrote it; `_shown` as callers see it."""
        self._shown = ""
        self._names: dict[str, Json] = {}
        """By the provider's name the callers' own."""
        self._arguments = Arguments()
        self._input: list[str] = []
        """The arguments as callers see them."""
        self._more: dict[str, Json] = {}
        self._waiting: dict[str, Json] = {}
        """News that wait for the call's name."""

    def take(self, part: dict[str, Json]) -> dict[str, Json]:
        news: dict[str, Json] = {}
        if self.identifier is None and (identifier := _said(part.get("id"))) is not None:
            self.identifier = news["id"] = identifier
        for key, value in part.items():
            if key not in _OWN and value is not None and value != "" and key not in self._more:
                self._more[key] = news[key] = value
        if isinstance(names := part.get("names"), dict):
            self._names = names
        if name := _said(part.get("name")):
            news |= self._take_name(name)
        text = part.get("input_json")
        if text is not None and not isinstance(text, str):
            raise DeltaError("a tool call's input_json must be a text")
        if text and (fresh := self._arguments.take(text)):
            news = self._told(fresh, news)
        return self._named(news)

    def go_on(self, key: str, text: str) -> dict[str, Json]:
        return self._named(self._go_on(key, text, {}))

    def flush(self) -> dict[str, Json]:
        if rest := self._arguments.end():
            return self._named(self._told(rest, {}))
        return self._named(self._own_name({})) if self._names and not self._shown else {}

    def _told(self, text: str, news: dict[str, Json]) -> dict[str, Json]:
        """More of the arguments, before which the name is whole."""
        news |= self._own_name(news)
        news |= self._go_on("name", self._texts.end(self._channel("name")), news)
        return news | self._go_on("input_json", self._texts.feed(self._channel("input_json"), text), {})

    def is_over_for(self, part: dict[str, Json], identifier: str | None, name: str | None) -> bool:
        """Whether a piece at this call's place begins another call."""
        if name is None:
            return False
        if self.is_told(part, name) and not (name.startswith(self._name) or self._name.startswith(name)):
            return True  # whatever ids say: no tool has a name of two
        if identifier is not None and self.identifier is not None:
            return identifier != self.identifier and not self.goes_on_in(part, name)
        if identifier is not None:
            begins_so = not self._arguments and name.startswith(self._name)
            return not (begins_so or self.may_be_named(name))
        return self.identifier is None and self.is_told(part, name)

    def is_told(self, part: dict[str, Json], name: str | None) -> bool:
        """Whether a piece with a name and arguments comes after all arguments: it is another call's."""
        text = part.get("input_json")
        if name is None or not isinstance(text, str) or not text or not self._arguments.is_complete:
            return False
        return not self.is_told_again(part, name)

    def is_told_again(self, part: dict[str, Json], name: str) -> bool:
        """Whether a piece is this call once more: its id, name and arguments."""
        text = part.get("input_json")
        same = self.identifier is not None and part.get("id") == self.identifier and name == self._name
        return same and isinstance(text, str) and text != "" and self._arguments.is_said_again(text)

    def goes_on_in(self, part: dict[str, Json], name: str | None) -> bool:
        """Whether a piece goes on with arguments of which only a part came, although it has another id."""
        text = part.get("input_json")
        begins = not isinstance(text, str) or text.lstrip()[:1] in ("", "{")
        return name == self._name and not begins and bool(self._arguments) and not self._arguments.is_complete

    def may_be_named(self, name: str) -> bool:
        """Whether the name is this call's: it has none, or has told only a part of its arguments."""
        return not self._name or (name == self._name and bool(self._arguments) and not self._arguments.is_complete)

    @property
    def is_named(self) -> bool:
        return bool(self._name)

    @property
    def waits_for_arguments(self) -> bool:
        """Whether only its beginning came: a name may come in pieces then."""
        return self.identifier is not None and not self._arguments

    def total(self) -> dict[str, Json]:
        named = {"id": self.identifier, "name": self._shown or None}
        return named | self._more | {"input_json": "".join(self._input) or self._arguments.placeholder}

    def _take_name(self, name: str) -> dict[str, Json]:
        """A name that says the one so far again, or more of it, replaces it; any other goes on with it.

        Where arguments have begun it was whole: any other is none.
        """
        if self._arguments and not name.startswith(self._name):
            return {}
        rest = name.removeprefix(self._name)
        if self._names and self._shown:
            return {}  # the name was told, and what is told of it later is the provider's
        self._name = name if name.startswith(self._name) else self._name + name
        if self._names:
            return {}
        return self._go_on("name", self._texts.feed(self._channel("name"), rest), {}) if rest else {}

    def _own_name(self, news: dict[str, Json]) -> dict[str, Json]:
        """The name by which callers know the tool, now that the provider's is whole."""
        if not self._names or self._shown or not self._name:
            return {}
        own = self._names.get(self._name, self._name)
        return self._go_on("name", self._texts.feed(self._channel("name"), str(own)), news)

    def _go_on(self, key: str, text: str, news: dict[str, Json]) -> dict[str, Json]:
        if not text:
            return {}
        if key == "input_json":
            self._input.append(text)
            return {key: text}
        before = self._shown.removesuffix(str(news.get("name", "")))
        self._shown += text
        fresh = self._shown[len(before) :]
        # A caller would take a piece that begins with the name so far for the whole name.
        return {key: self._shown if before and fresh.startswith(before) else fresh}

    def _named(self, news: dict[str, Json]) -> dict[str, Json]:
        """News of a call; until it has a name they wait."""
        if self._shown and self._waiting:
            text = f"{self._waiting.get('input_json', '')}{news.get('input_json', '')}"
            news = self._waiting | news | ({"input_json": text} if text else {})
            self._waiting = {}
        if self._shown or not news:
            return news
        text = f"{self._waiting.get('input_json', '')}{news.get('input_json', '')}"
        self._waiting |= news | ({"input_json": text} if text else {})
        return {}

    def _channel(self, key: str) -> tuple[Json, ...]:
        return ("tool_calls", self._index, key)


def _place(part: dict[str, Json]) -> Json:
    """The index or key that a piece names, None when it names none."""
    if (key := part.get("key")) is not None:
        counted = hashable(key) if isinstance(key, str) else key
        return f"{type(counted).__name__} {hashable(counted)}"
    index = part.get("index")
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        raise DeltaError("a tool call's index must be a whole number")
    return index


def _said(value: Json) -> str | None:
    """An id or a name; null and "" say nothing."""
    return None if value is None or value == "" else value if isinstance(value, str) else str(value)
