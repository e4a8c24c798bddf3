"""Secrets that never enter jq: a fresh placeholder stands for each inside, and is replaced outside.

Older manifests write `.auth.key` in a url, header, query or body. What jq makes of a credential is found out by
showing it several made-up ones, which differ in length, letters and number of pieces. Where it does the same known
thing with each of them (hands it on, whole or one piece of `split`; in base64, percent-encoded, inside JSON text;
with other text around), that is done with the secret afterwards. Anything else is refused: what was done with a
made-up credential cannot be repeated, so the request would be wrong.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal, TypeAlias
from urllib.parse import quote

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json, JsonTextError, dump, parse
from agentos_runtime.regexes import regex

MOST_LITERALS = 8
LONGEST_LITERAL = 40
LONGEST_SEPARATOR = 8
SIZES = (3, 4096)
"""Letters of the shortest and the longest sample: what is cut to a length is seen."""
MOST_PIECES = 4
"""The first pieces of a split; the last is known, too.

A sample ends with each: so a piece of a field is told from one of a longer text.
"""
SHORTEST_PIECE = 8
"""Letters by which a piece of a made-up credential is known again."""
REMEDY = (
    "a credential may only be handed on whole or as one piece of split, in @base64, @uri or JSON text, "
    "with other text around it"
)

_BASE64_RUN = regex(r"[A-Za-z0-9+/]{16,}={0,2}")
_STRING = regex(r'"((?:[^"\\]|\\.)*)"')
_SPLIT = regex(r'(?:\bsplit\(|/)\s*"((?:[^"\\]|\\.)*)"')
_SPECIAL = 'aZ%&<>\'"\\ ;/+=:,|-_.~é9%"Z'
"""What one encoding or another writes otherwise."""


_TOKEN = 10
"""Letters that a placeholder repeats. 3 does not divide it, so base64 shows them whole, wherever it begins."""
_TIMES = 5
_MARK = "agentos"
_AS_LETTERS = str.maketrans("0123456789", "ghijklmnop")


class PlaceholderError(ValueError):
    """A credential was used in a way that cannot be repeated with the secret; the message says what can be."""


@dataclass(frozen=True, slots=True)
class Use:
    """A field of the credential, or the piece `index` of what splitting it at `separator` gives; -1 is the last."""

    field: str
    separator: str | None = None
    index: int = 0

    def of(self, text: str) -> str:
        """What of the field's text is used. Raises PlaceholderError when it has no such piece."""
        if self.separator is None:
            return text
        pieces = text.split(self.separator)
        if self.index >= len(pieces):
            raise PlaceholderError(f"the credential's {self.field} has no piece {self.index} at {self.separator!r}")
        return pieces[self.index]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Text with the credential in it, encoded."""

    form: Literal["base64", "uri", "json"]
    parts: "Parts"


Parts: TypeAlias = tuple["str | Use | Encoded", ...]
Reveal: TypeAlias = Callable[[Use], str]
Sample: TypeAlias = Mapping[str, str]
"""A made-up credential: a text per field."""


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _uri(text: str) -> str:
    return quote(text, safe="")


def _json(text: str) -> str:
    return dump(text).decode()[1:-1]


_FORMS: Mapping[str, Callable[[str], str]] = {"base64": _base64, "uri": _uri, "json": _json}


@dataclass(slots=True)
class Placeholders:
    """One call's placeholders, and what each stands for."""

    fields: tuple[str, ...] = ()
    _whole: dict[str, str] = field(default_factory=dict, repr=False)
    """By the fields."""
    _texts: dict[Use | Encoded, str] = field(default_factory=dict, repr=False)
    """By what was made of the fields."""
    _needles: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def fresh(cls, fields: Sequence[str]) -> "Placeholders":
        if not fields:
            return cls()
        whole: dict[str, str] = {}
        needles: tuple[bytes, ...] = ()
        for name in fields:
            token = _letters(_TOKEN)
            whole[name] = _MARK + token * _TIMES
            needles += _needles(token.encode())
        return cls(tuple(fields), whole, {}, needles)

    @property
    def document(self) -> dict[str, Json]:
        """What stands as `auth` in what expressions see: a placeholder per field."""
        return dict(self._whole)

    @property
    def pieces(self) -> list[Use]:
        """The pieces of fields that are used: as secret as the whole."""
        used = (use for part in self._texts for use in _uses(part))
        return [use for use in used if use.separator is not None]

    def settle(self, samples: "Samples", results: Sequence[Json]) -> Json:
        """What an expression gave for each sample, as one value with placeholders for what was made of them.

        Raises PlaceholderError when the results are not the same use of each.
        """
        first, *others = results
        if isinstance(first, str):
            return self._settled_text(samples, first, others)
        _same(all(type(other) is type(first) for other in others))
        if isinstance(first, list):
            lists = [result for result in results if isinstance(result, list) and len(result) == len(first)]
            _same(len(lists) == len(results))
            return [self.settle(samples, items) for items in zip(*lists, strict=True)]
        if isinstance(first, dict):
            objects = [result for result in results if isinstance(result, dict) and result.keys() == first.keys()]
            _same(len(objects) == len(results))
            return {name: self.settle(samples, [one[name] for one in objects]) for name in first}
        _same(all(other == first for other in others))
        return first

    def found_in(self, text: str) -> bool:
        return any(placeholder in text for placeholder in (*self._whole.values(), *self._texts.values()))

    def suspected_in(self, text: bytes) -> bool:
        """Whether a part of a placeholder, or one in base64, stands in the text."""
        for needle in self._needles:  # noqa: SIM110 - a generator costs more than the loop
            if needle in text:
                return True
        return False

    def restore(self, text: str, reveal: Reveal, *, in_url: bool = False) -> str:
        """The text with what each placeholder stands for; percent-encoded in a url. Raises PlaceholderError."""
        meant: dict[str, Use | Encoded] = {placeholder: Use(name) for name, placeholder in self._whole.items()}
        meant |= {placeholder: part for part, placeholder in self._texts.items()}

        def revealed(found: re.Match[str]) -> str:
            part = meant[found[0]]
            shown = _render((part,), reveal)
            encoded = isinstance(part, Encoded) and part.form == "uri"
            return _uri(shown) if in_url and not encoded else shown

        return re.sub("|".join(map(re.escape, meant)), revealed, text)

    def _text_of(self, part: Use | Encoded) -> str:
        if isinstance(part, Use) and part.separator is None and part.field in self._whole:
            return self._whole[part.field]
        if part not in self._texts:
            self._texts[part] = _MARK + _letters(_TOKEN) * _TIMES
        return self._texts[part]

    def _settled_text(self, samples: "Samples", text: str, others: Sequence[Json]) -> str:
        if all(other == text for other in others):
            return text
        parts = samples.reader.read(text)
        for sample, result in zip(samples.each, (text, *others), strict=True):
            try:
                expected = _render(parts, _revealing(sample))
            except PlaceholderError:
                continue  # the sample has fewer pieces: what jq makes of null says nothing
            _same(expected == result)
        return "".join(part if isinstance(part, str) else self._text_of(part) for part in parts)


