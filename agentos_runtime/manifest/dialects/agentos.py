"""The skill files of AgentOS, dialects C, D and E: operations, transformers or adapters, auth or connections.

What is not run here makes its own callable unavailable, and nothing else.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.sums import deciding
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.dialects.credentials import Connection, connection_of, named_of
from agentos_runtime.manifest.dialects.graphql import mistakes_of
from agentos_runtime.manifest.dialects.local.callables import KEYS, Locals, local_request, mistakes_in, request_for
from agentos_runtime.manifest.dialects.local.steps import steps_of
from agentos_runtime.manifest.dialects.params import account_param_of, page_jq, param_of, undeclared, web_address
from agentos_runtime.manifest.dialects.placeholders import NotCarried
from agentos_runtime.manifest.dialects.replies import lists_entities, response_of, returns_of
from agentos_runtime.manifest.dialects.requests import graphql_error, graphql_of, rest_of
from agentos_runtime.manifest.dialects.shapes import malformed, mistyped
from agentos_runtime.manifest.dialects.signs import EXECUTORS, FOREIGN_EXECUTORS, dialect_of, is_of_agentos
from agentos_runtime.manifest.dialects.told import Told, misspelt, told_of, unknown_connection, unknown_keys
from agentos_runtime.manifest.dialects.tree import entries, text, under
from agentos_runtime.manifest.model import Local, Page, Step
from agentos_runtime.manifest.yaml.values import Cursor, Entries, Sequence, Value

_KNOWN = frozenset(
    {
        *EXECUTORS, "description", "returns", "params", "web_url", "handles_urls", "label", "operation",
        "readonly", "connection", "auth", "test", "effect", "response", "provides", "credits", "strict_returns",
        "credential", "gone", "additional_params",
    }
)  # fmt: skip
_READS = frozenset({"list", "search", "filter", "get", "read", "transcript"})
_WRITES = frozenset({"create", "update", "complete", "reopen", "archive", "unarchive", "send"})
_TOP = (
    "id", "name", "description", "icon", "color", "website", "privacy_url", "terms_url", "instructions",
    "definitions", "settings", "domains", "parts",
)  # fmt: skip
Pairs = dict[str, "Cursor | Value"]


@dataclass(frozen=True, slots=True)
class Carried:
    """A file of the dialect as one of ours, and what our language has no words for."""

    root: Cursor
    dialect: str
    """`C`, `D` or `E`."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of operations: name without a dot → name as it is written."""
    operations: frozenset[str] = frozenset()
    """The names, without dots, of those callables that are operations."""
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Callables that cannot be run, by their written names, and why."""
    checked: tuple[Cursor, ...] = ()
    """jq of replies that stands inside composed expressions."""
    locals: Locals = field(default_factory=Locals)
    """What runs on this machine."""
    entities: Mapping[str, str] = field(default_factory=dict)
    """What callables give, by their names without dots."""
    transformers: Mapping[str, Cursor] = field(default_factory=dict)
    """The mapping of each entity."""
    handles_urls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    account_params: Mapping[str, frozenset[str]] = field(default_factory=dict)
    pages: Mapping[str, Page] = field(default_factory=dict)
    """`web_url` where it is jq."""
    deciding: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Params that only say which of several urls is called."""
    graphql: frozenset[str] = frozenset()
    """Callables with a query of GraphQL."""
    told: tuple[Told, ...] = ()
    """Mistakes and misspellings."""
    extras: Mapping[str, Json] = field(default_factory=dict)
    """Keys of the top level that are kept and shown as they are."""


def carried(root: Cursor, *, faultless: bool = False) -> Carried | None:
    """The file in our own language; None when it is written in that already. faultless: nothing is wrong in it."""
    return _Carrier(root, faultless).carry() if is_of_agentos(root) else None


