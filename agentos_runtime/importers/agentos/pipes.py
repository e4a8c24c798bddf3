"""What stands behind a `|` in the first dialects, as jq over the value before it."""

from collections.abc import Callable, Mapping

from agentos_runtime.jsontext import dump
from agentos_runtime.regexes import regex

ARGUMENT = r"'[^']*'|\"[^\"]*\"|[^\s|?)}]+"
_NUMBER = regex(r"-?\d+(?:\.\d+)?")
_PLAIN: Mapping[str, str] = {
    "raw": ".",
    "to_string": "tostring",
    "string": "tostring",
    "to_int": "tonumber | trunc",
    "to_number": "tonumber",
    "to_json": "tojson",
    "json": "tojson",
    "to_array": 'if type == "array" then . else [.] end',
    "strip_quotes": r'ltrimstr("\"") | rtrimstr("\"")',
    "trim": "trim",
    "lowercase": "ascii_downcase",
    "uppercase": "ascii_upcase",
    "first": "first",
    "last": "last",
    "length": "length",
    "to_datetime": 'if type == "number" then todate else . end',
    "from_unix": "tonumber | todate",
}
"""Of a value that is there; null stays null."""


class NotSaid(ValueError):
    """Something that has no words in jq here; the message names it."""


def piped(source: str, name: str, argument: str | None) -> str:
    """`source | name: argument` in jq. Raises NotSaid."""
    if name == "default" and argument is not None:
        given = constant(argument)
        return f"(if {source} == null then {given} else {source} end)"
    made = _with_argument(name, argument) if argument is not None else _PLAIN.get(name)
    if made is None:
        raise NotSaid(f"the pipe `{name[:40]}`")
    return source if made == "." else f"({source} | if . == null then null else {made} end)"


def constant(written: str) -> str:
    """A literal of the first dialects as jq."""
    if _NUMBER.fullmatch(written) or written in ("true", "false", "null"):
        return written
    quoted = len(written) > 1 and written[0] == written[-1] and written[0] in "'\""
    return dump(written[1:-1] if quoted else written).decode()


def _with_argument(name: str, argument: str) -> str | None:
    made = _ARGUED.get(name)
    return made(argument) if made else None


def _text(argument: str) -> str:
    """An argument as a text, quoted or not."""
    found = constant(argument)
    return found if found.startswith('"') else dump(argument).decode()


def _number(argument: str) -> str:
    if not _NUMBER.fullmatch(argument):
        raise NotSaid(f"`{argument[:40]}`, which is no number")
    return argument


def _replaced(argument: str) -> str:
    old, colon, new = argument.partition(":")
    if not colon or not old:
        raise NotSaid(f"`replace:{argument[:40]}`")
    return f"split({constant(old)}) | join({constant(new) if new else dump('').decode()})"


_ARGUED: Mapping[str, Callable[[str], str]] = {
    "split": lambda argument: f"split({_text(argument)})",
    "join": lambda argument: f"join({_text(argument)})",
    "replace": _replaced,
    "invert": lambda argument: f"{_number(argument)} - tonumber",
    "divide": lambda argument: f"tonumber / {_number(argument)}",
    "multiply": lambda argument: f"tonumber * {_number(argument)}",
    "nullif": lambda argument: f"if tostring == {_text(argument)} then null else . end",
    "prepend": lambda argument: f"{constant(argument)} + tostring",
    "append": lambda argument: f"tostring + {constant(argument)}",
}
