"""OpenRouter's own description (OpenAPI), when it lies beside the checkout: its operations, and what fits them."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.openrouter.forms import parts_of
from tests.reading import read_yaml

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "openrouter" / "openapi-2026-08.yaml"
BASE = "/api/v1"
DOCUMENTED = frozenset({"structured_outputs", "verbosity", "preset", "audio"})
"""Fields that OpenRouter's guides explain and its description leaves out."""
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `GET /models/{author}/{slug}/endpoints`."""

    method: str
    path: str
    value: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def needs_management(self) -> bool:
        return bool(re.search(r"\[?management key\]?[^.]{0,80}required", self.value.get("description", ""), re.I))

    @property
    def needs_key(self) -> bool:
        """Whether it can answer that a key is missing."""
        return "401" in self.value["responses"] or self.value.get("security") == [{"bearer": []}]

    @property
    def status(self) -> int:
        return min(int(code) for code in self.value["responses"] if code.startswith("2"))

    def content(self) -> Mapping[str, Any]:
        """Content type to media type of what it answers."""
        content: Mapping[str, Any] = self.value["responses"][str(self.status)].get("content", {})
        return content


class Description:
    """The parsed document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = document["components"]
        self.operations = {one.name: one for one in self._read(document["paths"])}

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation that a request is for, the one with the most literal path first, and its path params."""
        for operation in sorted(self.operations.values(), key=lambda one: one.path.count("{")):
            names = re.findall(r"\{(\w+)\}", operation.path)
            pattern = re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(operation.path))
            found = re.fullmatch(pattern, path)
            if operation.method == method and found:
                return operation, dict(zip(names, map(unquote, found.groups()), strict=True))
        return None

    def resolved(self, schema: Any) -> Any:
        """The schema behind a reference, its `allOf` laid over each other."""
        while isinstance(schema, dict) and "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            schema = {**self._components["schemas"][name], **{k: v for k, v in schema.items() if k != "$ref"}}
        if isinstance(schema, dict) and "allOf" in schema:
            merged = {key: value for key, value in schema.items() if key != "allOf"}
            for below in map(self.resolved, schema["allOf"]):
                properties = {**merged.get("properties", {}), **below.get("properties", {})}
                required = [*merged.get("required", []), *below.get("required", [])]
                merged = {**below, **merged, "properties": properties, "required": required}
            return merged
        return schema

    def problems(self, schema: Any, value: Any) -> list[str]:
        """How a value does not fit a schema."""
        whole = {**schema, "components": self._components}
        errors = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
        return [f"{error.json_path}: {error.message[:300]}" for error in errors]

    def _read(self, paths: Mapping[str, Any]) -> Iterator[Operation]:
        for path, item in paths.items():
            for method in METHODS:
                if method in item:
                    parameters = (*item.get("parameters", ()), *item[method].get("parameters", ()))
                    yield Operation(method.upper(), path, item[method], tuple(map(self._parameter, parameters)))

    def _parameter(self, parameter: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in parameter:
            return parameter
        found: Mapping[str, Any] = self._components["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
        return found


@functools.cache
def description() -> Description:
    """Skips the test when the document is absent."""
    if not FILE.is_file():
        pytest.skip("OpenRouter's description is not beside this checkout")
    document = read_yaml(FILE.read_bytes())
    return Description(json.loads(json.dumps(document, default=str)))


# ------------------------------------------------------------------ what is wrong with a request


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it reached the upstream."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes


def request_problems(described: Description, sent: Sent) -> list[str]:
    """Everything for which OpenRouter's description would refuse a request."""
    url = urlsplit(sent.target)
    found = described.find(sent.method, url.path.removeprefix(BASE))
    if found is None or not url.path.startswith(BASE):
        return [f"there is no {sent.method} {url.path}"]
    operation, in_path = found
    query = parse_qsl(url.query, keep_blank_values=True)
    given = {"path": list(in_path.items()), "query": query, "header": list(sent.headers.items())}
    problems = [problem for one in operation.parameters for problem in _parameter_problems(described, one, given)]
    known = {one["name"] for one in operation.parameters if one["in"] == "query"}
    problems += [f"query: there is no `{name}`" for name, _ in query if name not in known]
    if operation.needs_key and not sent.headers.get("authorization", "").startswith("Bearer "):
        problems.append("there is no key")
    return problems + _body_problems(described, operation, sent)


def _parameter_problems(
    described: Description, parameter: Mapping[str, Any], given: Mapping[str, list[tuple[str, str]]]
) -> list[str]:
    name, place = parameter["name"], parameter["in"]
    values = [text for key, text in given[place] if key.lower() == name.lower()]
    if not values:
        return [f"{place}: `{name}` is missing"] if parameter.get("required") else []
    schema = parameter["schema"]
    problems = min((described.problems(schema, value) for value in _readings(values)), key=len)
    return [f"{place} {name}: {problem}" for problem in problems]


def _readings(values: list[str]) -> list[Any]:
    """What a text in a url may mean."""
    [text] = values
    readings: list[Any] = [text]
    if re.fullmatch(r"-?\d+(\.\d+)?|true|false", text):
        readings.append(json.loads(text))
    return readings


def _body_problems(described: Description, operation: Operation, sent: Sent) -> list[str]:
    declared = operation.value.get("requestBody")
    if declared is None:
        return ["there is a body, and none is known"] if sent.body else []
    kind = sent.headers.get("content-type", "").split(";")[0]
    if kind not in declared["content"]:
        return [f"the body is {kind or 'of no type'}, not {', '.join(declared['content'])}"]
    schema = described.resolved(declared["content"][kind]["schema"])
    body = _form(sent) if kind == "multipart/form-data" else json.loads(sent.body)
    known = schema["properties"].keys() | DOCUMENTED
    unknown = [f"body: there is no `{name}`" for name in body if name not in known]
    return [*unknown, *(f"body {problem}" for problem in described.problems(schema, body))]


def _form(sent: Sent) -> dict[str, Any]:
    """The fields of a multipart body: files as text, repeated names as lists, numbers as numbers."""
    fields: dict[str, Any] = {}
    for name, filename, data in parts_of(sent.headers["content-type"], sent.body):
        text = data.decode("latin-1")
        if name.endswith("[]"):
            fields.setdefault(name, []).append(text)
        else:
            is_number = filename is None and re.fullmatch(r"\d+(\.\d+)?", text)
            fields[name] = json.loads(text) if is_number else text
    return fields