class _Carrier:
    """One file on its way."""

    def __init__(self, root: Cursor, faultless: bool) -> None:
        self.root = root
        self.faultless = faultless
        self.checked: list[Cursor] = []
        self.unavailable: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.operations: set[str] = set()
        self.locals = Locals()
        self.shown: dict[str, str] = {}
        """Of steps: what stands for them where a key is told."""
        self.entities: dict[str, str] = {}
        self.handles_urls: dict[str, tuple[str, ...]] = {}
        self.account_params: dict[str, frozenset[str]] = {}
        self.pages: dict[str, Page] = {}
        self.deciding: dict[str, frozenset[str]] = {}
        self.graphql: set[str] = set()
        self.told = [*unknown_keys(root), *mistyped(root)]
        self.transformers = dict(self._transformers())
        connections = root.get("connections")
        self.connections = (
            {name: connection_of(below) for name, below in connections.items()} if connections else {}
        )
        self.auth = connection_of(root.get("auth"))
        for each in (self.auth, *self.connections.values()):
            self.told += each.told

    def _transformers(self) -> Iterator[tuple[str, Cursor]]:
        for section in ("transformers", "adapters"):
            below = self.root.get(section)
            for name, cursor in below.items() if below else ():
                inner = cursor.get("mapping")
                if inner is not None or section == "transformers":
                    yield name, inner or under(cursor, entries({}, cursor))
                else:
                    kept = {key: each for key, each in cursor.items() if key != "terminology"}
                    yield name, Cursor(cursor.document, entries(kept, cursor), cursor.parent, cursor.key)

    def carry(self) -> Carried:
        utilities = dict(self._callables())
        pairs: Pairs = {}
        odd = dict(malformed(self.root))
        self.told += odd.values()
        for name in _TOP:
            below = self.root.get(name)
            if below is not None and below.json is not None and name not in odd:
                one_line = name in ("name", "description") and isinstance(below.json, str) and "\n" in below.json
                pairs[name] = under(below, text(" ".join(str(below.json).split()), below)) if one_line else below
        base = self.root.at("api").get("base_url")
        if base is not None and isinstance(base.json, str):
            kept = ("base_url", "headers", "query", "nested")
            api = self.root.at("api")
            pairs["api"] = entries({name: below for name in kept if (below := api.get(name))}, api)
        credentials = self._credentials(utilities)
        if credentials is not None:
            pairs["auth"] = credentials
        pairs["strict_returns"] = self.root.get("strict_returns") or text(False, self.root)
        section = self.root.get("operations") or self.root.get("utilities") or self.root
        if utilities:
            pairs["utilities"] = under(section, entries(utilities, section))
        taken = {
            *_TOP,
            "strict_returns",
            "operations",
            "utilities",
            "auth",
            "api",
            "transformers",
            "adapters",
            "connections",
        }
        extras = {name: below.json for name, below in self.root.items() if name not in taken}
        return Carried(
            Cursor(self.root.document, entries(pairs, self.root)),
            dialect_of(self.root),
            self.names,
            frozenset(self.operations),
            self.unavailable,
            tuple(self.checked),
            self.locals,
            self.entities,
            self.transformers,
            self.handles_urls,
            self.account_params,
            self.pages,
            self.deciding,
            frozenset(self.graphql),
            tuple(self.told),
            extras,
        )

    def _credentials(self, utilities: Mapping[str, Cursor | Value]) -> Value | Cursor | None:
        if not utilities:
            return None
        mentioned = any(
            ".auth" in dump(each.value.value if isinstance(each, Cursor) else each.value).decode()
            for each in utilities.values()
        )
        if not self.connections:
            return self.auth.credential if mentioned or _has_place(self.auth.credential) else None
        named = {
            name: each.credential
            for name, each in self.connections.items()
            if each.credential and not each.refused and (mentioned or _has_place(each.credential))
        }
        if not named:
            return None
        at = self.root.at("connections")
        if len(self.connections) == 1:
            return next(iter(named.values()))
        return entries({"credentials": entries(named, at)}, at)

    def _callables(self) -> Iterator[tuple[str, Cursor | Value]]:
        taken: set[str] = set()
        for section in ("operations", "utilities"):
            below = self.root.get(section)
            for written, cursor in below.items() if below else ():
                name = re.sub(r"[^a-z0-9_]", "_", written.lower())
                before = len(self.checked)
                try:
                    if name in taken:
                        self.told.append(_taken(written, name, cursor))
                        continue
                    values = self._with_steps(name, cursor, is_operation=section == "operations")
                except NotCarried as reason:
                    del self.checked[before:]
                    self.unavailable[written] = str(reason)
                    self.told += unknown_connection(cursor, self.connections)
                    continue
                taken.add(name)
                if section == "operations":
                    self.operations.add(name)
                if name != written:
                    self.names[name] = written
                yield from ((each, under(cursor, value, self.shown.get(each))) for each, value in values.items())

    def _with_steps(self, name: str, cursor: Cursor, *, is_operation: bool) -> dict[str, Value]:
        """A callable, and those that are steps of it, by their names. Raises NotCarried."""
        steps = cursor.get("steps")
        if steps is None:
            return {name: self._callable(name, cursor, is_operation=is_operation)}
        found: dict[str, Value] = {}
        made: list[Step] = []
        for index, step in enumerate(steps_of(steps, cursor)):
            own, skip = f"{name}__{index}", f"{name}__{index}_skip" if step.skip is not None else None
            results = frozenset(each.id for each in made)
            self.locals.inner.add(own)
            self.shown[own] = f"{name}.steps[{index}]"
            found[own] = self._callable(own, step.callable, is_operation=False, results=results)
            if skip is not None and step.skip is not None:
                self.locals.inner.add(skip)
                self.shown[skip] = f"{name}.steps[{index}].skip_if"
                found[skip] = step.skip
            made.append(Step(step.id, own, skip))
        answers = {} if steps.get("response") or cursor.get("response") else {"answer": "last"}
        self.locals.of[name] = Local("steps", steps.json, answers, steps=tuple(made))
        return found | {name: self._callable(name, cursor, is_operation=is_operation)}

    def _callable(
        self, name: str, cursor: Cursor, *, is_operation: bool, results: frozenset[str] = frozenset()
    ) -> Value:
        if cursor.get("gone") is not None:
            kept = ("description", "params", "gone")
            return entries({key: below for key in kept if (below := cursor.get(key))}, cursor)
        self.told += misspelt(cursor, _KNOWN)
        kind, executor = _executor(cursor)
        self.told += told_of(cursor, kind, executor, self.transformers)
        chosen, connection = self._request_of(name, kind, cursor, executor, results)
        request, key = chosen
        response = executor.get("response") or cursor.get("response")
        returns = cursor.get("returns")
        if returns is not None and isinstance(returns.json, str):
            self.entities[name] = returns.json.removesuffix("[]")
        lenient = kind == "sql" or name in self.locals.inner
        reply = response_of(response, returns, self.transformers, self.checked, cursor, lenient=lenient)
        if kind == "graphql":
            reply = {"error": graphql_error(executor), **reply}
        if reply:
            request["response"] = entries(reply, response or executor)
        pairs: Pairs = {"rest": entries(request, executor), **self._facts(cursor, is_operation)}
        gives = kind in ("command", "python") or bool(set(reply) & {"raw", "transform", "root"})
        promised = returns_of(returns, gives)
        if promised is not None:
            pairs["returns"] = promised
        if lists_entities(returns) and "raw" not in reply and self.root.get("strict_returns") is None:
            pairs = {"strict_returns": text(True, cursor), **pairs}
        pairs |= self._page(name, cursor, connection)
        if key is not None:
            pairs[key[0]] = text(key[1], cursor)
        self.handles_urls[name] = cursor.texts("handles_urls")
        self.account_params[name] = frozenset(connection.params) - set(dict(cursor.at("params").items()))
        pairs["params"] = entries(self._params(cursor, connection), cursor.get("params") or cursor)
        return entries(pairs, cursor)

    def _request_of(
        self, name: str, kind: str, cursor: Cursor, executor: Cursor, results: frozenset[str]
    ) -> tuple[tuple[Pairs, tuple[str, str] | None], Connection]:
        """The request of a callable, and which credential it carries. Raises NotCarried."""
        if kind == "steps":
            return (request_for("steps", executor, {}), ("auth", "none")), Connection()
        if kind == "sql" and self.auth.refused:
            raise NotCarried("needs a database other than SQLite, which is not asked here")
        if kind in KEYS:
            self.told += mistakes_in(kind, executor, cursor.get("params"))
            database = self.root.get("database")
            request, self.locals.of[name] = local_request(kind, executor, cursor.get("params"), database, results)
            if kind == "python" and re.search(r"\.auth\b", str(request["body"])):
                return (request, self._connection(cursor, executor)[0]), Connection()
            return (request, ("auth", "none")), Connection()
        chosen, connection = self._connection(cursor, executor)
        if kind == "rest":
            self.deciding[name] = deciding(executor.text("url") or "")
            return (rest_of(executor, connection, self.root.at("api").text("base_url")), chosen), connection
        if not self.faultless:  # what reads queries takes long to import
            self.told += mistakes_of(executor, f"utilities.{name}.graphql")
        self.graphql.add(name)
        return (graphql_of(executor, connection, self._endpoint(connection)), chosen), connection

    def _endpoint(self, connection: Connection) -> Cursor | str | None:
        api = self.root.at("api")
        return api.get("graphql_endpoint") or api.get("graphql") or connection.base_url or api.get("base_url")

    def _connection(self, cursor: Cursor, executor: Cursor) -> tuple[tuple[str, str] | None, Connection]:
        """Which credential a callable carries, as a key of ours and its value. Raises NotCarried."""
        stated = cursor.get("connection")
        written = stated.json if stated is not None else None
        without = (
            written == "none" or cursor.at("auth").json in (False, "none") or executor.at("auth").json is False
        )
        if not self.connections:
            if without:
                return ("auth", "none"), replace(self.auth, extra={})
            return None, _able(self.auth)
        if without:
            bases = {each.base_url for each in self.connections.values()}
            return ("auth", "none"), Connection(bases.pop() if len(bases) == 1 else None)
        name = named_of(self.connections, written, executor.text("url"))
        connection = _able(self.connections[name])
        if connection.credential is None:
            return ("auth", "none"), connection
        return (("credential", name) if len(self.connections) > 1 else None), connection

    def _facts(self, cursor: Cursor, is_operation: bool) -> Pairs:
        pairs: Pairs = {}
        for name in ("description", "strict_returns", "additional_params", "credential"):
            if (below := cursor.get(name)) is not None and below.json not in (None, ""):
                pairs[name] = below
        verb = re.split(r"[._]", cursor.name.rpartition(".")[2])[0]
        if cursor.get("effect") is not None:
            pairs["effect"] = cursor.at("effect")
        elif is_operation and verb in _READS:
            pairs["effect"] = text("read", cursor)
        elif is_operation and verb == "delete":
            pairs["effect"] = text("destroy", cursor)
        elif is_operation and verb in _WRITES:
            pairs["effect"] = text("write", cursor)
        elif cursor.get("graphql") is not None and cursor.at("graphql").text("query") is not None:
            is_query = re.match(r"\s*(?:query\b|\{)", str(cursor.at("graphql").text("query")))
            pairs["effect"] = text("read" if is_query else "write", cursor)
        return pairs

    def _page(self, name: str, cursor: Cursor, connection: Connection) -> Pairs:
        """`web_url` as an address with `{name}`; what only jq can say is kept beside."""
        page = cursor.get("web_url")
        if page is None or not isinstance(page.json, str):
            return {}
        declared = {*dict(cursor.at("params").items()), *connection.params}
        address = web_address(page.json)
        if address and declared.issuperset(re.findall(r"\{(\w+)\}", address)):
            return {"web_url": under(page, text(address, page))}
        if (source := page_jq(page.json)) is not None:
            self.pages[name] = Page(page.json, source)
        return {}

    def _params(self, cursor: Cursor, connection: Connection) -> Pairs:
        declared = cursor.get("params")
        own = {name: param_of(below) for name, below in declared.items()} if declared else {}
        known = {**{name: account_param_of(below) for name, below in connection.params.items()}, **own}
        return undeclared(cursor, known) | known


