"""`requestBody`: its fields, and how they are encoded."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Literal

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Body, Declaration, Field, Losses
from agentos_runtime.importers.declarations import file_written, ordered, with_note
from agentos_runtime.importers.openapi.declare import Declarer
from agentos_runtime.importers.openapi.document import Located, media_types, resolve
from agentos_runtime.importers.openapi.examples import media_example
from agentos_runtime.importers.openapi.flat import Flat, Schema, needed_by, properties_of
from agentos_runtime.importers.openapi.nesting import Written, nested_field
from agentos_runtime.importers.openapi.parameters import AS_JSON, JOINED, MAPS_AS_JSON, is_sent
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.params import FILE
from agentos_runtime.regexes import regex

Encoding = Literal["json", "form", "multipart", "text", "binary"]

_SENT: Mapping[str, Encoding] = {
    "application/json": "json",
    "multipart/form-data": "multipart",
    "application/x-www-form-urlencoded": "form",
    "text/plain": "text",
    "application/octet-stream": "binary",
}
"""What each encoding sends by itself, the best first."""
_FORMS: Mapping[str, str] = {
    "multipart": "multipart/form-data",
    "form": "application/x-www-form-urlencoded",
}
_TEXTS = ("xml", "yaml", "graphql", "javascript", "jsonl", "ndjson", "json-seq")
_RANK: tuple[Encoding, ...] = ("json", "multipart", "form", "text", "binary")


_EVENTS = regex(r"server[- ]sent[- ]event|\bSSE\b|event[- ]stream", re.IGNORECASE)
_OF_NOTHING = frozenset({"type", "properties", "title", "description", "additionalProperties", "required"})


@dataclass(frozen=True, slots=True)
class ReadBody:
    """A body's fields, how they are sent, and which of them asks for a stream."""

    fields: tuple[Written, ...] = ()
    body: Body = field(default_factory=Body)
    stream_field: str | None = None
    events_said: bool = False
    """The words about that field say that events come."""
    example: Json = None


