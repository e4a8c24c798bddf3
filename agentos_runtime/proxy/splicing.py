"""The model that a request names: found in its bytes, and replaced there; nothing else of them changes."""

import re

from agentos_runtime.errors import InvalidJson, InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import JsonTextError, dump, fields, parse
from agentos_runtime.regexes import regex

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = regex(_STRING + rb'|[{}\[\],:"]|[^\s"{}\[\],:]+', re.DOTALL)
_PLAIN = rb'(?:[^"{}\[\]]++|' + _STRING + rb")"
_INSIDE = regex(rb"[{\[]" + _PLAIN + rb"*+[}\]]|[{}\[\]]|" + _PLAIN + rb'++|"', re.DOTALL)
"""Of what is of no interest: a list or an object of plain values, a bracket, or all that stands before the next."""
_OPENS, _CLOSES = frozenset((b"{", b"[")), frozenset((b"}", b"]"))
_MODEL, _KEY = "model", b'"model"'
_COLON = regex(rb"\s*:\s*")


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A request's body, and where in it the model's name stands."""

    body: bytes
    name: str
    start: int
    end: int

    def renamed(self, name: str) -> bytes:
        """The body with another name in its place."""
        return self.body[: self.start] + dump(name) + self.body[self.end :]


def named_model(body: bytes) -> NamedModel:
    """Raises InvalidJson for what is no object, InvalidParams unless it names one model, as text."""
    known = _known(body)
    found = [known] if known else _values(body)
    if len(found) > 1:
        raise _problem("stands there twice")
    if not found:
        raise _problem("is required: <skill>/<model>")
    start, end = found[0]
    try:
        name = parse(body[start:end])
    except JsonTextError:
        name = None
    if not isinstance(name, str) or not name:
        raise _problem("must be text: <skill>/<model>")
    return NamedModel(body, name, start, end)


def _known(body: bytes) -> tuple[int, int] | None:
    """The same as `_values` for most bodies, in a small part of the time: the key stands there once, as it is."""
    at = body.find(_KEY)
    if at < 0 or body.find(_KEY, at + 1) >= 0 or b"\\u00" in body:
        return None
    value = (fields(body, (_MODEL,)) or {}).get(_MODEL)
    start = _COLON.match(body, at + len(_KEY))
    if value is None or start is None or not body.startswith(value, start.end()):
        return None
    return start.end(), start.end() + len(value)


def _values(body: bytes) -> list[tuple[int, int]]:
    """From where to where the values of the key `model` of the outermost object stand.

    What is no JSON may pass: whoever reads it will say so.
    """
    key, found = b"", list[tuple[int, int]]()
    expects_value = False
    at = _opening(body)
    while token := _TOKEN.search(body, at):
        first, at = token[0][:1], token.end()
        if first in _OPENS:
            at = _closing(body, at)
        if first in _CLOSES:
            return found
        if expects_value and first != b":":
            if _is_model(key):
                found.append((token.start(), at))
            expects_value = False
        elif first == b'"':
            key = _whole(token)
        elif first == b":":
            expects_value = True
    raise _no_object()


def _opening(body: bytes) -> int:
    """What follows the bracket that opens the body."""
    token = _TOKEN.search(body)
    if token is None or token[0] != b"{":
        raise _no_object()
    return token.end()


def _closing(body: bytes, at: int) -> int:
    """What follows the bracket that closes the one before `at`."""
    depth = 1
    for token in _INSIDE.finditer(body, at):
        text = _whole(token)
        if text in _OPENS:
            depth += 1
        elif text in _CLOSES:
            depth -= 1
            if not depth:
                return token.end()
    raise _no_object()


def _whole(token: re.Match[bytes]) -> bytes:
    """Raises InvalidJson for a text without an end, instead of looking for its end from every quote in it."""
    if token[0] == b'"':
        raise _no_object()
    return token[0]


def _no_object() -> InvalidJson:
    return InvalidJson("The body is no JSON object. Send one with the model and what it is asked.")


def _is_model(key: bytes) -> bool:
    if b"\\" not in key:
        return key == _KEY
    try:
        return parse(key) == _MODEL
    except JsonTextError:
        return False


def _problem(words: str) -> InvalidParams:
    return InvalidParams(f"model {words}.", problems=[ParamProblem(_MODEL, words)])