def _has_place(credential: Value | None) -> bool:
    """Whether a credential goes anywhere by itself; else it is for expressions, and needs one that uses it."""
    return isinstance(credential, Entries) and set(credential.entries) != {"type", "label", "help_url"} & set(
        credential.entries
    )


def _executor(cursor: Cursor) -> tuple[str, Cursor]:
    """What the callable calls. Raises NotCarried for what is not run here, and for keys that nobody reads."""
    for name, reason in FOREIGN_EXECUTORS.items():
        if cursor.get(name) is not None:
            raise NotCarried(reason)
    for name in dict(cursor.items()):
        if name not in _KNOWN:
            raise NotCarried(f"`{name[:60]}` is not supported")
    found = [(name, below) for name in EXECUTORS if (below := cursor.get(name)) is not None]
    if not found or not isinstance(found[0][1].value, Entries | Sequence):
        raise NotCarried("names nothing that could be called")
    if len(found) > 1:
        raise NotCarried(f"calls with `{found[0][0]}` and with `{found[1][0]}`, and one of them it can be")
    return found[0]


def _able(connection: Connection) -> Connection:
    if connection.refused:
        raise NotCarried(connection.refused)
    return connection


def _taken(written: str, name: str, cursor: Cursor) -> Told:
    message = f"`{written[:60]}` is `{name}` where names have no dots, and another callable is that as well"
    return Told(cursor, message, "Give one of the two another name")
