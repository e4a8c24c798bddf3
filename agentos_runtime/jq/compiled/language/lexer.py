"""jq's text becomes tokens. What jq may read in another way than it looks is refused."""

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jq.compiled.errors import Unsupported
from agentos_runtime.jq.compiling import LARGEST_SOURCE
from agentos_runtime.regexes import regex

Kind: TypeAlias = Literal["number", "string", "field", "variable", "name", "format", "sign", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token; a string has its parts: text, and the tokens of what is interpolated."""

    kind: Kind
    text: str
    parts: "tuple[str | tuple[Token, ...], ...]" = ()


_TOKEN = regex(
    r"""
    (?P<space>[ \t\r\n]+|\#[^\n]*)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<string>")
    | (?P<field>\.[A-Za-z_][A-Za-z0-9_]*)
    | (?P<variable>\$(?!__loc__\b)[A-Za-z_][A-Za-z0-9_]*)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<format>@[a-zA-Z0-9_]+)
    | (?P<sign>\?//|//=|\|=|\+=|-=|\*=|/=|%=|==|!=|<=|>=|//|::|\.\.|[.,:;|()\[\]{}=<>+\-*/%?])
    """,
    re.VERBOSE,
)
_KINDS: Mapping[str, Kind] = {
    "number": "number",
    "field": "field",
    "variable": "variable",
    "name": "name",
    "format": "format",
    "sign": "sign",
}
_ESCAPES: Mapping[str, str] = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_PLAIN = regex(r'[^"\\]+')
_HEX = regex(r"[0-9a-fA-F]{4}")
_DEEPEST = 20
"""Interpolations inside each other."""


def tokens_of(text: str) -> tuple[Token, ...]:
    """All tokens, the last of them an `end`. Raises Unsupported."""
    return _Lexer(text).tokens(0)


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def tokens(self, depth: int) -> tuple[Token, ...]:
        """Up to the end, or, inside an interpolation, to the bracket that closes it."""
        if depth > _DEEPEST:
            raise Unsupported("interpolations are nested too deeply")
        found: list[Token] = []
        if len(self.text) > LARGEST_SOURCE:
            raise Unsupported("too large")
        brackets = 0
        while self.at < len(self.text):
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                raise Unsupported(f"the character {self.text[self.at]!r}")
            self.at = match.end()
            kind, text = match.lastgroup, match.group()
            if kind == "space":
                if text.rstrip("\r").endswith("\\"):
                    raise Unsupported("a comment that ends in a backslash")
                continue
            if kind == "string":
                found.append(Token("string", "", self._parts(depth)))
                continue
            if depth and text == ")" and not brackets:
                return (*found, Token("end", ""))
            brackets += (text == "(") - (text == ")")
            found.append(Token(_KINDS[kind or ""], text))
        if depth:
            raise Unsupported("an interpolation without an end")
        return (*found, Token("end", ""))

    def _parts(self, depth: int) -> tuple[str | tuple[Token, ...], ...]:
        """What a string is made of; begins after its quote and ends after the other."""
        parts: list[str | tuple[Token, ...]] = []
        letters: list[str] = []
        while (letter := self._next()) != '"':
            if letter != "\\":
                letters.append(letter)
                continue
            escape = self.text[self.at : self.at + 1]
            self.at += 1
            if escape == "(":
                parts += ["".join(letters)] if letters else []
                letters = []
                parts.append(self.tokens(depth + 1))
            elif escape == "u":
                letters.append(self._code_point())
            elif escape in _ESCAPES:
                letters.append(_ESCAPES[escape])
            else:
                raise Unsupported("an unknown escape")
        return (*parts, "".join(letters)) if letters or not parts else tuple(parts)

    def _next(self) -> str:
        plain = _PLAIN.match(self.text, self.at)
        letters = plain.group() if plain else self.text[self.at : self.at + 1]
        if not letters:
            raise Unsupported("a string without an end")
        self.at += len(letters)
        return letters

    def _code_point(self) -> str:
        unit = self._unit()
        if 0xD800 <= unit < 0xDC00 and self.text.startswith("\\u", self.at):
            self.at += 2
            second = self._unit()
            if not 0xDC00 <= second < 0xE000:
                raise Unsupported("half a surrogate pair")
            return chr(0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00))
        if 0xD800 <= unit < 0xE000:
            raise Unsupported("half a surrogate pair")
        return chr(unit)

    def _unit(self) -> int:
        digits = _HEX.match(self.text, self.at)
        if digits is None:
            raise Unsupported("an escape without its digits")
        self.at = digits.end()
        return int(digits.group(), 16)
