"""What every kind of source is read into: a service, its operations, and what a manifest cannot say of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Literal

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json

Declaration = dict[str, Json]
"""A param's or a property's declaration, as the manifest writes it."""

Place = Literal["path", "query", "header", "cookie", "body"]


KEY_IN_PATH = ".auth.key"
"""How a field of the path is written that is the key itself, which nobody gives."""


class ImportProblem(ValueError):
    """The source cannot be imported, or not into that skill; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a caller may give, and where it goes."""

    name: str
    """As the service calls it."""
    place: Place
    declaration: Declaration
    required: bool = False
    documented: Json = None
    """The service's own default, which is not sent."""
    write: str = "{}"
    """The jq that is sent, where `{}` stands for the param's path; of a path field, the text around its value.

    Without `{}` nobody gives it.
    """


@dataclass(frozen=True, slots=True)
class Body:
    """How an operation's body fields are sent."""

    encoding: Literal["json", "form", "multipart", "text", "binary"] = "json"
    content_type: str | None = None
    """Sent as a header when it is not what the encoding sends by itself."""
    whole: bool = False
    """The one body field is the whole body."""
    extra: bool = False
    """Fields that are not declared are sent too."""
    nulls: tuple[str, ...] = ()
    """Fields that are sent as null when nothing is given for them."""
    empty: bool = False
    """A body without a field is sent all the same."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes back."""

    kind: Literal["json", "void", "raw"] = "json"
    returns: Json = None
    """As the manifest writes it; None = anything."""
    rows: str | None = None
    """JSON Pointer to the list that the reply is about; "" when the body is the list."""
    entity: str | None = None
    """What one of the rows is called."""
    streams: bool = False
    form: str | None = None
    """What the answer is written in, when it is no JSON: `text`, `csv`, `xml`, `ndjson`."""
    described: bool = True
    """The description says what comes back."""
    done: str | None = None
    """The data of the event that ends a stream."""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the body holds, and what each of that holds, without addresses."""
    next_address: str | None = None
    """jq over the body: the address of the next page; or `link`, which its `Link` header says."""
    cursors: tuple[tuple[str, ...], ...] = ()
    """Where, more than two levels deep, a cursor may stand."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the service."""

    method: str
    path: str
    """With `{name}` for each path field, as the service names it."""
    description: str
    id: str = ""
    """The service's own name for it."""
    tag: str = ""
    fields: tuple[Field, ...] = ()
    body: Body = Body()
    nested: bool = False
    """Maps and lists of its query or form are written with brackets."""
    reply: Reply = Reply()
    stream_field: str | None = None
    """The body field that asks for a stream."""
    paginate: Mapping[str, Json] | None = None
    credential: str | None = None
    """The credential it carries; "" = none, None = the service's usual one."""
    base_url: str | None = None
    """When it is not the service's."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent as they are."""
    idempotency_header: str | None = None
    deprecated: bool = False
    reads: bool = False
    """It only reads, though its method does not say so."""
    web_url: str | None = None
    request_example: Json = None
    """A body that the service shows."""
    reply_example: Json = None

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Api:
    """One service."""

    title: str
    description: str
    version: str
    base_url: str
    operations: tuple[Operation, ...]
    auth: Json = None
    """As the manifest writes it; None = no credential."""
    website: str | None = None
    terms_url: str | None = None


Told = tuple[tuple[str, str | None, str], ...]
"""Sentences, each with what follows the place that it is told of; None where it is told of another."""


@dataclass(slots=True)
class Losses:
    """What a manifest cannot say: each sentence once, with the places it is true of."""

    found: dict[str, dict[str, None]] = field(default_factory=dict)

    heard: list[tuple[str, str]] = field(default_factory=list)
    """All that was told, in order, for who tells it again of another place."""
    _muted: int = 0

    @contextmanager
    def muted(self) -> Iterator[None]:
        """What is told meanwhile is heard and not kept: something is only looked at."""
        self._muted += 1
        try:
            yield
        finally:
            self._muted -= 1

    def add(self, sentence: str, place: str = "") -> None:
        if not self._muted:
            self.found.setdefault(sentence, {})[place] = None
        self.heard.append((sentence, place))

    def since(self, mark: int, place: str) -> "Told":
        """What was told since so many, of a place and of what lies below it."""
        return tuple(
            (sentence, where[len(place) :] if where.startswith(place) else None, where)
            for sentence, where in self.heard[mark:]
        )

    def again(self, told: "Told", place: str) -> None:
        """The same, of another place."""
        for sentence, below, where in told:
            self.add(sentence, where if below is None else place + below)

    def lines(self, most: int = 4) -> list[str]:
        """One line a loss: the sentence, how often, the first places; what is true of the whole comes first."""
        found = [(sentence, [place for place in places if place]) for sentence, places in self.found.items()]
        return [_line(sentence, places, most) for sentence, places in sorted(found, key=lambda one: bool(one[1]))]


def _line(sentence: str, places: list[str], most: int) -> str:
    if not places:
        return sentence
    more = f", and {len(places) - most} more" if len(places) > most else ""
    return f"{sentence}: {', '.join(places[:most])}{more}"