def _needles(token: bytes) -> tuple[bytes, bytes]:
    """What of a placeholder is looked for: its token, and that in base64."""
    return token, binascii.b2a_base64(token)[:12]


class _Reader:
    """Finds in a text what was made of a sample."""

    def __init__(self, sample: Sample, separators: Sequence[str]) -> None:
        self._meant: dict[str, Use | Encoded] = {}
        for name, text in sample.items():
            self._know(text, Use(name))
        for name, text in sample.items():
            for separator in separators:
                pieces = text.split(separator)
                for index, piece in enumerate(pieces[:MOST_PIECES]):
                    self._know(piece, Use(name, separator, index))
                self._know(pieces[-1], Use(name, separator, -1))
        known = sorted(self._meant, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, known)))

    def _know(self, text: str, use: Use) -> None:
        if len(text) >= SHORTEST_PIECE:
            self._meant.setdefault(text, use)
            self._meant.setdefault(_uri(text), Encoded("uri", (use,)))
            self._meant.setdefault(_json(text), Encoded("json", (use,)))

    def read(self, text: str) -> Parts:
        parts: list[str | Use | Encoded] = []
        end = 0
        for found in self._pattern.finditer(text):
            parts += [*self._decoded(text[end : found.start()]), self._meant[found[0]]]
            end = found.end()
        return (*parts, *self._decoded(text[end:]))

    def _decoded(self, text: str) -> Iterator[str | Encoded]:
        end = 0
        for run in _BASE64_RUN.finditer(text):
            inner = self._inside(run[0])
            if inner:
                yield text[end : run.start()]
                yield Encoded("base64", inner)
                end = run.end()
        yield text[end:]

    def _inside(self, run: str) -> Parts:
        """What stands in base64, if it is made of the sample."""
        try:
            parts = self.read(base64.b64decode(run, validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            return ()
        return parts if any(not isinstance(part, str) for part in parts) else ()


# ------------------------------------------------------------------ samples


@dataclass(frozen=True, slots=True)
class Samples:
    """Made-up credentials, for what some expressions may do with one."""

    each: tuple[Sample, ...] = field(repr=False)
    reader: _Reader = field(repr=False)
    """Knows the first."""

    @classmethod
    def of(cls, fields: Sequence[str], sources: Sequence[str]) -> "Samples":
        """What the sources split at stands in the middle of most; every short string at both ends of one.

        For it is what a credential may be trimmed of, searched for or compared with there.
        """
        literals = _literals(_STRING, sources)
        separators = [literal for literal in _literals(_SPLIT, sources) if len(literal) <= LONGEST_SEPARATOR]
        rich = {name: _core(separators, 4, _rich) for name in fields}
        plain = [
            {name: _core(separators, times, lambda: _letters(21)) for name in fields}
            for times in (range(MOST_PIECES) if separators else (0,))
        ]
        sized = ({name: _letters(size) for name in fields} for size in SIZES)
        ended = ({name: f"{end}{_core(separators, 3, _rich)}{end}" for name in fields} for end in literals)
        return cls((rich, *plain, *sized, *ended), _Reader(rich, separators))


def _literals(pattern: re.Pattern[str], sources: Sequence[str]) -> list[str]:
    found = (_literal(written) for source in sources for written in pattern.findall(source))
    return list(dict.fromkeys(literal for literal in found if literal))[:MOST_LITERALS]


def _literal(written: str) -> str | None:
    try:
        literal = parse(f'"{written}"')
    except JsonTextError:
        return None
    return literal if isinstance(literal, str) and len(literal) <= LONGEST_LITERAL else None


def _core(separators: Sequence[str], times: int, piece: Callable[[], str]) -> str:
    return piece() + "".join(separator + piece() for _ in range(times) for separator in separators)


def _rich() -> str:
    return _letters(12) + _SPECIAL + _letters(12)


def _letters(count: int) -> str:
    return secrets.token_hex(count // 2 + 1)[:count].translate(_AS_LETTERS)


# ------------------------------------------------------------------ parts


def _render(parts: Parts, reveal: Reveal) -> str:
    return "".join(_rendered(part, reveal) for part in parts)


def _rendered(part: str | Use | Encoded, reveal: Reveal) -> str:
    match part:
        case Use():
            return reveal(part)
        case Encoded(form=form, parts=parts):
            return _FORMS[form](_render(parts, reveal))
        case _:
            return part


def _revealing(sample: Sample) -> Reveal:
    return lambda use: use.of(sample[use.field])


def _uses(part: str | Use | Encoded) -> Iterator[Use]:
    if isinstance(part, Use):
        yield part
    elif isinstance(part, Encoded):
        for inner in part.parts:
            yield from _uses(inner)


def _same(same: bool) -> None:
    if not same:
        raise PlaceholderError(REMEDY)
