"""Calls as somebody would make them who reads nothing but a utility's published schema."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import find, settings
from hypothesis import strategies as st

_BY_WORD: Mapping[str, Any] = {
    "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "email": "ann@example.com",
    "uri": "https://example.com/a",
    "url": "https://example.com/a",
    "ipv4": "192.0.2.7",
    "hostname": "www.example.com",
    "iso 8601 time": "2026-01-02T03:04:05Z",
    "yyyy-mm-dd": "2026-01-02",
    "base64": "aGVsbG8=",
    "digits": "123",
}


def params_of(schema: Mapping[str, Any], *, full: bool) -> dict[str, Any]:
    """The required params, or all."""
    needed = [*schema.get("required", ())]
    for name, below in schema.get("properties", {}).items():
        others = re.search(r"needed unless (.+?) is given", str(below.get("description", "")), re.IGNORECASE)
        if others is not None and not {*re.findall(r"[\w-]+", others[1])} & {*needed}:
            needed.append(name)
    return {
        name: value_of(below, full=full)
        for name, below in schema.get("properties", {}).items()
        if full or name in needed
    }


def value_of(schema: Mapping[str, Any], *, full: bool) -> Any:
    """A value that the schema allows, and what its description says in words."""
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            return value_of({**schema[keyword][0], **_rest(schema, keyword)}, full=full)
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    if "example" in schema or "examples" in schema:
        return schema["example"] if "example" in schema else schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    said = str(schema.get("description", ""))
    if kind == "object" or (kind is None and "properties" in schema):
        return params_of(schema, full=full)
    if kind == "array":
        fewest = 1 if re.search("each entry once|at most 1 entry", said, re.IGNORECASE) else 2
        return [value_of(schema.get("items", {}), full=full)] * max(fewest, _least(said))
    if kind in ("integer", "number"):
        return _number(schema, said)
    return True if kind == "boolean" else _text(schema, said)


def _rest(schema: Mapping[str, Any], keyword: str) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in (keyword, "type", "description")}


def _number(schema: Mapping[str, Any], said: str) -> float:
    number: float = schema.get("minimum", schema.get("maximum", 1))
    step = re.search(r"a multiple of ([\d.]+)", said, re.IGNORECASE)
    return number if step is None else float(step[1]) if "." in step[1] else int(step[1])


def _least(said: str) -> int:
    found = re.search(r"at least (\d+) entries|(\d+)(?: to \d+)? entries", said, re.IGNORECASE)
    return 1 if found is None or "at most" in said.lower() else max(1, int(found[1] or found[2]))


def _text(schema: Mapping[str, Any], said: str) -> str:
    if schema.get("format") == "byte" or schema.get("contentEncoding") == "base64":
        return base64.b64encode(b"hello").decode()
    pattern = re.search(r"matches (\S+?)\)?(?: \(|$)", said, re.IGNORECASE)
    if pattern is not None:
        return str(_matching(pattern[1]))
    for word, value in _BY_WORD.items():
        if re.search(rf"(?<!\w){word}(?!\w)", said.lower()):
            return str(value)
    length = re.search(r"(?:at least )?(\d+)(?: to \d+)? characters", said, re.IGNORECASE)
    return "x" if length is None or "at most" in said.lower() else "x" * int(length[1])


def _matching(pattern: str) -> str:
    """A text that a pattern allows."""
    for end in ("", ")"):
        try:
            compiled = re.compile(pattern + end)
        except re.error:
            continue
        texts = st.from_regex(compiled, alphabet=st.characters(min_codepoint=33, max_codepoint=126))
        found: str = find(texts, bool, settings=settings(database=None))
        return found.strip()
    return "x"
