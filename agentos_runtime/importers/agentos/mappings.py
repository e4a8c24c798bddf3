"""The mapping language of the first dialects as jq over one element."""

import re

from agentos_runtime.importers.agentos.pipes import ARGUMENT, NotSaid, constant, piped
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.regexes import regex

_STEP = r"\.[A-Za-z_]\w*|\[-?\d+\]|\[\*?\]"
_TOKEN = regex(
    rf"""\s*(?:(?P<pipe>\|(?!\|)\s*(?P<name>\w+)\s*(?::\s*(?P<argument>{ARGUMENT}))?)
    |(?P<literal>'[^']*'|"[^"]*"|-?\d+(?:\.\d+)?(?![\w.])|(?:true|false|null)\b)
    |(?P<call>[A-Za-z_]\w*)\(
    |(?P<path>(?:\[\])?\.?[A-Za-z_]\w*(?:{_STEP})*|(?:\[\])?(?:{_STEP})+|\.)
    |(?P<sign>==|!=|>=|<=|&&|\|\||[?:()!<>])
    )""",
    re.VERBOSE,
)
_COMPARES = ("==", "!=", ">=", "<=", ">", "<")
_CALLS = frozenset({"length"})


def mapping_of(mapping: dict[str, Json]) -> dict[str, Json]:
    """A mapping as one of jq, its maps flattened to dotted keys. Raises NotSaid."""
    found: dict[str, Json] = {}
    for name, value in mapping.items():
        if isinstance(value, dict) and ("each" in value or "map" in value):
            found[name] = _each(value)
        elif isinstance(value, dict) and "ref" in value and "value" in value:
            found[name] = value | {"value": jq_of(str(value["value"]))}
        elif isinstance(value, dict):
            found |= {f"{name}.{below}": each for below, each in mapping_of(value).items()}
        elif isinstance(value, list):
            raise NotSaid(f"the list of `{name[:40]}`")
        else:
            found[name] = jq_of(value) if isinstance(value, str) else value
    return found


def jq_of(written: str) -> str:
    """One expression. Raises NotSaid."""
    return _Reader(written).read()


def _each(value: dict[str, Json]) -> str:
    listed, inner = value.get("each"), value.get("map")
    if not isinstance(listed, str) or not isinstance(inner, dict):
        raise NotSaid("a list of which it is not said what each becomes")
    fields = ", ".join(f"{dump(name).decode()}: {below}" for name, below in _flat(mapping_of(inner)))
    return f"[{jq_of(listed)} | .[]? | {{{fields}}}]"


def _flat(mapping: dict[str, Json]) -> list[tuple[str, str]]:
    if any("." in name for name in mapping):
        raise NotSaid("a map in what each becomes")
    return [(name, f"({each})" if isinstance(each, str) else dump(each).decode()) for name, each in mapping.items()]


class _Reader:
    """`cond ? 'a' : 'b'`, comparisons, pipes, paths and constants."""

    def __init__(self, written: str) -> None:
        self._written = written
        self._tokens: list[re.Match[str]] = []
        end = 0
        while end < len(written.rstrip()):
            found = _TOKEN.match(written, end)
            if found is None:
                raise self._unknown()
            self._tokens.append(found)
            end = found.end()
        self._at = 0

    def read(self) -> str:
        if not self._tokens:
            return "null"
        source = self._choice()
        if self._at < len(self._tokens):
            raise self._unknown()
        return source

    def _unknown(self) -> NotSaid:
        return NotSaid(f"the expression `{self._written[:60]}`")

    def _sign(self, *signs: str) -> str | None:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or token["sign"] not in signs:
            return None
        self._at += 1
        return token["sign"]

    def _choice(self) -> str:
        condition = self._all(("||", "or"), ("&&", "and"))
        if not self._sign("?"):
            return condition
        yes = self._choice()
        if not self._sign(":"):
            raise self._unknown()
        return f"(if {condition} then {yes} else {self._choice()} end)"

    def _all(self, *levels: tuple[str, str]) -> str:
        """Joined by the sign of the first level, each joined by that of the next."""
        if not levels:
            return self._compared()
        (sign, word), *inner = levels
        source = self._all(*inner)
        while self._sign(sign):
            source = f"({source} {word} {self._all(*inner)})"
        return source

    def _compared(self) -> str:
        left = self._piped()
        sign = self._sign(*_COMPARES)
        return f"({left} {sign} {self._piped()})" if sign else left

    def _piped(self) -> str:
        source = self._one()
        while self._at < len(self._tokens) and self._tokens[self._at]["pipe"]:
            token = self._tokens[self._at]
            source = piped(source, token["name"], token["argument"])
            self._at += 1
        return source

    def _one(self) -> str:
        if self._sign("!"):
            return f"({self._one()} | not)"
        if self._sign("("):
            return self._closed()
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None:
            raise self._unknown()
        self._at += 1
        if token["literal"] is not None:
            return constant(token["literal"])
        if token["call"] in _CALLS:
            return f"({self._closed()} | {token['call']})"
        if token["path"] is None:
            raise self._unknown()
        return path_of(token["path"])

    def _closed(self) -> str:
        source = self._choice()
        if not self._sign(")"):
            raise self._unknown()
        return source


def path_of(written: str) -> str:
    """`[].a.b` and `.a.b` over the element; `a[*].b` gives a list."""
    path = written.removeprefix("[]").replace("[*]", "[]")
    path = path if path.startswith(".") else f".{path}"
    if "[]" in path:
        return f"[{path.replace('[]', '[]?')}]"
    return path
