"""An OpenAPI document becomes an Api."""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from agentos_runtime.importers.api import Api, Field, ImportProblem, Losses, Operation
from agentos_runtime.importers.messages import says_the_same, summary
from agentos_runtime.importers.openapi.bodies import Bodies
from agentos_runtime.importers.openapi.declare import Declarer
from agentos_runtime.importers.openapi.document import Fetch, Located, open_document, resolve
from agentos_runtime.importers.openapi.parameters import Parameters, idempotency_header
from agentos_runtime.importers.openapi.replies import Replies
from agentos_runtime.importers.openapi.schemas import Flattener
from agentos_runtime.importers.openapi.security import Security
from agentos_runtime.importers.paging import pagination
from agentos_runtime.manifest.sections.urls import address_problem

METHODS = ("get", "post", "put", "patch", "delete", "head")
UNSPOKEN = ("options", "trace")


def read_openapi(
    data: bytes,
    address: str,
    fetch: Fetch,
    losses: Losses,
    *,
    base_url: str | None = None,
    auth: str | None = None,
) -> Api:
    """The service that a document describes; `address` is where it came from, for relative urls.

    `auth`: how calls prove themselves, over what the document says. Raises ImportProblem.
    """
    document = open_document(data, address, fetch, losses)
    return _Reader(document, address, losses, base_url, auth).api()


