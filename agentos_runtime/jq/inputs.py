"""What a program gets: values, and the JSON text of them for a worker, which is written only where one is asked.

jq keeps a number as it was written until it computes with it, and a worker has two forms of a program: the quick
one gives doubles, whole ones without a point; the exact one, taken when 16 digits stand in a row anywhere in the
input or the output, gives numbers as they were written. So how things are spelled is looked at, in the texts that
the values came from.
"""

from collections.abc import Callable, Sequence
from typing import Self

from agentos_runtime.jsontext import Json, parse
from agentos_runtime.regexes import regex

SHAPES = bytes(48 if 48 <= byte <= 57 else 101 if byte == 69 else byte for byte in range(256))
"""Every digit as 0, every E as e."""
LONG = b"0" * 16
_WIDE_SHAPES = SHAPES.replace(b".", b"0")
"""Points as well: a number of so many digits has so many of these in a row."""
_TINY = b"e-000"
"""In a text with a number that may be so small that a double keeps few of its digits, or none."""
_EXPONENT, _NEGATIVE = b"0e", b"0e-"
_WITH_MANY = b"0" * 10 + b"e"
"""With another exponent than a negative one, or behind so many digits, a number may be written with that many: one
of a few digits and a small negative exponent has few of them as well."""
_ESCAPES, _MINUS = b"\\-"
"""One byte is quicker looked for than several."""
_ODD_ZERO = regex(rb"-0(?<=[\[:,\s]-0)(?![.0-9])")
_HALF = regex(rb"\\u[dD][89a-fA-F]")
_PAIR = regex(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


class Spelling:
    """How numbers and characters are spelled in a JSON text."""

    __slots__ = ("_parts", "_plain", "_text", "odd", "size")

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._plain: bool | None = None
        self._parts: tuple[Spelling, ...] = ()
        self.size = len(text)
        escaped = _ESCAPES in text and b"\\u" in text
        self.odd = (_MINUS in text and b"-0" in text and _ODD_ZERO.search(text) is not None and _is_odd(text)) or (
            escaped and _HALF.search(text) is not None and _is_odd(text)
        )
        """Whether there is a negative zero, or half a surrogate pair: jq reads both in its own way."""
        if escaped:
            self._plain = False  # digits may be escaped

    @classmethod
    def both(cls, one: "Spelling", other: "Spelling") -> "Spelling":
        """Of two texts that a document was read from."""
        made = cls(b"")
        made._parts = one, other
        made._plain = None
        made.size = one.size + other.size
        made.odd = one.odd or other.odd
        return made

    @property
    def plain(self) -> bool:
        """Whether neither this text, nor one that says the same, has a number of many digits."""
        if self._plain is None and self._parts:
            self._plain = self._parts[0].plain and self._parts[1].plain
        if self._plain is None:
            shapes = self._text.translate(_WIDE_SHAPES)
            # `in` asks first whether what it looks for is a number, which costs more than the look.
            self._plain = (
                shapes.find(LONG) < 0
                and shapes.find(_TINY) < 0
                and (
                    shapes.find(_EXPONENT) < 0
                    or (_WITH_MANY not in shapes and shapes.count(_EXPONENT) == shapes.count(_NEGATIVE))
                )
            )
        return self._plain


class ProgramInput:
    """The input of one run. Nothing of the document is changed, nor kept in what comes of it.

    spellings: of the texts that the document was read from, or says. write: gives the text of the document.
    """

    __slots__ = ("_spellings", "_text", "_uncertain", "_write", "document", "odd", "size")

    def __init__(self, document: Json, spellings: Sequence[Spelling], write: Callable[[], bytes]) -> None:
        self.document = document
        self._spellings = spellings
        self._write = write
        self._text: bytes | None = None
        self._uncertain: bool | None = None
        self.size = 0
        """Bytes of what it was read from."""
        self.odd = False
        """Whether something is in it that jq reads in its own way."""
        for each in spellings:
            self.size += each.size
            self.odd = self.odd or each.odd

    @classmethod
    def of(cls, text: bytes) -> Self:
        """Of a text. Raises JsonTextError."""
        return cls(parse(text), (Spelling(text),), lambda: text)

    @property
    def text(self) -> bytes:
        """The document as JSON."""
        if self._text is None:
            self._text = self._write()
        return self._text

    def uncertain(self) -> bool:
        """It may hold numbers of more digits than a double keeps of them."""
        if self._uncertain is None:
            self._uncertain = self._may_be_uncertain() and self._is_uncertain()
        return self._uncertain

    @property
    def exact(self) -> bool:
        """A worker would take the exact form."""
        return self.uncertain() and LONG in self.text.translate(SHAPES)

    def _may_be_uncertain(self) -> bool:
        for each in self._spellings:  # noqa: SIM110 - a generator costs more than the loop
            if not each.plain:
                return True
        return False

    def _is_uncertain(self) -> bool:
        shapes = self.text.translate(_WIDE_SHAPES)
        return LONG in shapes or _TINY in shapes


def _is_odd(text: bytes) -> bool:
    only_letters = _PAIR.sub(b"__", text.replace(b"\\\\", b"__"))
    return _ODD_ZERO.search(only_letters) is not None or _HALF.search(only_letters) is not None
