"""A loaded skill and its utilities: frozen values, parsed and checked, ready to be called."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal as Choice
from typing import TypeAlias

from agentos_runtime.diagnostics import Place, Problem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.model.auth import Auth
from agentos_runtime.manifest.model.local import Local
from agentos_runtime.manifest.model.nodes import (
    NO_FIELDS,
    Expression,
    Fields,
    Jq,
    Literal,
    Node,
    PlainPath,
    UrlTemplate,
)
from agentos_runtime.manifest.shapes import Shape


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """What an answer is written in, and how that is read."""

    kind: Choice["json", "text", "lines", "csv", "xml", "ndjson", "any"] = "json"
    """`any`: JSON where it is some, else handed on as it comes."""
    simple: bool = False
    """XML as `{tag: value}`."""
    delimiter: str = ","
    """Between the values of a row of CSV."""
    header: bool = True
    """Whether the first row of CSV names its columns."""
    charset: str | None = None
    """Of answers that name none; None = UTF-8."""


@dataclass(frozen=True, slots=True)
class Response:
    """How an upstream response becomes the reply."""

    error: Jq | PlainPath | Literal | None = None
    """None = the default predicate; Literal(False) = off."""
    root: tuple[str, ...] | None = None
    """The tokens of a JSON Pointer."""
    root_place: Place | None = None
    transform: Expression | None = None
    mapping: tuple[tuple[str, Expression], ...] = ()
    raw: bool = False
    empty_ok: bool = False
    """An empty body is null, whatever the status."""
    format: AnswerFormat = AnswerFormat()


@dataclass(frozen=True, slots=True)
class Stream:
    """How upstream events become deltas, and deltas the reply."""

    delta: Expression
    body: Fields = NO_FIELDS
    """Merged into the body when the caller asks for a stream."""
    url: Literal | UrlTemplate | Jq | None = None
    """Where a stream is asked for; None = where the plain call goes."""
    url_place: Place | None = None
    headers: Fields = NO_FIELDS
    """Over the plain call's headers, of which a null takes one away."""
    query: Fields = NO_FIELDS
    """Over the plain call's query."""
    format: Choice["sse", "ndjson"] = "sse"
    error: Expression | Literal | None = None
    done: str | None = None
    """The data of the event that ends the stream (`[DONE]`)."""
    end: Expression | None = None
    """Truthy on the event after which the stream is complete, for upstreams without an end mark; `"soon"`: more may
    come."""
    accumulate: Choice["chat", "text", "list", "last"] = "chat"
    reply: Expression | None = None
    """Over what the deltas added up to: gives what the plain call would have returned. None = as added up."""
    idle_timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Retry:
    """What the author says is safe to repeat."""

    attempts: int = 2
    idempotency_header: str | None = None
    """The header under which the API honours an idempotency key, if it does."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place of a request that the runtime fills: a query key, a header, or a field of the body."""

    location: Choice["query", "header", "body"]
    name: str
    """The key or header; of a body the JSON Pointer."""
    tokens: tuple[str, ...] = ()
    """Of the JSON Pointer."""


@dataclass(frozen=True, slots=True)
class Paginate:
    """How a list goes on: where the position stands in the request, and where the next is found in the reply."""

    style: Choice["offset", "cursor", "page"]
    position: Position
    """What says where to go on; the query key `offset`, `cursor` or `page` unless the manifest says another."""
    limit: Position | None
    """What says how many rows; None when the API has none."""
    items: tuple[str, ...]
    """JSON Pointer tokens of the rows in the body."""
    next: Expression | None = None
    """Over the body: the next cursor, or the next address, null at the end (cursor style)."""
    link: bool = False
    """It goes on at an address: the one that `next` gives, else that of the answer's `Link` header (RFC 8288)."""
    total: Expression | None = None
    """Over the body: how many rows there are in all."""
    pages: Expression | None = None
    """Over the body: how many pages there are in all."""
    size: int = 100
    """Rows asked for per page."""
    maximum: int = 10_000
    """Rows at most, whatever the caller says."""
    start: int | None = None
    """The number of the first page or row; None = 1 for pages, 0 for offsets."""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Poll:
    """How a job that was accepted (202) is followed until it is done."""

    url: Literal | UrlTemplate | Expression
    """A literal url as `rest.url`, or an expression over the first reply."""
    until: Expression
    failed: Expression | None
    interval: float
    deadline: float


Nested: TypeAlias = Choice["brackets", "empty_brackets", "dots", "repeat", "comma"]