class Bodies:
    """Reads the bodies of one import."""

    def __init__(self, declarer: Declarer, losses: Losses) -> None:
        self._declarer = declarer
        self._losses = losses

    def has_fields(self, operation: Located) -> bool:
        """Whether it describes a body that holds something."""
        if operation.get("requestBody") is None:
            return False
        kinds = media_types(resolve(operation.at("requestBody"), self._losses), self._losses)
        return not kinds or any(not is_empty(kind.at("schema"), self._losses) for kind in kinds.values())

    def read(self, operation: Located, method: str, label: str) -> ReadBody:
        raw = operation.at("requestBody")
        if raw.value is None:
            return ReadBody()
        node = resolve(raw, self._losses)
        kinds = media_types(node, self._losses)
        if not kinds:
            self._losses.add("a body is not sent, since its `content` is not described", label)
            return ReadBody()
        content_type = min(kinds, key=lambda kind: (*_rank(kind), list(kinds).index(kind)))
        for other in kinds:
            if other != content_type:
                self._losses.add(f"the body may also be sent as {other}; {content_type} is used", label)
        encoding = encoding_of(content_type)
        example = media_example(kinds[content_type], self._losses)
        schema = kinds[content_type].at("schema")
        item = kinds[content_type].get("itemSchema")
        if item is not None and schema.value is None:
            schema = Located({"type": "array", "items": item}, schema.resolver)
        said = kinds[content_type].map("encoding")
        kind = content_type.split(";")[0].strip()
        if encoding in _FORMS and kind.lower() != _FORMS[encoding]:
            self._losses.add(f"a body of {content_type} is sent as {_FORMS[encoding]}", label)
            content_type = _FORMS[encoding]
        own = content_type if kind and _SENT.get(content_type) != encoding and "*" not in content_type else None
        if is_empty(schema, self._losses) and not node.flag("required"):
            return ReadBody()
        flat = self._declarer.flattener.flat([schema], label)
        encoding = self._of_fields(encoding, kind, flat, label)
        flat = self._with_parts(flat, encoding)
        if encoding == "multipart" and flat.types == ("array",):
            return self._files(flat, own, node, label)
        if (
            encoding in ("text", "binary")
            or flat.options
            or flat.cut
            or not flat.is_object
            or not (flat.properties or flat.required)
        ):
            return self._whole(flat, encoding, own, node, label)
        body = Body(encoding, own, extra=flat.open)
        read = self._by_field(flat, body, method, said, label)
        return replace(read, example=example)

    def _of_fields(self, encoding: Encoding, kind: str, flat: Flat, label: str) -> Encoding:
        """How a body is sent whose fields are described, though its type is none that has fields."""
        if encoding not in ("text", "binary") or not (flat.is_object and flat.properties):
            return encoding
        if encoding == "binary" and kind.lower().startswith("application/vnd."):
            self._losses.add(f"a body of {kind} is sent as JSON, since its fields are described", label)
            return "json"
        how = "a text" if encoding == "text" else "a file"
        self._losses.add(f"the fields of a body of {kind} are not said: it is asked for as {how}", label)
        return encoding

    def _whole(self, flat: Flat, encoding: Encoding, own: str | None, node: Located, label: str) -> ReadBody:
        """One param is the body: a list, a text, a file, a map of anything."""
        said = node.text("description")
        if encoding == "binary" and flat.format == "byte":
            encoding, flat = self._encoded(flat, own, label)
        declaration = self._declarer.param(flat, f"{label} body", said=said)
        if encoding == "binary" or flat.is_binary:
            encoding, declaration = "binary", _file(declaration)
        elif encoding == "text":
            kept: Declaration = {key: declaration[key] for key in ("description", "example") if key in declaration}
            declaration = {"type": "string", **kept}
        elif not declaration.get("type") and flat.open:
            declaration = {**declaration, "type": "object"}
        if "description" not in declaration:
            declaration["description"] = "The whole body"
        only = Field(_whole_name(encoding), "body", declaration, node.flag("required"))
        return ReadBody((only,), Body(encoding, own, whole=True))

    def _encoded(self, flat: Flat, own: str | None, label: str) -> tuple[Encoding, Flat]:
        """A body that is said to be base64: what has a type of its own is sent as that text, anything as bytes."""
        if own is not None:
            return "text", flat
        self._losses.add("the body is described as base64: it is sent as bytes, which services mean by that", label)
        return "binary", replace(flat, format="binary")

    def _files(self, flat: Flat, own: str | None, node: Located, label: str) -> ReadBody:
        """A list as a multipart body, whose parts nobody names."""
        self._losses.add("a multipart body that is a list names no field: its entries are sent as `file`", label)
        declaration = self._declarer.param(flat, f"{label} body", said=node.text("description"))
        if self._is_file(flat):
            declaration = _file(declaration)
        return ReadBody((Field("file", "body", declaration, node.flag("required")),), Body("multipart", own))

    def _by_field(self, flat: Flat, body: Body, method: str, said: Mapping[str, Located], label: str) -> ReadBody:
        """A param for each property; `said` is what the document says of how each is encoded."""
        fields: list[Written] = []
        cleared: list[str] = []
        stream, events = None, False
        for name, schemas in flat.properties.items():
            below = self._declarer.flattener.flat(schemas, f"{label} {name}")
            if below.read_only:
                continue
            if body.encoding == "multipart":
                below = self._bytes_of(below, schemas, f"{label} {name}")
                below = _part(below, said[name].text("contentType")) if name in said else below
            if name == "stream" and below.types == ("boolean",):
                stream, events = name, bool(_EVENTS.search(below.description))
            required = name in flat.required
            field = self._field(name, below, required, method, f"{label} {name}", body)
            if name in flat.needed and not required:
                words = with_note(field.declaration, flat.needed[name])
                field = replace(field, declaration=ordered({**field.declaration, "description": words}))
            fields.append(self._written(field, below, body, said.get(name), f"{label} {name}"))
            if below.nullable and (required or method in ("PATCH", "PUT")):
                cleared.append(name)
        for name in cleared:
            self._losses.add("a null cannot be sent, since null leaves a param out", f"{label} {name}")
        return ReadBody(tuple(fields), body, stream, events)

    def _field(self, name: str, flat: Flat, required: bool, method: str, label: str, body: Body) -> Field:
        declaration = self._declarer.param(flat, label, required=required)
        if body.encoding == "multipart" and self._is_file(flat):
            declaration = _file(declaration)
        else:
            # A partial update must change what was given and nothing else.
            sent = required or (is_sent(flat) and method != "PATCH")
            declaration = self._declarer.with_default(declaration, flat, label, sent=sent)
        return Field(name, "body", declaration, required and "default" not in declaration, flat.default)

    def _written(self, field: Field, flat: Flat, body: Body, said: Located | None, label: str) -> Written:
        """A field of a form in the style that the document says; without one, maps in it are JSON texts."""
        style = said.text("style") if said else ""
        many = {"object", "array"} & set(flat.types) or flat.is_object
        if body.encoding == "multipart" and self._is_file(flat) and said is not None:
            return replace(field, write=file_written(field.declaration, said.text("contentType")))
        if body.encoding not in ("form", "multipart") or self._is_file(flat):
            return field
        if style == "deepObject" and many:
            return nested_field(field, flat, self._declarer, label)
        if body.encoding == "multipart":
            return field
        if said is not None and said.text("contentType").startswith("application/json"):
            return replace(field, write=AS_JSON)
        joint = _joint(said) if flat.types == ("array",) and said is not None else None
        if joint is not None:
            return replace(
                field, write=f'{{}} | if type == "array" then map(tostring) | join("{joint}") else . end'
            )
        rows = self._declarer.flattener.flat(flat.items, label) if flat.items else None
        if flat.is_object or "object" in flat.types or (rows is not None and rows.is_object):
            self._losses.add("a map in a form is sent as JSON text", label)
            return replace(field, write=MAPS_AS_JSON)
        return field

    def _with_parts(self, flat: Flat, encoding: Encoding) -> Flat:
        """Alternatives of which one has a file become one shape: only a part of its own can be a file."""
        if encoding != "multipart" or not flat.options or not all(option.is_object for option in flat.options):
            return flat
        fields = properties_of(flat.options, most=len(flat.options))
        if not any(
            self._is_file(self._declarer.flattener.flat([one], "")) for each in fields.values() for one in each
        ):
            return flat
        cut = any(option.cut for option in flat.options)
        return replace(flat, options=(), properties=fields, needed=needed_by(flat.options), cut=cut)

    def _bytes_of(self, flat: Flat, schemas: Sequence[Schema], label: str) -> Flat:
        """What may be a file or a text is a file."""
        if flat.types != ("string",) or flat.is_binary:
            return flat
        for schema in schemas:
            node = resolve(schema, self._losses) if isinstance(schema, Located) else None
            ways = [*node.entries("anyOf"), *node.entries("oneOf")] if node else []
            for way in (schema, *ways):
                one = self._declarer.flattener.flat([way], label)
                if one.is_binary:
                    self._losses.add("a file that may also be given as a text is taken as a file only", label)
                    return replace(flat, format=one.format, enum=None)
        return flat

    def _is_file(self, flat: Flat) -> bool:
        """Whether it is a file, a list of files, or either of them."""
        several = flat.items and "array" in flat.types and {*flat.types} <= {"array", "string"}
        below = self._declarer.flattener.flat(flat.items, "") if several else flat
        return below.is_binary


