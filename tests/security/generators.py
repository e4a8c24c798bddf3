"""Hostile and well-formed inputs from a seeded die: the same seed gives the same input, on every machine."""

import copy
import json
import random
import string
from collections.abc import Mapping, Sequence
from typing import Any

ODD_TEXTS = (
    *("", " ", "a", "true", "null", "../..", "@127.0.0.1", "?x=1", "#", "%2e%2e", "\r\nX-Evil: 1", "\0", "\u202e"),
    *("é" * 9, "\ud800", "{name}", '"', "\\", "sk-" + "a" * 40, "x" * 5000, "1e999", "🙂", "data: [DONE]\n\n"),
    *("http://[::1]/", "$ENV"),
)
ODD_NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, -(2**63), 10**25, 0.1, -0.0, 1e308, 5e-324)


def text(dice: random.Random) -> str:
    if dice.random() < 0.4:
        return dice.choice(ODD_TEXTS)
    return "".join(dice.choice(string.printable) for _ in range(dice.randrange(20)))


def value(dice: random.Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = dice.randrange(5 if depth == 0 else 8)
    if kind < 2:
        return text(dice)
    if kind < 4:
        return dice.choice(ODD_NUMBERS)
    if kind == 4:
        return dice.choice((True, False, None))
    count = dice.randrange(4)
    if kind == 5:
        return [value(dice, depth - 1) for _ in range(count)]
    return {text(dice): value(dice, depth - 1) for _ in range(count)}


def valid(schema: Mapping[str, Any], dice: random.Random, depth: int = 4) -> Any:
    """A value that a published schema of params or replies accepts."""
    if "enum" in schema:
        return dice.choice(schema["enum"])
    kinds = schema.get("type")
    if kinds is None:
        return value(dice, 2)
    kind = dice.choice(kinds) if isinstance(kinds, list) else kinds
    return _VALID[kind](schema, dice, depth)


def _valid_text(schema: Mapping[str, Any], dice: random.Random, _depth: int) -> str:
    return text(dice).encode("utf-8", "replace").decode()


def _valid_number(schema: Mapping[str, Any], dice: random.Random, _depth: int) -> float:
    return dice.uniform(*_bounds(schema))


def _valid_integer(schema: Mapping[str, Any], dice: random.Random, _depth: int) -> int:
    low, high = _bounds(schema)
    return dice.randint(-int(-low // 1), int(high // 1))


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    low = schema.get("minimum", min(-1000, schema.get("maximum", 0)))
    return low, schema.get("maximum", max(1000, low))


def _valid_list(schema: Mapping[str, Any], dice: random.Random, depth: int) -> list[Any]:
    return [valid(schema.get("items", {}), dice, depth - 1) for _ in range(dice.randrange(3) if depth > 0 else 0)]


def _valid_object(schema: Mapping[str, Any], dice: random.Random, depth: int) -> dict[str, Any]:
    declared = schema.get("properties", {})
    required = schema.get("required", [])
    chosen = [name for name in declared if name in required or (depth > 0 and dice.random() < 0.4)]
    return {name: valid(declared[name], dice, depth - 1) for name in chosen}


_VALID: Mapping[str, Any] = {
    "string": _valid_text,
    "number": _valid_number,
    "integer": _valid_integer,
    "boolean": lambda _schema, dice, _depth: dice.random() < 0.5,
    "null": lambda _schema, _dice, _depth: None,
    "array": _valid_list,
    "object": _valid_object,
}


def mutated_bytes(data: bytes, dice: random.Random) -> bytes:
    """The same with a few cuts, repeats and wrong bytes."""
    for _ in range(dice.randrange(1, 5)):
        start, length = dice.randrange(len(data) + 1), dice.choice((0, 1, 1, 3, 40))
        piece = dice.choice(
            (b"", bytes([dice.randrange(256)]), data[start : start + length] * 3, b"\r\n", b"'", b": ")
        )
        data = data[:start] + piece + data[start + length :]
    return data


def mutated_value(document: Any, dice: random.Random) -> Any:
    """The same document with a few values replaced, removed, or moved."""
    document = copy.deepcopy(document)
    for _ in range(dice.randrange(1, 4)):
        places = [*_places(document)]
        if not places:
            return value(dice)
        holder, key = dice.choice(places)
        if dice.random() < 0.2:
            del holder[key]
        else:
            holder[key] = value(dice) if dice.random() < 0.6 else copy.deepcopy(_at(dice.choice(places)))
    return document


def _places(value: Any) -> Sequence[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, below in items for place in ((value, key), *_places(below))]


def _at(place: tuple[Any, Any]) -> Any:
    holder, key = place
    try:
        return holder[key]
    except (KeyError, IndexError):
        return None


PIECES = tuple(
    """env $ENV .CANARY . .. .a .[0] .[] | , ( ) { } [ ] " \\( ; # \\ : ? // ?// = |= += and or not input inputs
    halt halt_error debug stderr input_filename get_search_list builtins modulemeta now import include "d"
    "/etc/passwd" {search:"/"} $__loc__ $__prog_args _agentos_list as $x $x reduce foreach def f: f; try catch error
    label $l break if then else end 1 -1 1e999 null true @json @base64 range(5) limit(3;.) first(.) repeat(.) tojson
    fromjson keys length test("a") splits("a") env.HOME""".split()  # noqa: SIM905 - read as the words that they are
)


def program(dice: random.Random) -> str:
    """Words of jq, some of them dangerous, in any order."""
    return dice.choice((" ", "")).join(dice.choice(PIECES) for _ in range(dice.randrange(1, 10)))


VERSIONS = ("HTTP/1.1",) * 8 + ("HTTP/1.0", "HTTP/2.0", "HTTP/1.1\t")
METHODS = ("GET", "POST", "POST", "POST", "PUT", "HEAD", "OPTIONS", "TRACE", "get", "")
TYPES = ("application/json",) * 6 + ("text/plain", "application/json; charset=latin-1")
OPTIONAL = ("X-Agent", "X-Request-Id", "Idempotency-Key", "Accept", "Origin", "Authorization", "Transfer-Encoding")


def http_request(dice: random.Random, port: int, paths: Sequence[str]) -> bytes:
    """A request that is right, or wrong in one or two places."""
    body = (
        json.dumps(value(dice)).encode() if dice.random() < 0.8 else bytes(dice.randrange(256) for _ in range(30))
    )
    host = f"127.0.0.1:{port}"
    tail = dice.choice(("", "", "?a=1", "/..", "%00", "//", "?limit=-1&cursor=x&since=q"))
    length = len(body) if dice.random() < 0.85 else dice.choice(("-1", "1", "x", "99999999999999"))
    lines = [
        f"{dice.choice(METHODS)} {dice.choice(paths)}{tail} {dice.choice(VERSIONS)}",
        f"Host: {host if dice.random() < 0.9 else text(dice)}",
        f"Content-Type: {dice.choice(TYPES)}",
        f"Content-Length: {length}",
    ]
    given = [name for name in OPTIONAL if dice.random() < 0.12]
    lines += [
        f"{name}: {dice.choice((text(dice), 'text/event-stream', 'chunked', 'http://' + host))}" for name in given
    ]
    head = "\r\n".join(lines).encode("utf-8", "replace")
    request = head + b"\r\n\r\n" + body
    return mutated_bytes(request, dice) if dice.random() < 0.3 else request
