"""Swagger 2.0 written as OpenAPI 3.0: what is said in other words there, and nothing else.

References stay as they are (`#/definitions/…`): they are looked up in the document that is converted.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from agentos_runtime.importers.api import Losses

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_OF_SCHEMAS = (
    "type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum", "multipleOf", "allOf", "x-nullable",
)  # fmt: skip
_STYLES: Mapping[str, tuple[str, bool]] = {
    "csv": ("form", False), "ssv": ("spaceDelimited", False), "pipes": ("pipeDelimited", False),
    "multi": ("form", True), "tsv": ("tabDelimited", False),
}  # fmt: skip
_FLOWS: Mapping[str, str] = {
    "implicit": "implicit", "password": "password", "application": "clientCredentials",
    "accessCode": "authorizationCode",
}  # fmt: skip
_PLACES: Mapping[str, str] = {
    "query": "query", "path": "path", "header": "header", "body": "body", "formdata": "formData",
    "form": "formData",
}  # fmt: skip
"""The places of parameters, in whatever capitals; `form` is that of Swagger 1."""
_BYTES: Mapping[str, Any] = {"type": "string", "format": "binary"}
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


def as_openapi(document: Mapping[str, Any], address: str, losses: Losses) -> dict[str, Any]:
    """The document as one of OpenAPI 3.0; what it has besides stays where it is, for references."""
    return _Converter(document, losses).document(address)


class _Converter:
    def __init__(self, document: Mapping[str, Any], losses: Losses) -> None:
        self._document = document
        self._losses = losses
        self._consumes = _texts(document.get("consumes"))
        self._produces = _texts(document.get("produces"))

    def document(self, address: str) -> dict[str, Any]:
        components = {
            "securitySchemes": {
                name: _scheme(one) for name, one in _map(self._document.get("securityDefinitions")).items()
            }
        }
        paths = {path: self._item(item) for path, item in _map(self._document.get("paths")).items()}
        return {
            **self._document,
            "openapi": "3.0.3",
            "servers": self._servers(address),
            "components": components,
            "paths": paths,
        }

    def _servers(self, address: str) -> list[dict[str, str]]:
        """Some write a scheme before the host, or the whole address as the path."""
        path = str(self._document.get("basePath") or "").strip()
        schemes = _texts(self._document.get("schemes"))
        before, _, host = str(self._document.get("host") or "").strip().rpartition("://")
        if "://" in path and not host:
            return [{"url": path}]
        path = f"/{path.strip('/')}"
        host, usual = host.rstrip("/"), before.lower() or "https"
        if not host:
            host, usual = urlsplit(address).netloc, urlsplit(address).scheme
        if not host:
            return [{"url": path}]
        scheme = "https" if "https" in schemes else next((one for one in schemes if one == "http"), usual)
        return [{"url": f"{scheme}://{host}{'' if path == '/' else path}"}]

    def _item(self, item: Any) -> Any:
        if not isinstance(item, Mapping):
            return item
        shared = _list(item.get("parameters"))
        converted = {key: value for key, value in item.items() if key != "parameters"}
        for method in _METHODS:
            if isinstance(item.get(method), Mapping):
                converted[method] = self._operation(item[method], shared)
        return converted

    def _operation(self, operation: Mapping[str, Any], shared: list[Any]) -> dict[str, Any]:
        own = [self._resolved(one) for one in _list(operation.get("parameters"))]
        said = {_identity(one) for one in own}
        inherited = [one for raw in shared if _identity(one := self._resolved(raw)) not in said]
        parameters = [*inherited, *own]
        consumes = _texts(operation.get("consumes")) or self._consumes
        produces = _texts(operation.get("produces")) or self._produces or ["application/json"]
        converted = {key: value for key, value in operation.items() if key != "parameters"}
        converted["parameters"] = [
            _parameter(one) for one in parameters if one.get("in") not in ("body", "formData")
        ]
        for one in parameters:
            if one.get("type") == "array" and _map(one.get("items")).get("type") == "array":
                self._losses.add("lists in a list are written as JSON texts", f"{one.get('in')} {one.get('name')}")
        body = self._body([one for one in parameters if one.get("in") == "body"])
        fields = [one for one in parameters if one.get("in") == "formData"]
        if body is not None:
            kinds = [kind for kind in consumes if kind not in (FORM, MULTIPART)] or ["application/json"]
            converted["requestBody"] = {
                "required": body.get("required") is True,
                "description": body.get("description", ""),
                "content": {
                    kind: {"schema": _of_body(body), **_example(_examples_of(body, kind), kind)} for kind in kinds
                },
            }
        elif fields:
            converted["requestBody"] = self._form(fields, consumes)
        answers = _map(operation.get("responses"))
        converted["responses"] = {status: self._response(one, produces) for status, one in answers.items()}
        return converted

    def _body(self, bodies: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The one body; several, of which a call can have but one, are the fields of one."""
        if len(bodies) < 2:
            return bodies[0] if bodies else None
        names = [str(one.get("name")) for one in bodies]
        for name in names:
            self._losses.add("of several bodies a call has one: they are taken for its fields", name)
        required = [name for name, one in zip(names, bodies, strict=True) if one.get("required") is True]
        properties = {name: _of_body(one) for name, one in zip(names, bodies, strict=True)}
        schema = {"type": "object", "properties": properties, "required": required}
        return {"in": "body", "required": bool(required), "schema": schema}

    def _form(self, fields: list[dict[str, Any]], consumes: list[str]) -> dict[str, Any]:
        files = any(_is_file(one) for one in fields)
        kind = MULTIPART if files or (MULTIPART in consumes and FORM not in consumes) else FORM
        properties, encoding = {}, {}
        for one in fields:
            schema = {key: one[key] for key in _OF_SCHEMAS if key in one}
            if _is_file(one):
                schema = (
                    {**_BYTES} if str(one.get("type")).lower() == "file" else {"type": "array", "items": _BYTES}
                )
            properties[str(one.get("name"))] = {**schema, "description": one.get("description", "")}
            form = str(one.get("collectionFormat", ""))
            if one.get("type") == "array" and kind == FORM and form in _STYLES and form != "multi":
                encoding[str(one.get("name"))] = {"style": _STYLES[form][0], "explode": False}
            elif form != "multi" and one.get("type") == "array" and not _is_file(one):
                self._losses.add("a list in a form is sent as a repeated field", str(one.get("name")))
        required = [str(one.get("name")) for one in fields if one.get("required") is True]
        schema = {"type": "object", "properties": properties, "required": required}
        return {"required": bool(required), "content": {kind: {"schema": schema, "encoding": encoding}}}

    def _response(self, response: Any, produces: list[str]) -> dict[str, Any]:
        response = self._resolved(response)
        if "schema" not in response:
            return {key: value for key, value in response.items() if key != "examples"}
        schema = response["schema"]
        if isinstance(schema, Mapping) and schema.get("type") == "file":
            schema = {"type": "string", "format": "binary"}
            kinds = [kind for kind in produces if "json" not in kind] or ["application/octet-stream"]
        else:
            kinds = produces
        examples = _map(response.get("examples"))
        content = {kind: {"schema": schema, **_example(examples, kind)} for kind in kinds}
        return {**{key: value for key, value in response.items() if key != "examples"}, "content": content}

    def _resolved(self, node: Any) -> dict[str, Any]:
        """A parameter or response; a reference into this document is followed."""
        for _ in range(20):
            reference = node.get("$ref") if isinstance(node, Mapping) else None
            if not isinstance(reference, str) or not reference.startswith("#/"):
                break
            found: Any = self._document
            for part in reference[2:].split("/"):
                found = (
                    found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
                )
            if found is None:
                self._losses.add("a reference leads nowhere, so what it names is missing", reference)
            node = found
        found = dict(node) if isinstance(node, Mapping) else {}
        place = _PLACES.get(str(found.get("in")).lower())
        return found if place is None else {**found, "in": place}