@dataclass(frozen=True, slots=True)
class Rest:
    """One HTTP call."""

    method: Choice["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
    url: Literal | UrlTemplate | Jq
    """Absolute: `api.base_url` is already in front of a relative literal."""
    url_place: Place
    headers: Fields = NO_FIELDS
    query: Fields = NO_FIELDS
    body: Node | None = None
    body_extra: Expression | None = None
    keep_null: frozenset[str] = frozenset()
    encoding: Choice["json", "form", "multipart", "text", "binary"] = "json"
    nested: Nested | None = None
    """How maps and lists are written in a form and in the query; None = `repeat`."""
    timeout: float = 600.0
    retry: Retry | None = None
    """None = the manifest says nothing."""
    response: Response = Response()
    ignored: Expression | None = None
    """Over the params: names of those that are not sent, which the caller is told."""
    refuse: Expression | None = None
    """Over the params: null, or the sentence with which the call is refused, or {path, message}."""
    stream: Stream | None = None
    paginate: Paginate | None = None
    poll: Poll | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """What `api` says of the requests of all utilities, which each may say otherwise."""

    headers: Fields = NO_FIELDS
    query: Fields = NO_FIELDS
    nested: Nested | None = None


NOTHING_SHARED = Shared()


@dataclass(frozen=True, slots=True)
class Use:
    """How far agents may call a skill's addresses themselves; None = without a bound."""

    allowed: bool = True
    methods: frozenset[str] | None = None
    paths: tuple[str, ...] | None = None
    """Patterns over the path, in which `*` stands for anything."""


Effect: TypeAlias = Choice["read", "write", "destroy"]


@dataclass(frozen=True, slots=True)
class Page:
    """Where a person would look, as jq over `{params}`: shown, and never asked for anything."""

    written: str
    source: str


@dataclass(frozen=True, slots=True)
class Utility:
    """One thing a skill can do."""

    name: str
    description: str
    params: Mapping[str, Json]
    """The JSON Schema object of the params, as published; those that the runtime owns included."""
    shape: Shape = field(repr=False, compare=False)
    """`params`, compiled once: what `check_params` asks."""
    defaults: Mapping[str, Json]
    returns: Mapping[str, Json] | None
    """The JSON Schema of the reply, as published; None = anything."""
    reply_shape: Shape | None = field(repr=False, compare=False)
    void: bool
    rest: Rest
    credential: str | None  # which of the skill's credentials the call carries
    web_url: str | None
    place: Place
    effect: Effect
    """What a call does at the service, as the author says or as the method lets expect."""
    runtime_params: frozenset[str] = frozenset()
    """Params that belong to the runtime (`limit`, `all`, `wait`): no expression sees them."""
    files: frozenset[str] = frozenset()  # params that are files, or lists of files
    strict_returns: bool = True
    """Whether a reply that does not match `returns` is an error; False: it is counted and handed on."""

    kind: Choice["utility", "operation"] = "utility"
    alias: str | None = None  # the name where names have no dots
    drops_unknown: bool = False  # undeclared params are left out and named to the caller, not refused
    asks: tuple[str, str, str] | None = None
    """Of the utility that `use` is: origin, method and placement of the grant that its calls need."""
    local: Local | None = None
    """What runs on this machine instead of a call of a service; `rest` then says how its answer is read."""
    entity: str | None = None  # what it gives, or gives a list of, by its entity's name
    handles_urls: tuple[str, ...] = ()  # patterns of web addresses that it reads
    account_params: frozenset[str] = frozenset()  # params that are the same for all calls of an account
    deciding: frozenset[str] = frozenset()  # params that choose among urls of the file, and are in none of them
    page: Page | None = None  # `web_url` where it is jq

    @property
    def streams(self) -> bool:
        """Whether a caller may ask for a stream: of the upstream's events, or of a list's pages."""
        return self.rest.stream is not None or self.rest.paginate is not None


EXTRAS = (
    "requires",
    "handles",
    "sources",
    "testing",
    "credits",
    "version",
    "license",
    "metadata",
    "compatibility",
    "allowed-tools",
    "generator",
    "source_url",
    "skill_url",
    "auth_type",
    "icon_url",
)
"""The names that `Skill.extras` may have."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One skill file, checked."""

    id: str
    name: str
    description: str
    file: Path
    digest: str  # sha256 of the file's bytes, hex; with parts, of the digests of all its files
    files: tuple[str, ...]  # sha256 of each file's bytes, hex: the manifest, then its parts
    kind: Choice["callable", "instructions"]
    utilities: Mapping[str, Utility]
    auth: Mapping[str, Auth]
    definitions: str = ""
    """jq `def`s put before every expression of the skill; ends with a newline unless empty."""
    icon: Path | None = None
    color: str | None = None
    website: str | None = None
    privacy_url: str | None = None
    terms_url: str | None = None
    platforms: tuple[str, ...] = ()
    base_url: str | None = None
    connects_to: Json = None
    seed: Json = None
    instructions: str | None = None
    docs: str = ""  # The Markdown below the front matter.
    domains: tuple[str, ...] = ()
    use: Use = Use()
    wires: Mapping[str, str] = field(default_factory=dict)  # protocols of model services: their paths or utilities
    settings: Mapping[str, Json] = field(default_factory=dict)
    """Declared settings and their defaults (`settings:`); expressions see them as `.settings`."""
    gone: Mapping[str, str] = field(default_factory=dict)  # what the service no longer has: what to do instead
    inner: Mapping[str, Utility] = field(default_factory=dict)
    """The steps of callables, each as one that nobody else can call."""
    mapped: Mapping[str, tuple[tuple[str, Place, int], ...]] = field(default_factory=dict)
    """The fields that are given to each entity: names, places and lengths of their keys."""
    unavailable: Mapping[str, str] = field(default_factory=dict)  # callables that are not run here, and why
    dialect: str | None = None  # of AgentOS (`C`, `D`, `E`); None = our own language
    extras: Mapping[str, Json] = field(default_factory=dict)  # kept and shown: `requires`, `handles`, `credits`, …
    warnings: tuple[Problem, ...] = ()

    @property
    def key_command(self) -> str:
        """What of `agentos` gets its usual credential."""
        only = next(iter(self.auth.values())) if len(self.auth) == 1 else None
        auth = self.auth.get("default", only)
        return auth.command if auth is not None else "keys set"
