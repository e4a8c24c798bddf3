"""Which utilities an address is: what is denied, or carries another key, is so by whatever way it is called."""

import re
from collections.abc import Iterator

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.model import Jq, Literal, Rest, Skill, UrlTemplate, Utility
from agentos_runtime.manifest.origins import declared_origin
from agentos_runtime.manifest.requests.streamed import requests_of
from agentos_runtime.proxy.targets import Target, normal_path
from agentos_runtime.regexes import regex

_LITERAL_START = regex(r'[\s(]*"([^"\\]*)(["\\])')
MOST_KNOWN = 1024
"""Paths whose utilities are remembered, of each skill."""
_MARK = "\0"
"""Stands for a param while a path is brought into its normal form."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address that a utility calls."""

    utility: Utility
    origin: str | None
    """None = the file does not say: it may be any."""
    method: str
    pattern: re.Pattern[str]
    """Over normal paths."""
    exact: bool
    """False where an expression makes the end of the path."""
    literal: int
    """Characters that are no param: of two addresses the one with more of them is meant."""


class Addresses:
    """All addresses that the utilities of a skill call."""

    def __init__(self, skill: Skill) -> None:
        self._all = _addresses_of(skill)
        self._known: dict[tuple[str, str, str], tuple[Address, ...]] = {}

    def at(self, method: str, target: Target) -> tuple[Address, ...]:
        """Those that a request is at, the most specific first."""
        key = ("GET" if method == "HEAD" else method, target.origin, target.path)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            found = self._known[key] = tuple(self._looked_up(*key))
        return found

    def _looked_up(self, method: str, origin: str, path: str) -> Iterator[Address]:
        normal = normal_path(path)
        for each in self._all:
            if each.method == method and each.origin in (None, origin) and each.pattern.fullmatch(normal):
                yield each


def _addresses_of(skill: Skill) -> tuple[Address, ...]:
    calling = [utility for utility in skill.utilities.values() if utility.local is None]
    found = [_address(utility, rest) for utility in calling for rest in requests_of(utility.rest)]
    return tuple(sorted(found, key=lambda each: (not each.exact, -each.literal)))


def _address(utility: Utility, rest: Rest) -> Address:
    origin = declared_origin(rest.url)
    text, exact = _path(rest)
    path = normal_path(_after_origin(text).partition("?")[0])
    pieces = re.split(f"{_MARK}([01])", path)
    pattern = "".join(
        (("[^/]+", ".+")[int(piece)] if index % 2 else re.escape(piece)) for index, piece in enumerate(pieces)
    )
    return Address(
        utility,
        origin,
        "GET" if rest.method == "HEAD" else rest.method,
        re.compile(pattern if exact else f"{pattern.removesuffix('/')}.*", re.DOTALL),
        exact,
        sum(len(piece) for piece in pieces[::2]),
    )


def _path(rest: Rest) -> tuple[str, bool]:
    """The url as far as the file says it, and whether that is all of it."""
    match rest.url:
        case Literal(value=value):
            return str(value), True
        case UrlTemplate(parts=parts):
            return "".join(
                part if isinstance(part, str) else f"{_MARK}{int(part.keep_slashes)}" for part in parts
            ), True
        case Jq(source=source, base=base):
            start = _LITERAL_START.match(source)
            whole = start is not None and start[2] == '"' and not source[start.end() :].strip(" \n)")
            return base + (start[1] if start else ""), whole


def _after_origin(url: str) -> str:
    _, separator, rest = url.partition("://")
    if not separator:
        return ""
    _, slash, path = rest.partition("/")
    return slash + path
