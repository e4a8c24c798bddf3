"""An OpenAPI document becomes an Api."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from agentos_runtime.importers.api import Api, Field, Losses, Operation
from agentos_runtime.importers.messages import says_the_same, summary
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.openapi.bodies import Bodies, ReadBody
from agentos_runtime.importers.openapi.declare import Declarer
from agentos_runtime.importers.openapi.document import Fetch, Located, open_document, resolve
from agentos_runtime.importers.openapi.keys import is_key, usual_keys
from agentos_runtime.importers.openapi.nesting import settled
from agentos_runtime.importers.openapi.parameters import (
    Parameters,
    authorization,
    idempotency_header,
    wanted_headers,
)
from agentos_runtime.importers.openapi.replies import END_MARK, Replies
from agentos_runtime.importers.openapi.schemas import Flattener
from agentos_runtime.importers.openapi.security import Security
from agentos_runtime.importers.openapi.servers import Servers
from agentos_runtime.importers.paging import is_kept_up, paged
from agentos_runtime.jsontext import Json

METHODS = ("get", "post", "put", "patch", "delete", "head")
UNSPOKEN = ("options", "trace", "query")


def read_openapi(
    data: bytes,
    address: str,
    fetch: Fetch,
    losses: Losses,
    *,
    base_url: str | None = None,
    servers: Mapping[str, str] | None = None,
    auth: str | None = None,
) -> Api:
    """The service that a document describes; `address` is where it came from, for relative urls.

    `servers`: what the variables of its servers are. `auth`: how calls prove themselves, over what the document
    says. Raises ImportProblem.
    """
    document = open_document(data, address, fetch, losses)
    return _Reader(document, Servers(document, address, base_url, servers or {}, losses), losses, auth).api()


class _Reader:
    def __init__(self, document: Located, servers: Servers, losses: Losses, auth: str | None) -> None:
        declarer = Declarer(Flattener(losses), losses)
        self._document = document
        self._losses = losses
        self._parameters = Parameters(declarer, losses)
        self._bodies = Bodies(declarer, losses)
        self._replies = Replies(declarer, losses)
        self._security = Security(document, losses, auth)
        self._servers = servers
        self._base_url = servers.usual([node for _, item in self._paths(quiet=True) for node in _saying(item)])

    def api(self) -> Api:
        operations = [
            self._operation(path, method.upper(), item, resolve(item.at(method), self._losses))
            for path, item in self._paths()
            for method in METHODS
            if isinstance(item.value.get(method), dict)
        ]
        operations = self._once_each(operations)
        usual = usual_keys(operations)
        operations = [self._proven(operation, usual) for operation in operations]
        self._servers.check_used()
        auth, names = self._security.auth()
        info = self._document.at("info")
        if self._document.map("webhooks"):
            self._losses.add("webhooks are calls from the service, not to it", "webhooks")
        return Api(
            title=info.text("title"),
            description=info.text("description") or info.text("summary"),
            version="" if info.get("version") is None else str(info.get("version")),
            base_url=self._base_url,
            operations=tuple(
                self._without_cookies(_with_credential(operation, names), auth) for operation in operations
            ),
            auth=auth,
            website=_address(self._document.at("externalDocs").text("url"))
            or _address(info.at("contact").text("url")),
            terms_url=_address(info.text("termsOfService")),
        )

    def _once_each(self, operations: list[Operation]) -> list[Operation]:
        """Each call once: a slash at the end, or how a param is spelled, tells none from another."""
        found: dict[tuple[str, str], Operation] = {}
        for one in operations:
            here = route(one.method, one.path)
            if here in found:
                self._losses.add(f"it is the same call as {found[here].label}, which is imported", one.label)
            found.setdefault(here, one)
        return [*found.values()]

    def _paths(self, *, quiet: bool = False) -> list[tuple[str, Located]]:
        found = []
        for path, raw in sorted(self._document.map("paths").items()):
            item = _lower(resolve(raw, self._losses))
            if not isinstance(item.value, Mapping) or path.startswith("x-"):
                continue
            if not path.startswith("/"):
                path = f"/{path}"
            for method in UNSPOKEN:
                if method in item.value and not quiet:
                    self._losses.add(f"{method.upper()} is no method of a manifest", path)
            for method in item.map("additionalOperations") if not quiet else ():
                self._losses.add(f"{method[:20]} is no method of a manifest", path)
            found.append((path, item))
        return found

    def _operation(self, path: str, method: str, item: Located, operation: Located) -> Operation:
        label = f"{method} {path}"
        body = self._bodies.read(operation, method, label) if method not in ("GET", "HEAD") else None
        written = self._parameters.read(path, item, operation, label)
        fields, body_fields, nested = settled(
            written, body.fields if body else (), body.body if body else None, label, self._losses
        )
        if method in ("GET", "HEAD") and self._bodies.has_fields(operation):
            self._losses.add("a body of a GET is not sent", label)
        stream_field = body.stream_field if body else None
        reply = self._replies.read(operation, method, stream_field, label)
        if body and body.events_said and reply.kind == "json" and not reply.streams:
            self._losses.add("that `stream` asks for events is said in words only", label)
            reply = replace(reply, streams=True, done=END_MARK)
        if stream_field and not reply.streams:
            self._losses.add(
                "it takes `stream`, but nothing says that it answers with events: the field is left out", label
            )
            body_fields = [field for field in body_fields if field.name != stream_field]
        if operation.map("callbacks"):
            self._losses.add("callbacks are calls from the service, not to it", label)
        made = Operation(
            method=method,
            path=path,
            description=_description(operation, label),
            id=operation.text("operationId"),
            tag=next(iter(operation.texts("tags")), ""),
            fields=(*fields, *body_fields),
            nested=nested,
            reply=reply,
            stream_field=stream_field if reply.streams else None,
            credential=self._security.choose(operation, label)
            or self._security.of_authorization(authorization(item, operation, self._losses), label),
            base_url=self._own_server(item, operation, label),
            deprecated=operation.flag("deprecated"),
            headers=_constant(wanted_headers(item, operation, self._losses), body),
            idempotency_header=idempotency_header(item, operation, self._losses),
            web_url=_address(operation.at("externalDocs").text("url")),
            request_example=body.example if body else None,
            reply_example=self._replies.example(operation),
        )
        made = replace(made, body=body.body) if body else made
        if is_kept_up(made):
            self._losses.add(
                "what is kept up with (sync, delta) is no list in pages: its caller keeps the cursor", label
            )
            return made
        return paged(made, _cursor_hint(operation))

    def _proven(self, operation: Operation, usual: Collection[str]) -> Operation:
        """An operation with what proves it; where one of its fields is a key, nobody gives it."""
        credential = operation.credential
        keys = [
            field
            for field in operation.fields
            if is_key(field) or (credential is not None and self._security.sends(credential, field))
        ]
        taken = [field for field in keys if self._security.takes(field, credential, usual)]
        for field in keys:
            if field not in taken:
                self._losses.add(
                    "a parameter that may be a key is asked of the caller (`--auth query:NAME` makes it the key)",
                    f"{operation.label} {field.name}",
                )
        if credential is None and not self._security.settled:
            sent = next((field for field in taken if field.place in ("query", "header")), None)
            if sent is not None:
                credential = self._security.of_parameter(sent.place, sent.name)
        if credential is not None:
            operation, taken = self._once(operation, credential, taken)
        if not taken or credential is None:
            return replace(operation, credential=credential)
        write = self._security.key_of(credential)
        fields = []
        for field in operation.fields:
            repeated = field in taken and self._security.sends(credential, field)
            if field in taken and (repeated or write is not None):
                self._losses.add(
                    "a parameter that is a key is filled in with the credential", f"{operation.label} {field.name}"
                )
            if not repeated:
                fields.append(replace(field, write=write) if field in taken and write is not None else field)
        return replace(operation, credential=credential, fields=tuple(fields))

    def _once(self, operation: Operation, credential: str, taken: list[Field]) -> tuple[Operation, list[Field]]:
        """Without the fields that may carry what its credential sends anyway; and what is left of `taken`."""
        spare = [
            field
            for field in operation.fields
            if self._security.repeats(credential, field)
            or (field in taken and not field.required and not self._security.sends(credential, field))
        ]
        for field in spare:
            self._losses.add("a parameter that repeats the key is left out", f"{operation.label} {field.name}")
        left = tuple(field for field in operation.fields if field not in spare)
        return replace(operation, fields=left), [field for field in taken if field not in spare]

    def _without_cookies(self, operation: Operation, auth: Json) -> Operation:
        """An operation without its cookies, where the key is the one header of cookies."""
        cookies = [field for field in operation.fields if field.place == "cookie"]
        if not cookies or operation.credential == "" or not _is_cookie(auth, operation.credential):
            return operation
        for field in cookies:
            self._losses.add(
                "a cookie beside a key that is a cookie is not sent", f"{operation.label} {field.name}"
            )
        return replace(operation, fields=tuple(field for field in operation.fields if field.place != "cookie"))

    def _own_server(self, item: Located, operation: Located, label: str) -> str | None:
        for node in (operation, item):
            own = self._servers.of(node, label)
            if own is not None and own != self._base_url:
                return own
        return None


def _constant(headers: Mapping[str, str], body: ReadBody | None) -> dict[str, str]:
    """Without the type of a body, where there is one: its encoding says that."""
    return {name: value for name, value in headers.items() if not (body and name.lower() == "content-type")}


def _is_cookie(auth: Json, name: str | None) -> bool:
    """Whether a credential is sent as a cookie; None is the usual one."""
    several = auth.get("credentials") if isinstance(auth, dict) else None
    said = several.get(name or "default") if isinstance(several, dict) else auth
    header = said.get("header") if isinstance(said, dict) else None
    return isinstance(header, dict) and "Cookie" in header


def _lower(item: Located) -> Located:
    """A path whose methods are written in small letters, as OpenAPI has them."""
    if not isinstance(item.value, Mapping) or not any(_is_method(key) for key in item.value):
        return item
    value = {key.lower() if _is_method(key) else key: below for key, below in item.value.items()}
    return Located({**value, **{key: item.value[key] for key in METHODS if key in item.value}}, item.resolver)


def _is_method(key: object) -> bool:
    return (
        isinstance(key, str) and key not in METHODS and key.lower() in (*METHODS, *UNSPOKEN) and key != key.lower()
    )


def _saying(item: Located) -> list[Located]:
    """A path and its operations, each of which may name a server."""
    return [item, *(resolve(item.at(method), Losses()) for method in METHODS if item.get(method) is not None)]


def _description(operation: Located, label: str) -> str:
    short, long = (
        summary(operation.text("summary"), sentences=1),
        summary(operation.text("description"), sentences=1),
    )
    if not short or not long or says_the_same(short, long):
        text = max(short, long, key=len) if len(long) <= 100 else short or long
    else:
        text = f"{short}. {long}" if len(short) + len(long) <= 180 else short
    text = text or label
    deprecated = operation.flag("deprecated") and "deprecated" not in text.lower()
    return f"Deprecated. {text}" if deprecated else text


def _cursor_hint(operation: Located) -> str | None:
    """`x-speakeasy-pagination` names the next cursor by a JSONPath; a plain one is jq without its `$`."""
    path = operation.at("x-speakeasy-pagination").at("outputs").text("nextCursor")
    return path[1:] if path.startswith("$.") and path[2:].replace(".", "_").isidentifier() else None


def _address(url: str) -> str | None:
    return url if url.startswith(("https://", "http://")) and not set(url) & set(" \t\n") else None


def _with_credential(operation: Operation, names: Mapping[str, str]) -> Operation:
    if operation.credential is None:
        return replace(operation, credential="" if names else None)
    name = names[operation.credential]
    return replace(operation, credential=None if name == "default" else name)
