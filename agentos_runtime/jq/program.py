"""jq programs, sealed: what a skill's expressions are wrapped in before a worker sees them.

Everything a skill wrote stands behind definitions that take away what jq could reach beyond its input. Names that
the wrapper needs are bound before the skill's own definitions and do not occur in the skill's text, so that no
definition can replace them. A blank line stands before each closing bracket: a program may end in a comment, and a
comment may end in a backslash, which continues it over one line end.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.classify import SourceKind, classify, looks_like_jq
from agentos_runtime.jq.paths import PathError, plain_path, walk

__all__ = [
    "SEALED",
    "PathError",
    "Program",
    "SourceKind",
    "bare_program",
    "classify",
    "compared_program",
    "looks_like_jq",
    "plain_path",
    "reply_program",
    "request_program",
    "stream_program",
    "value_program",
    "walk",
]

SEALED = (
    "env",
    "input",
    "inputs",
    "input_filename",
    "input_line_number",
    "debug",
    "debug(f)",
    "stderr",
    "halt",
    "halt_error",
    "halt_error(f)",
    "modulemeta",
    "get_search_list",
)
"""What expressions cannot use; `$ENV` is an empty object."""

_BOUND = ("params", "settings", "response")
_OF_REQUESTS = ("params", "settings")

Layout: TypeAlias = Literal["request", "compared", "reply", "stream", "value"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a program was made of, for whoever runs it in another way."""

    layout: Layout
    """Which of the functions below made it: what its input is, and what its outputs are."""
    definitions: str
    sources: tuple[str | None, ...]
    """The expressions as that function takes them; None for one that is not there."""
    bound: tuple[str, ...]
    """The variables that they have."""


@dataclass(frozen=True, slots=True)
class Program:
    """A complete, sealed jq program; each output is a list of its results, of which two are enough to know."""

    text: str
    """Gives lists as JSON text: exact for numbers of any size, and slow for long strings."""
    quick: str
    """Gives the lists themselves: a worker uses it when neither input nor output holds a long number."""
    outputs: int
    """Outputs per event (streams) or per call."""
    digest: bytes
    """sha256 of `encoded`: what names the program."""
    parts: Parts
    needs: frozenset[str]
    """The keys among `params`, `settings`, `response` that its input must have; others may be left out."""

    @property
    def encoded(self) -> bytes:
        """Both forms as a worker reads them."""
        return _encoded(self.text, self.quick)


def request_program(definitions: str, sources: Sequence[str]) -> Program:
    """One output per source. Input: `{"params", "settings", "given", "auth"}`, which the sources see as `.`."""
    names = _Names(definitions, *sources)
    text = _sealed(names, definitions, _OF_REQUESTS, _commas([names.list_of(source) for source in sources]))
    parts = Parts("request", definitions, tuple(sources), _OF_REQUESTS)
    return _program(text, len(sources), parts, frozenset(_OF_REQUESTS))


def compared_program(definitions: str, sources: Sequence[str]) -> Program:
    """One output per source and per credential to compare. Input: `{"params", "settings", "given", "auths": […]}`.

    The sources see `{"params", "settings", "given", "auth"}` with each of `auths` in turn, and one time of day.
    """
    names = _Names(definitions, *sources)
    seen = f"{{params: $params, settings: $settings, given: ${names.given}, auth: .}}"
    outputs = _commas([names.list_of(source) for source in sources])
    clock = f"now as ${names.now} | def now: ${names.now}; .given as ${names.given} | .auths[] | {seen} | "
    texts = _sealed(names, definitions, _OF_REQUESTS, outputs, before=clock)
    parts = Parts("compared", definitions, tuple(sources), _OF_REQUESTS)
    return _program(texts, len(sources), parts, frozenset(_OF_REQUESTS))


def reply_program(definitions: str, error: str | None, transform: str | None, mapping: Sequence[str]) -> Program:
    """Outputs: `error` over the whole body, `transform` over the body, then each of `mapping` over its one result.

    Input: `{"params", "settings", "response", "whole", "body"}`; without `body` the whole is the body. When
    `transform` does not give exactly one result, the outputs of the mapping do not come.
    """
    sources = [source for source in (error, transform, *mapping) if source is not None]
    names = _Names(definitions, *sources)
    fields = _commas([names.list_of(source) for source in mapping])
    outputs = [] if error is None else [f".whole | {names.list_of(error)}"]
    if transform is not None:
        outputs.append(f"{names.body} | {names.then}(({transform}\n\n); {fields})")
    elif mapping:
        outputs.append(f"{names.body} | {fields}")
    texts = _sealed(names, definitions, _BOUND, _commas(outputs))
    parts = Parts("reply", definitions, (error, transform, *mapping), _BOUND)
    return _program(texts, len(sources), parts, _needs(definitions, *sources))


