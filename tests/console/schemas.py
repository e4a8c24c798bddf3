"""Schemas of params and values that fit them, as many and as odd as one likes."""

from collections.abc import Callable
from random import Random
from typing import Any

DEEPEST = 3
TEXTS = ("", "a", "two words", "ä→😀", "line\nline", "{}", "null", " ", "\t", "<b>", "0", "false", "\r\n")
NAMES = ("name", "content", "a b", "x-y", "__proto__", "constructor", "0", "items", "type", "é", "toString")
NUMBERS = (0, -1, 1, 2.5, -0.125, 1e300, 9007199254740991, 123456789, 1e-7)


def any_case(random: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """An object schema, and a value for it; sometimes with members that the schema does not name."""
    schema, value = _object(random, 0)
    if random.random() < 0.3:
        value["beside"] = _json(random, 1)
    if random.random() < 0.1 and schema["properties"]:  # a value that does not fit is shown, not lost
        value[random.choice([*schema["properties"]])] = _json(random, 1)
    return schema, value


def _object(random: Random, depth: int) -> tuple[dict[str, Any], dict[str, Any]]:
    names = random.sample(NAMES, random.randint(0 if depth else 1, 4))
    pairs = {name: any_pair(random, depth + 1) for name in names}
    required = [name for name in names if random.random() < 0.4]
    schema = {"type": "object", "properties": {name: pair[0] for name, pair in pairs.items()}, "required": required}
    return schema, {name: pair[1] for name, pair in pairs.items() if name in required or random.random() < 0.6}


def any_pair(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    """Any schema, and a value for it."""
    makers = SIMPLE if depth >= DEEPEST else SIMPLE + NESTED
    return random.choice(makers)(random, depth)


def _text(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    return {"type": "string", **({"maxLength": 1000} if random.random() < 0.3 else {})}, random.choice(TEXTS)


def _number(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    return {"type": "number"}, random.choice(NUMBERS)


def _whole(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    return {"type": "integer", "default": 3}, random.randint(-(10**6), 10**6)


def _flag(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    return {"type": "boolean"}, random.random() < 0.5


def _nothing(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    return {"type": "null"}, None


def _choice(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    values = random.sample(["a", "", 1, 2.5, None, True, False, "1", {"x": 1}, [1]], 4)
    return {"enum": values}, random.choice(values)


def _fixed(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    value = _json(random, 2)
    return {"const": value}, value


def _several(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    return {"type": ["string", "null", "integer"]}, random.choice(["a", "", None, 7])


def _anything(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    return random.choice([{}, {"type": "object"}, {"type": "array"}, {"description": "whatever"}]), _json(random, 0)


def _file(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    value = random.choice(["aGk=", {"data": "aGk=", "filename": "a.txt"}])
    return {"type": ["string", "object"], "contentEncoding": "base64"}, value


def _list(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    schema, value = any_pair(random, depth + 1)
    return {"type": "array", "items": schema}, [value] * random.randint(0, 3)


def _branches(random: Random, depth: int) -> tuple[dict[str, Any], Any]:
    pairs = [any_pair(random, depth + 1) for _ in range(random.randint(1, 3))]
    return {random.choice(["oneOf", "anyOf"]): [pair[0] for pair in pairs]}, random.choice(pairs)[1]


def _json(random: Random, depth: int) -> Any:
    kind = random.randrange(5 if depth >= DEEPEST else 7)
    if kind == 5:
        return [_json(random, depth + 1) for _ in range(random.randint(0, 2))]
    if kind == 6:
        return {random.choice(NAMES[:4]): _json(random, depth + 1) for _ in range(random.randint(0, 2))}
    return (None, True, False, random.choice(NUMBERS), random.choice(TEXTS))[kind]


Maker = Callable[[Random, int], tuple[dict[str, Any], Any]]
SIMPLE: tuple[Maker, ...] = (_text, _number, _whole, _flag, _nothing, _choice, _fixed, _several, _anything, _file)
NESTED: tuple[Maker, ...] = (_object, _list, _branches)