def _of_body(body: Mapping[str, Any]) -> Any:
    """The schema of a body, which some write right beside its name."""
    beside = {key: body[key] for key in (*_OF_SCHEMAS, "properties", "description") if key in body}
    return body.get("schema", beside if "type" in body else {})


def _is_file(parameter: Mapping[str, Any]) -> bool:
    """A file, or a list of files."""
    return "file" in (str(parameter.get("type")).lower(), str(_map(parameter.get("items")).get("type")).lower())


def _identity(parameter: Mapping[str, Any]) -> tuple[str, str]:
    return str(parameter.get("name")), str(parameter.get("in"))


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in parameter:
        return parameter
    schema = {key: parameter[key] for key in _OF_SCHEMAS if key in parameter}
    converted = {key: value for key, value in parameter.items() if key not in (*_OF_SCHEMAS, "collectionFormat")}
    if parameter.get("type") == "array":
        style, explode = _STYLES.get(str(parameter.get("collectionFormat", "csv")), ("form", False))
        if style == "form" and parameter.get("in") != "query":
            style = "simple"
        converted |= {"style": style, "explode": explode}
    if schema.pop("x-nullable", False) is True:
        schema["nullable"] = True
    if "x-example" in converted:  # Swagger has no word of its own for it
        converted.setdefault("example", converted["x-example"])
    return {**converted, "schema": schema}


def _scheme(scheme: Any) -> Any:
    if not isinstance(scheme, Mapping):
        return scheme
    if scheme.get("type") == "basic":
        return {**scheme, "type": "http", "scheme": "basic"}
    if scheme.get("type") != "oauth2":
        return dict(scheme)
    flow = {key: scheme[key] for key in ("authorizationUrl", "tokenUrl", "scopes") if key in scheme}
    return {**scheme, "flows": {_FLOWS.get(str(scheme.get("flow")), "implicit"): flow}}


def _example(examples: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"example": examples[kind]} if kind in examples else {}


def _examples_of(body: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """What a body shows, by its types; Swagger has no word of its own for it."""
    alone = {kind: body["x-example"]} if "x-example" in body else {}
    return _map(body.get("x-examples")) or alone


def _map(value: Any) -> dict[str, Any]:
    return {str(key): below for key, below in value.items()} if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