def stream_program(definitions: str, delta: str, error: str | None, end: str | None) -> Program:
    """Outputs per event, in this order: `error`, `delta`, `end`.

    Input: `{"params", "settings", "response", "events": […]}`.
    """
    sources = [source for source in (error, delta, end) if source is not None]
    names = _Names(definitions, *sources)
    outputs = _commas([names.list_of(source) for source in sources])
    texts = _sealed(names, definitions, _BOUND, f".events[] | {outputs}")
    parts = Parts("stream", definitions, tuple(sources), _BOUND)
    return _program(texts, len(sources), parts, _needs(definitions, *sources))


def value_program(definitions: str, source: str) -> Program:
    """One output: `source` over the body. Input: `{"params", "settings", "response", "body"}`."""
    names = _Names(definitions, source)
    texts = _sealed(names, definitions, _BOUND, f".body | {names.list_of(source)}")
    return _program(texts, 1, Parts("value", definitions, (source,), _BOUND), _needs(definitions, source))


def bare_program(definitions: str, source: str, *, request: bool) -> tuple[str, int, int]:
    """The program without brackets, to be compiled only: brackets can't escape where there are none.

    Gives the text and the number of lines before the definitions and before the source. Every sealed name is a
    mistake here (a variable called `$sealed_<name>`), so that it is found when the skill is loaded.
    """
    seals = "".join(f"def {name}: $sealed_{name.removesuffix('(f)')}; " for name in SEALED)
    bound = "".join(f"null as ${name} | " for name in _BOUND if name != "response" or not request)
    before = f"{seals}{bound}\n"
    return f"{before}{definitions}\n\n{source}", 1, 3 + definitions.count("\n")


class _Names:
    """The wrapper's own functions, under names that occur nowhere in what the skill wrote."""

    def __init__(self, *written: str) -> None:
        prefix = "_agentos"
        while any(prefix in text for text in written):
            prefix += "_"
        self.list = f"{prefix}_list"
        self.then = f"{prefix}_then"
        self.body = f"{prefix}_body"
        self.now = f"{prefix}_now"
        self.given = f"{prefix}_given"

    @property
    def exact(self) -> str:
        """The definitions for `Program.text`."""
        first_two = "[f] | if length > 2 then .[:2] else . end"
        return (
            f"def {self.list}(f): {first_two} | tojson; "
            f"def {self.then}(f; g): {first_two} | tojson, if length == 1 then .[0] | g else empty end; "
        ) + self._body

    @property
    def quick(self) -> str:
        """The same for `Program.quick`; its lists are cut by the worker."""
        return (
            f"def {self.list}(f): [f]; "
            f"def {self.then}(f; g): [f] | ., if length == 1 then .[0] | g else empty end; "
        ) + self._body

    @property
    def _body(self) -> str:
        return f'def {self.body}: if has("body") then .body else .whole end; '

    def list_of(self, source: str) -> str:
        return f"{self.list}(({source}\n\n))"


def _sealed(
    names: _Names, definitions: str, bound: Sequence[str], body: str, *, before: str = ""
) -> tuple[str, str]:
    """The sealed program, exact and quick; `before` stands in front of the definitions."""
    seals = "".join(f'def {name}: error("{name.removesuffix("(f)")} is not available"); ' for name in SEALED)
    bindings = "".join(f".{name} as ${name} | " for name in bound)
    text = f"{seals}{{}} as $ENV | {bindings}{before}\n{definitions}\n\n({body})"
    return names.exact + text, names.quick + text


def _commas(outputs: Sequence[str]) -> str:
    return "(" + ",\n".join(f"({output})" for output in outputs) + ")" if outputs else "empty"


def _needs(*written: str) -> frozenset[str]:
    return frozenset(name for name in _BOUND if any(f"${name}" in text for text in written))


def _program(texts: tuple[str, str], outputs: int, parts: Parts, needs: frozenset[str]) -> Program:
    text, quick = texts
    return Program(text, quick, outputs, hashlib.sha256(_encoded(text, quick)).digest(), parts, needs)


def _encoded(text: str, quick: str) -> bytes:
    return b"\0".join(form.encode("utf-8", "replace") for form in (text, quick))