def _part(flat: Flat, content_type: str) -> Flat:
    """A part with the type that the document says it has: what has no other shape and is no text is bytes."""
    kind = content_type.split(",")[0].split(";")[0].strip().lower()
    if not flat.types and not flat.properties and not flat.options and flat.enum is None and "/" in kind:
        flat = replace(flat, format="binary") if encoding_of(kind) == "binary" else flat
    if flat.is_binary and kind not in ("", "application/octet-stream") and kind not in flat.description:
        words = f"{flat.description} ({content_type.strip()})" if flat.description else content_type.strip()
        flat = replace(flat, description=words)
    return flat


def _joint(said: Located) -> str | None:
    """What stands between the entries of a list in a form; None where its name is repeated."""
    style = said.text("style") or "form"
    explode = said.get("explode")
    return None if explode is True or (explode is None and style == "form") else JOINED.get(style)


def is_empty(schema: Located, losses: Losses) -> bool:
    """Whether it says that there are no fields: `{type: object, properties: {}}`."""
    value = resolve(schema, losses).value
    return isinstance(value, Mapping) and value.get("properties") == {} and not value.keys() - _OF_NOTHING


def _rank(kind: str) -> tuple[int, bool]:
    """Better kinds first; a list of changes is the last of the kinds of JSON."""
    return _RANK.index(encoding_of(kind)), "json-patch" in kind


def _file(declaration: Declaration) -> Declaration:
    said = {key: value for key, value in declaration.items() if key == "description"}
    kinds = declaration.get("type")
    if kinds == "array" or (isinstance(kinds, list) and "array" in kinds):
        return ordered({**said, "type": "array", "items": {"type": FILE}})
    return ordered({**said, "type": FILE})


def encoding_of(content_type: str) -> Encoding:
    """How a body of this type is sent; JSON in other words is JSON, other text is text, the rest bytes."""
    kind = content_type.split(";")[0].strip().lower()
    if kind in _SENT:
        return _SENT[kind]
    if kind.endswith(("+json", "/json")) or kind in ("*/*", ""):
        return "json"
    if kind.startswith("multipart/") or "form-data" in kind:
        return "multipart"
    if "urlencode" in kind:
        return "form"
    if kind.startswith("text/") or kind.endswith(_TEXTS):
        return "text"
    return "json" if "json" in kind else "binary"


def _whole_name(encoding: Encoding) -> str:
    return {"binary": "content", "text": "text"}.get(encoding, "body")
