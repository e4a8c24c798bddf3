"""The model that a request names: found in its bytes, and replaced there; nothing else of them changes."""

import re

from agentos_runtime.errors import InvalidJson, InvalidParams, ParamProblem
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import JsonTextError, dump, parse

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_OPENS, _CLOSES = frozenset(b"{["), frozenset(b"}]")
_MODEL = "model"


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
    found = _values(body)
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


def _values(body: bytes) -> list[tuple[int, int]]:
    """From where to where the values of the key `model` of the outermost object stand.

    What is no JSON may pass: whoever reads it will say so.
    """
    depth, key, found = 0, b"", list[tuple[int, int]]()
    expects_value = False
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if depth == 0 and first != ord("{"):
            break
        if depth == 1 and expects_value and first != ord(":"):
            if _is_model(key):
                found.append(token.span())
            expects_value = False
        elif depth == 1 and first == ord('"'):
            key = token[0]
        elif depth == 1 and first == ord(":"):
            expects_value = True
        if first in _OPENS:
            depth += 1
        elif first in _CLOSES:
            depth -= 1
            if depth == 0:
                return found
    raise InvalidJson("The body is no JSON object. Send one with the model and what it is asked.")


def _is_model(key: bytes) -> bool:
    if b"\\" not in key:
        return key == b'"model"'
    try:
        return parse(key) == _MODEL
    except JsonTextError:
        return False


def _problem(words: str) -> InvalidParams:
    return InvalidParams(f"model {words}.", problems=[ParamProblem(_MODEL, words)])
