"""The endpoints of a LAP file become operations."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Literal

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import Body, Declaration, Field, Losses, Operation, Place, Reply
from agentos_runtime.importers.declarations import MAX_DEPTH, WORTH_SAYING, ordered
from agentos_runtime.importers.lap.auth import Proofs
from agentos_runtime.importers.lap.fields import KINDS, LapField, LapType, value_of
from agentos_runtime.importers.lap.places import BODILESS, is_whole_body, place_of, without_runtimes
from agentos_runtime.importers.messages import summary
from agentos_runtime.importers.names.routes import route
from agentos_runtime.importers.paging import paged, rows_of
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.params import FILE
from agentos_runtime.regexes import regex

_FRAGMENT = regex(r"#([\w-]+)=([\w.-]+)$")
"""`/#X-Amz-Target=Service.Verb`: several calls at one address, told apart by a header or the query."""
_FEW = 0.05
"""Params that less of the endpoints lack are common to all for those who write LAP."""


@dataclass(slots=True)
class Endpoint:
    """What the lines of one endpoint say."""

    method: str
    path: str
    group: str
    description: str = ""
    fields: list[tuple[LapField, bool]] = field(default_factory=list)
    """Each with whether it is required."""
    body: str = ""
    """The name of the type that the body has."""
    auth: str | None = None
    reply: LapType | None = None
    status: str = ""

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"


class Maker:
    """Makes operations of endpoints."""

    def __init__(
        self,
        common: Sequence[LapField],
        types: Mapping[str, tuple[LapField, ...]],
        proofs: Proofs,
        losses: Losses,
    ) -> None:
        self._common = common
        self._types = types
        self._proofs = proofs
        self._losses = losses
        self._in_paths: set[str] = set()
        """Which of the common params stand in paths."""

    def all(self, endpoints: Sequence[Endpoint]) -> list[Operation]:
        bodiless = sum(one.method in BODILESS for one in endpoints)
        in_query = bodiless > _FEW * len(endpoints)  # at least one of those has them, which sends no body
        self._in_paths = {
            each.name for each in self._common if any(f"{{{each.name}}}" in one.path for one in endpoints)
        }
        found: dict[tuple[str, str], Operation] = {}
        for one in endpoints:
            here = route(one.method, one.path)
            if here in found:
                self._losses.add(f"it is the same call as {found[here].label}, which is imported", one.label)
            else:
                found[here] = self._operation(one, in_query)
        return [*found.values()]

    def _operation(self, one: Endpoint, common_in_query: bool) -> Operation:
        fields, body = self._fields(one, common_in_query)
        reply = _reply(one, self._types)
        made = Operation(
            method=one.method,
            path=one.path,
            description=summary(one.description, sentences=1) or one.label,
            tag=one.group if re.fullmatch(r"[\w -]+", one.group) else "",
            fields=tuple(fields),
            body=body,
            reply=reply,
            credential=self._proofs.name_of(one.auth),
        )
        made = without_runtimes(_told_apart(made), self._losses)
        return paged(made) if one.method == "GET" else made

    def _fields(self, one: Endpoint, common_in_query: bool) -> tuple[list[Field], Body]:
        written = [*one.fields, *((each, each.required) for each in self._types.get(one.body, ()))]
        if one.body and one.body not in self._types:
            self._losses.add(f"the type {one.body} of a body is not declared", one.label)
        others = [each.type for each, _ in written if each.name != "body" and f"{{{each.name}}}" not in one.path]
        whole = one.method not in BODILESS and any(
            is_whole_body(each.name, each.type, others) for each, _ in written
        )
        made: list[Field] = []
        for each, required in written:
            place = place_of(each.name, one.method, one.path)
            if whole and place == "body" and each.name != "body":
                place = "query"
            if any(there.name == each.name and there.place == place == "path" for there in made):
                place = "query" if one.method in BODILESS else "body"  # both have it
            self._add(made, one, each, required, place)
        for each in self._common:
            place = place_of(each.name, one.method, one.path)
            elsewhere = place != "path" and each.name in self._in_paths
            if not elsewhere and not any(there.name == each.name for there in made):
                self._add(made, one, each, False, "query" if place == "body" and common_in_query else place)
        made += _undeclared(one, made)
        if whole:
            self._losses.add(
                "`body` is taken for the whole body, and what stands beside it for the query", one.label
            )
        return made, Body(_encoding(made), whole=whole)

    def _add(self, made: list[Field], one: Endpoint, each: LapField, required: bool, place: Place) -> None:
        if each.name == "stream" and each.type.kind == "bool":
            self._losses.add(
                "it takes `stream`, but nothing says what its events are: the field is left out", one.label
            )
        elif any(there.name == each.name and there.place == place for there in made):
            self._losses.add("a param that comes twice is taken once", f"{one.label} {each.name}")
        else:
            made.append(_field(one, each, required, place, self._losses))


def _told_apart(one: Operation) -> Operation:
    """An operation with what its path says behind `#`, which is sent as it is, and the name that this gives."""
    found = _FRAGMENT.search(one.path)
    named = next((each for each in one.fields if found and each.name == found[1]), None)
    if found is None or named is None:
        return one
    sent = replace(named, place="header" if named.place == "header" else "query", write=f'"{found[2]}"')
    fields = tuple(sent if each is named else each for each in one.fields)
    return replace(one, fields=fields, id=found[2].rpartition(".")[2])


def _encoding(fields: Sequence[Field]) -> Literal["json", "multipart"]:
    return "multipart" if any(each.declaration.get("type") == FILE for each in fields) else "json"


def _field(one: Endpoint, each: LapField, required: bool, place: Place, losses: Losses) -> Field:
    declaration = declared(each.type, f"{one.label} {each.name}", losses)
    if each.type.kind == FILE:
        declaration["type"] = FILE
    said = summary(each.remark)
    default = value_of(each.default, each.type.kind) if each.default else None
    choices = declaration.get("enum")
    fits = default is not None and (not isinstance(choices, list) or default in choices)
    sent = required and place != "path" and fits
    if sent:
        declaration["default"] = default
    elif each.default:
        said = f"{said} (default: {each.default})" if said else f"Default: {each.default}"
    if said:
        note = declaration.get("description")
        declaration["description"] = f"{said} ({note})" if note and str(note) not in said else said
    return Field(each.name, place, ordered(declaration), (required and not sent) or place == "path", default)


def _undeclared(one: Endpoint, made: Sequence[Field]) -> list[Field]:
    names = dict.fromkeys(re.findall(r"\{([^}]*)\}", one.path))
    there = {each.name for each in made if each.place == "path"}
    return [Field(name, "path", {"type": "string"}, True) for name in names if name not in there]


def declared(kind: LapType, label: str, losses: Losses, depth: int = MAX_DEPTH) -> Declaration:
    """A type as a declaration; three levels deep."""
    declaration: Declaration = {}
    if kind.kind in KINDS:
        declaration["type"] = KINDS[kind.kind]
    choices = _choices(kind, label, losses)
    if choices:
        declaration["enum"] = choices
    if kind.choices and kind.kind not in KINDS:
        declaration["description"] = f"one of {', '.join(kind.choices)}"
    if kind.format in WORTH_SAYING:
        declaration["description"] = WORTH_SAYING[kind.format]
    if kind.items is not None and (below := declared(kind.items, f"{label}[]", losses, depth)):
        declaration["items"] = below
    if kind.fields and depth > 1:
        declaration["properties"] = {
            each.name: _property(each, f"{label}.{each.name}", losses, depth - 1) for each in kind.fields
        }
    return declaration


def _property(each: LapField, label: str, losses: Losses, depth: int) -> Json:
    declaration = declared(each.type, label, losses, depth)
    said = summary(each.remark, 120, 1)
    if each.default:
        said = f"{said} (default: {each.default})" if said else f"Default: {each.default}"
    if said:
        declaration["description"] = said
    return ordered({**declaration, "required": True}) if each.required else ordered(declaration)


def _choices(kind: LapType, label: str, losses: Losses) -> list[Json]:
    if kind.kind not in KINDS:
        return []
    found: list[Json] = [value_of(text, kind.kind) for text in kind.choices]
    if None in found or len(set(kind.choices)) < len(kind.choices):
        # `a/b` is one value of some services and two for LAP: only words that come twice show it.
        losses.add("choices are parted by `/`, so one that holds a `/` has become two; they are not checked", label)
        return []
    return found


def _reply(one: Endpoint, types: Mapping[str, tuple[LapField, ...]]) -> Reply:
    if one.status == "204" and one.reply is None:
        return Reply("void")
    said = one.reply
    if said is not None and said.kind in types:
        said = replace(said, fields=types[said.kind])
    if said is None or (said.kind != "list" and not said.fields):
        return Reply(described=False)
    if said.kind == "list":
        return Reply("json", "array", "")
    rows = rows_of([each.name for each in said.fields if each.type.kind == "list"])
    wide = len(said.fields) > 2
    returns: Json = {each.name: _returned(each, 1 if wide else 2) for each in said.fields}
    return Reply("json", returns, f"/{rows}" if rows else None)


def _returned(each: LapField, depth: int) -> Json:
    declaration: Declaration = {}
    if each.type.kind in KINDS:
        declaration["type"] = KINDS[each.type.kind]
    said = summary(each.remark, 100, 1)
    if said:
        declaration["description"] = said
    if depth > 1 and each.type.fields:
        declaration["properties"] = {below.name: _returned(below, depth - 1) for below in each.type.fields}
    if not declaration:
        return "any"
    return declaration["type"] if declaration.keys() == {"type"} else declaration
