"""Takes the secrets of a call out of everything that comes back, in every form an upstream may echo them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate

from agentos_runtime.jsontext import Json, dump
from agentos_runtime.regexes import regex
from agentos_runtime.security.credentials.search import Place, SecretSearch
from agentos_runtime.security.credentials.secret import Credential, Secret

REDACTED = "[redacted]"
SHORTEST = 8
"""Shorter secrets are left: taking every `admin` or `1234` out would destroy honest replies, and show by the
holes what the secret is. As a part of `username:password` they are taken out."""
CUT = "…"
"""What a text ends with that was cut because of its length."""
_TOGETHER = 32
"""Pieces of a stream that are looked at together."""
CONTEXT = 64
"""Bytes of a stream that are looked at again: the first byte of a secret may share a base64 character with them."""


class Redactor:
    """Replaces secrets by `[redacted]`, in all forms that `SecretSearch` finds and, where all digits, as numbers.

    Of an encoded form up to the first two characters may stay: they also hold bits of what stands before it.
    A secret that is spread over several texts (two fields, two keys, the items of a list) is not found.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self.secrets = frozenset(secrets)
        texts = {text for secret in self.secrets if len(text := secret.reveal()) >= SHORTEST}
        self.hides_numbers = any(map(_DIGITS.fullmatch, texts))
        """Whether a secret is all digits, so that a number may be one."""
        words = {
            word.encode("utf-8", "surrogatepass")
            for text in texts
            for word in (text, text.replace(" ", "+"), *_spellings(text), *_in_sentences(text))
        }
        self.search = SecretSearch(words) if words else None
        self._larger: dict[frozenset[Secret], Redactor] = {}

    @classmethod
    def of(cls, credential: Credential | None) -> "Redactor":
        """Over every field of a credential, and `username:password` as basic authentication sends it."""
        if credential is None:
            return cls(())
        fields = credential.fields
        secrets = [*fields.values()]
        if {"username", "password"} <= fields.keys():
            secrets.append(Secret(f"{fields['username'].reveal()}:{fields['password'].reveal()}"))
        return cls(secrets)

    def and_those_of(self, other: "Redactor") -> "Redactor":
        """Over the secrets of both."""
        if not self.secrets:
            return other
        if other.secrets <= self.secrets:
            return self
        return other if self.secrets <= other.secrets else Redactor(self.secrets | other.secrets)

    def and_pieces(self, pieces: Iterable[Secret]) -> "Redactor":
        """Over pieces that were split off a secret, too: a new one for new pieces only."""
        added = frozenset(pieces) - self.secrets
        if not added or not self.secrets:
            return Redactor(added) if added else self
        if added not in self._larger:
            self._larger[added] = Redactor(self.secrets | added)
        return self._larger[added]

    def __repr__(self) -> str:
        return f"Redactor({len(self.secrets)} secrets)"

    def clean(self, value: Json, text: bytes | None = None) -> Json:
        """The value without secrets, in keys too; the very same value when none is in it. text: its JSON."""
        if self.search is None or not (self.hides_numbers or isinstance(value, (str, list, dict))):
            return value
        if not self.search.may_hold(dump(value) if text is None else text) or self._is_clean(self.search, value):
            return value
        return self._walk(value)

    def may_change(self, text: bytes) -> bool:
        """Whether `clean` may find a secret in values whose JSON stands in the text, one a line; quickly told."""
        return self.search is not None and self.search.may_hold(text)

    def clean_text(self, text: str) -> str:
        """The text without secrets. One that ends in `…` was cut: at its end the beginning of a secret goes too."""
        if self.search is None or (len(text) < self.search.shortest and text.isascii()):
            return text
        if text.endswith(CUT):
            return self._without_beginning(text[: -len(CUT)]) + CUT
        data = text.encode("utf-8", "surrogatepass")
        cleaned = self.clean_bytes(data)
        return text if cleaned is data else cleaned.decode("utf-8", "surrogatepass")

    def clean_sentence(self, text: str) -> str:
        """As `clean_text`, of a sentence in which others' words may stand: also those that end in `…` were cut."""
        *cut, last = self.clean_text(text).split(CUT)
        return CUT.join([*map(self._without_beginning, cut), last])

    def _without_beginning(self, text: str) -> str:
        """A text that was cut, without what may be the beginning of a secret at its end."""
        stream = self.stream()
        return stream.feed(text) + stream.flush(cut=True)

    def clean_bytes(self, data: bytes) -> bytes:
        """For replies that are handed on as bytes; what is not UTF-8 in them stays as it is."""
        if self.search is None or not self.search.may_hold(data):
            return data
        places = self.search.find(data).places
        return b"".join(_replaced(data, 0, len(data), _merged(places))) if places else data

    def stream(self) -> "StreamRedactor":
        """A new one for each text that arrives in pieces."""
        return StreamRedactor(lambda: self)

    def _is_clean(self, search: SecretSearch, value: Json) -> bool:
        """Whether nothing is found in all texts of the value at once: quicker than in one after the other."""
        if self.hides_numbers or not search.stops_at(_BETWEEN):
            return False
        texts: list[str] = []
        _gather(value, texts)
        together = _BETWEEN.join(texts) + _BETWEEN
        return CUT + _BETWEEN not in together and not search.find(together.encode("utf-8", "surrogatepass")).places

    def _walk(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.clean_text(value)
        if isinstance(value, list):
            cleaned = [self._walk(item) for item in value]
            return cleaned if any(a is not b for a, b in zip(cleaned, value, strict=True)) else value
        if isinstance(value, dict):
            fields = {self.clean_text(name): self._walk(item) for name, item in value.items()}
            same = all(a is b for a, b in zip(fields.values(), value.values(), strict=False))
            return value if same and fields.keys() == value.keys() else fields
        return REDACTED if self.hides_numbers and self._is_secret_number(value) else value

    def _is_secret_number(self, value: float | None) -> bool:
        """Whether the digits of a number hold a secret, however the number is written."""
        if isinstance(value, bool) or value is None:
            return False
        texts = {repr(value), format(Decimal(repr(value)), "f")}
        texts |= {text.replace(".", "") for text in texts}
        return any(self.clean_text(text) != text for text in texts)


class StreamRedactor:
    """Cleans one text that arrives in pieces: an end that may be the beginning of a secret is held back.

    Whatever the pieces, what `feed` and `flush` give adds up to `clean_text` of the whole. `redactor` is asked at
    every piece, since a call may come to know more secrets.
    """

    __slots__ = ("_data", "_given", "_redactor")

    def __init__(self, redactor: Callable[[], Redactor]) -> None:
        self._redactor = redactor
        self._data = b""
        self._given = 0
        """How much of the data was passed on already."""

    def another(self) -> "StreamRedactor":
        """One for another text, over the same secrets."""
        return StreamRedactor(self._redactor)

    def feed(self, text: str) -> str:
        """What can be passed on now."""
        search = self._redactor().search
        if search is None and not self._data:
            return text
        more = text.encode("utf-8", "surrogatepass")
        shown = self._fed(search, more)
        return text if shown is more else shown.decode("utf-8", "surrogatepass")

    def feed_each(self, texts: Sequence[str]) -> list[str]:
        """What `feed` gives for each of some texts without half of a character."""
        search = self._redactor().search
        if search is None or len(texts) == 1:
            return [*map(self.feed, texts)]
        fed: list[str] = []
        for at in range(0, len(texts), _TOGETHER):
            some = texts[at : at + _TOGETHER]
            shown = self._shown(search, some)
            fed += shown
            fed += map(self.feed, some[len(shown) :])
        return fed

    def _shown(self, search: SecretSearch, texts: Sequence[str]) -> list[str]:
        """What `feed` gives for those of the texts that come first and of which it is quickly known."""
        pieces = [text.encode() for text in texts]
        ends = [*accumulate(map(len, pieces), initial=len(self._data))]
        data = b"".join([self._data, *pieces])
        given, end = self._given, ends.pop(0)
        shown: list[str] = []
        for text, after, opens in zip(texts, ends, search.opens_at_each(data, ends), strict=False):
            if given == end and opens == after:
                shown.append(text)
                given = after
            else:
                held = max(opens, given)
                shown.append(data[given:held].decode("utf-8", "surrogatepass"))
                given = held
            end = after
        self._keep(data[:end], given)
        return shown

    def _keep(self, data: bytes, given: int) -> None:
        """The text so far, of which so much was passed on."""
        kept = max(0, given - CONTEXT)
        self._data, self._given = data[kept:], given - kept

    def feed_bytes(self, more: bytes) -> bytes:
        """The same for a text that is handed on as bytes; what is not UTF-8 in it stays as it is."""
        return self._fed(self._redactor().search, more)

    def _fed(self, search: SecretSearch | None, more: bytes) -> bytes:
        if search is None:
            return self.flush_bytes() + more if self._data else more
        data, given = self._data + more, self._given
        opens = search.opens_at(data)
        if opens == len(data) and given == len(self._data):
            self._keep(data, opens)
            return more
        spans = []
        if opens < 0:
            found = search.find(data, goes_on=True)
            opens, spans = found.open_from, _merged(found.places)
        held = max(opens, given)
        if spans:
            if spans[-1][0] < held < spans[-1][1]:
                held = max(spans[-1][0], given)
            shown = b"".join(_replaced(data, given, held, spans))
        else:
            shown = data[given:held]
        self._keep(data, held)
        return shown

    def flush(self, *, cut: bool = False) -> str:
        """What was held back, at the end of the text. cut: it was to go on, so a begun secret is taken out."""
        return self.flush_bytes(cut=cut).decode("utf-8", "surrogatepass")

    def flush_bytes(self, *, cut: bool = False) -> bytes:
        """The same for bytes."""
        search, data, given = self._redactor().search, self._data, self._given
        self._data, self._given = b"", 0
        if len(data) == given:
            return b""
        if cut and len(data) - given >= SHORTEST:
            return REDACTED.encode("ascii")
        spans = _merged(search.find(data).places) if search else []
        return b"".join(_replaced(data, given, len(data), spans))


def _gather(value: Json, texts: list[str]) -> None:
    """Add all texts of a value, those of keys too."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        texts += value
        for each in value.values():
            _gather(each, texts)
    elif isinstance(value, list):
        for each in value:
            _gather(each, texts)


def _merged(places: Iterable[Place]) -> list[tuple[int, int]]:
    """The spans in order, those that overlap as one."""
    spans: list[tuple[int, int]] = []
    for start, end, _ in sorted(places):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _replaced(data: bytes, at: int, end: int, spans: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """The data from `at` to `end`, the spans in it replaced."""
    for start, stop in spans:
        if stop > at and start < end:
            yield data[at : max(at, start)]
            yield REDACTED.encode("ascii")
            at = stop
    yield data[at:end]


def _in_sentences(text: str) -> Iterator[str]:
    """What a secret of several lines, or one that ends in a dot, becomes in the sentence of an error."""
    folded = " ".join(text.split()).rstrip(".")
    if len(folded) >= SHORTEST:
        yield folded


def _spellings(text: str) -> Iterator[str]:
    """Other ways in which JSON may write a secret that consists of digits."""
    if not _DIGITS.fullmatch(text):
        return
    digits = text.lstrip("0")
    mantissa, exponent = digits.rstrip("0"), len(digits) - 1
    written = [digits, *(f"{mantissa[:1]}.{mantissa[1:]}{e}{exponent}" for e in ("e", "E", "e+", "E+"))]
    if len(digits) >= SHORTEST:
        written.append(repr(float(digits)))
    yield from (way for way in written if len(way) >= SHORTEST)


_DIGITS = regex("[0-9]+")
NO_SECRETS = Redactor(())
"""Where nothing is to be hidden yet."""
_BETWEEN = "\0"
"""Stands between texts that are searched together; no form of a secret holds it, unless the secret itself does."""