class _Reader:
    def __init__(
        self, document: Located, address: str, losses: Losses, base_url: str | None, auth: str | None
    ) -> None:
        declarer = Declarer(Flattener(losses), losses)
        self._document = document
        self._address = address
        self._losses = losses
        self._parameters = Parameters(declarer, losses)
        self._bodies = Bodies(declarer, losses)
        self._replies = Replies(declarer, losses)
        self._security = Security(document, losses, auth)
        self._chosen = base_url
        self._base_url = base_url or self._server(document) or self._first_own_server()

    def api(self) -> Api:
        if self._base_url is None or not self._base_url.startswith(("http://", "https://")):
            relative = self._relative()
            if relative:
                raise ImportProblem(
                    f"The server is given as {relative}: say the host with --base-url https://HOST{relative}"
                )
            raise ImportProblem("The document names no server: say where the service is with --base-url https://…")
        if address_problem(self._base_url):
            raise ImportProblem(f"The address {address_problem(self._base_url)}: write --base-url https://…")
        operations = [
            self._operation(path, method.upper(), item, Located(item.value[method], item.resolver))
            for path, item in self._paths()
            for method in METHODS
            if isinstance(item.value.get(method), dict)
        ]
        auth, names = self._security.auth()
        info = self._document.at("info")
        if self._document.map("webhooks"):
            self._losses.add("webhooks are calls from the service, not to it", "webhooks")
        return Api(
            title=info.text("title"),
            description=info.text("description") or info.text("summary"),
            version="" if info.get("version") is None else str(info.get("version")),
            base_url=self._base_url,
            operations=tuple(_with_credential(operation, names) for operation in operations),
            auth=auth,
            website=_address(self._document.at("externalDocs").text("url"))
            or _address(info.at("contact").text("url")),
            terms_url=_address(info.text("termsOfService")),
        )

    def _paths(self, *, quiet: bool = False) -> list[tuple[str, Located]]:
        found = []
        for path, raw in sorted(self._document.map("paths").items()):
            item = resolve(raw, self._losses)
            if not isinstance(item.value, Mapping) or path.startswith("x-"):
                continue
            if not path.startswith("/"):
                path = f"/{path}"
            for method in UNSPOKEN:
                if method in item.value and not quiet:
                    self._losses.add(f"{method.upper()} is no method of a manifest", path)
            found.append((path, item))
        return found

    def _operation(self, path: str, method: str, item: Located, operation: Located) -> Operation:
        label = f"{method} {path}"
        fields = self._fields(path, item, operation, label)
        body = self._bodies.read(operation, method, label) if method not in ("GET", "HEAD") else None
        if method in ("GET", "HEAD") and operation.get("requestBody") is not None:
            self._losses.add("a body of a GET is not sent", label)
        stream_field = body.stream_field if body else None
        reply = self._replies.read(operation, method, stream_field, label)
        body_fields = body.fields if body else ()
        if stream_field and not reply.streams:
            self._losses.add(
                "it takes `stream`, but nothing says that it answers with events: the field is left out", label
            )
            body_fields = tuple(field for field in body_fields if field.name != stream_field)
        if operation.map("callbacks"):
            self._losses.add("callbacks are calls from the service, not to it", label)
        made = Operation(
            method=method,
            path=path,
            description=_description(operation, label),
            id=operation.text("operationId"),
            tag=next(iter(operation.texts("tags")), ""),
            fields=(*fields, *body_fields),
            reply=reply,
            stream_field=stream_field if reply.streams else None,
            paginate=pagination(fields, reply, _cursor_hint(operation)) if method == "GET" else None,
            credential=self._security.choose(operation, label),
            base_url=self._own_server(item, operation),
            deprecated=operation.flag("deprecated"),
            idempotency_header=idempotency_header(item, operation, self._losses),
            web_url=_address(operation.at("externalDocs").text("url")),
            request_example=body.example if body else None,
            reply_example=self._replies.example(operation),
        )
        return replace(made, body=body.body) if body else made

    def _fields(self, path: str, item: Located, operation: Located, label: str) -> list[Field]:
        """The parameters, and those of the path that nobody declared."""
        names = re.findall(r"\{([^{}]*)\}", path)
        fields = self._parameters.read(item, operation, label)
        for field in fields:
            if field.place == "path" and field.name not in names:
                self._losses.add("a path parameter that is not in the path is left out", f"{label} {field.name}")
        kept = [field for field in fields if field.place != "path" or field.name in names]
        declared = {field.name for field in kept if field.place == "path"}
        missing = [name for name in dict.fromkeys(names) if name not in declared]
        return [*kept, *(Field(name, "path", {"type": "string"}, True) for name in missing)]

    def _first_own_server(self) -> str | None:
        """Where the first path or operation that says it is; for documents that say nothing for all."""
        for _, item in self._paths(quiet=True):
            nodes = [item, *(item.at(method) for method in METHODS)]
            found = next((own for node in nodes if (own := self._server(node)) is not None), None)
            if found is not None:
                return found
        return None

    def _relative(self) -> str | None:
        """A server without a host, as the document gives it."""
        url = next((server.text("url") for server in self._document.entries("servers")), "")
        return url.rstrip("/") if url.startswith("/") and url.strip("/") else None

    def _own_server(self, item: Located, operation: Located) -> str | None:
        for node in (operation, item):
            own = self._server(node)
            if own is not None and own != self._base_url:
                return own
        return None

    def _server(self, node: Located) -> str | None:
        """The first server that a document, path or operation names, as an absolute url."""
        servers = node.entries("servers")
        if not servers and node is not self._document:
            return None
        url = self._template(servers[0]) if servers else "/"
        if len(servers) > 1 and node is self._document:
            others = ", ".join(server.text("url") for server in servers[1:])
            self._losses.add("other servers are not used", others)
        joined = urljoin(self._chosen or self._address, url)
        if urlsplit(joined).scheme not in ("http", "https"):
            return None
        problem = address_problem(joined) or ("has a query" if "?" in joined else None)
        if problem:
            self._losses.add(f"a server is not used: it {problem}", url)
        return None if problem else joined.rstrip("/")

    def _template(self, server: Located) -> str:
        """A server's url with the defaults of its variables; what else they may be is told."""
        url = server.text("url")
        for name, variable in server.map("variables").items():
            if f"{{{name}}}" in url:
                choices = [str(one) for one in variable.get("enum") or [] if str(one) != variable.text("default")]
                others = f" (or {', '.join(choices[:8])}: give another --base-url)" if choices else ""
                self._losses.add(
                    f"the server's variable `{name}` is fixed to {variable.text('default')}{others}", "servers"
                )
                url = url.replace(f"{{{name}}}", str(variable.get("default")))
        return url


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
